with recursive pages as not materialized (
    select * from {{ ref('stg_notion__pages') }}
),

data_sources as not materialized (
    select * from {{ ref('stg_notion__data_sources') }}
),

comments as not materialized (
    select * from {{ ref('stg_notion__comments') }}
),

rendered_texts as not materialized (
    select * from {{ ref('int_notion__rendered_texts') }}
),

page_values as (
    select
        connection_id,
        external_id,
        json_group_object(property_name, value_json) as property_values,
        count(*) filter (where property_type = 'status') as status_count,
        any_value(value_json ->> '$') filter (where property_type = 'status')
            as status,
        any_value(status_option_id) as status_option_id
    from {{ ref('stg_notion__page_properties') }}
    group by connection_id, external_id
),

-- The options of a status are in groups, which stand in their order, however they are
-- called in a workspace: to do, in progress, complete.
statuses as (
    select
        data_sources.connection_id,
        data_sources.external_id as data_source_id,
        flatten(list(properties.value ->> '$.status.groups[*].option_ids[*]'))
            as option_ids,
        flatten(list(properties.value ->> '$.status.groups[#-1].option_ids[*]'))
            as complete_option_ids
    from data_sources
    inner join json_each(data_sources.properties_json) as properties on true
    where
        json_type(data_sources.properties_json) = 'OBJECT'
        and (properties.value ->> '$.type') = 'status'
    group by data_sources.connection_id, data_sources.external_id
),

page_documents as (
    select
        pages.*,
        'page' as document_type,
        nullif(pages.title, '') as heading,
        rendered_texts.markdown as body,
        nullif(property_texts.markdown, '') as further_text,
        pages.page_url as url,
        -- Of two properties that say a state, nobody can tell which is the row's.
        if(page_values.status_count = 1, page_values.status, null) as source_state,
        case
            when page_values.status_count != 1 then null
            when
                page_values.status_option_id in statuses.complete_option_ids
                then 'closed'
            when page_values.status_option_id in statuses.option_ids then 'open'
        end as state,
        pages.properties_json ->> '$.*.people[*].id' as people,
        to_json({
            'parent_type': pages.parent_type,
            'public_url': pages.public_url,
            'last_editor_id': pages.last_editor_id,
            'is_locked': pages.is_locked,
            'properties': page_values.property_values
        }) as source_metadata
    from pages
    left join page_values
        on
            pages.connection_id = page_values.connection_id
            and pages.external_id = page_values.external_id
    left join statuses
        on
            pages.connection_id = statuses.connection_id
            and pages.parent_data_source_id = statuses.data_source_id
    left join rendered_texts
        on
            pages.connection_id = rendered_texts.connection_id
            and pages.external_id = rendered_texts.external_id
            and rendered_texts.resource = 'page_contents'
    left join rendered_texts as property_texts
        on
            pages.connection_id = property_texts.connection_id
            and pages.external_id = property_texts.external_id
            and property_texts.resource = 'pages'
),

data_source_documents as (
    select
        *,
        'data_source' as document_type,
        nullif(title, '') as heading,
        nullif(description, '') as body,
        data_source_url as url,
        to_json({
            'database_id': database_id,
            'public_url': public_url,
            'last_editor_id': last_editor_id,
            'is_inline': is_inline,
            'properties': properties_json
        }) as source_metadata
    from data_sources
),

comment_documents as (
    select
        comments.*,
        'comment' as document_type,
        'comments/' || left(comments.external_id, 8) as path_part,
        coalesce(rendered_texts.markdown, comments.plain_text) as body,
        to_json({
            'discussion_id': comments.discussion_id,
            'parent_type': comments.parent_type,
            'parent_block_id': comments.parent_block_id
        }) as source_metadata
    from comments
    left join rendered_texts
        on
            comments.connection_id = rendered_texts.connection_id
            and comments.external_id = rendered_texts.external_id
            and rendered_texts.resource = 'comments'
),

unite_documents as (
    select
        * exclude (title, path_part),
        'notion:' || document_type || ':' || external_id as document_id,
        coalesce(path_part, heading, 'Untitled') as path_part
    from (
        select * from page_documents
        union all by name
        select * from data_source_documents
        union all by name
        select * from comment_documents
    ) as documents
),

-- What an object may name as its parent, and the document that stands for it: itself,
-- the first data source of a database, the page a block is on. A child page is also a
-- block of its parent, so the nearest meaning wins.
candidates as (
    select
        connection_id,
        external_id as holder_id,
        document_id,
        1 as distance
    from unite_documents
    where document_type != 'comment'
    union all
    select
        connection_id,
        database_id as holder_id,
        document_id,
        2 as distance
    from unite_documents
    where database_id is not null
    union all
    select
        connection_id,
        unnest(block_ids) as holder_id,
        'notion:page:' || external_id as document_id,
        3 as distance
    from rendered_texts
    where resource = 'page_contents'
),

holders as (
    select
        connection_id,
        holder_id,
        min_by(document_id, (distance, document_id)) as document_id
    from candidates
    group by connection_id, holder_id
),

find_parents as (
    select
        documents.*,
        holders.document_id as parent_document_id
    from unite_documents as documents
    left join holders
        on
            documents.connection_id = holders.connection_id
            and coalesce(
                documents.parent_data_source_id,
                documents.parent_page_id,
                documents.parent_block_id,
                documents.parent_database_id
            ) = holders.holder_id
),

-- From the top down, so that a cycle in the source ends nothing but its own branch. Two
-- connections may know one object, and not the same of what holds it.
paths as (
    select
        connection_id,
        document_id,
        document_id as root_document_id,
        path_part as path
    from find_parents
    where parent_document_id is null
    union all
    select
        children.connection_id,
        children.document_id,
        paths.root_document_id,
        paths.path || '/' || children.path_part as path
    from find_parents as children
    inner join paths
        on
            children.connection_id = paths.connection_id
            and children.parent_document_id = paths.document_id
),

describe_documents as (
    select
        documents.document_id,
        documents.connection_id,
        'notion' as source_type,
        documents.container,
        documents.event_id,
        documents._dlt_load_id,
        coalesce(paths.path, documents.path_part) as source_id,
        documents.document_type,
        documents.heading as title,
        documents.body,
        documents.further_text,
        documents.url,
        documents.state,
        documents.source_state,
        null::varchar[] as labels,
        documents.people,
        documents.parent_document_id,
        paths.root_document_id,
        'notion:' || documents.creator_id as author_identity_id,
        documents.source_metadata,
        true as is_private,
        documents.source_created_at,
        documents.source_updated_at,
        documents.first_seen_at,
        documents.last_seen_at,
        documents.deleted_at,
        documents.deletion_reason
    from find_parents as documents
    left join paths
        on
            documents.connection_id = paths.connection_id
            and documents.document_id = paths.document_id
)

select * from describe_documents
