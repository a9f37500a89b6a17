-- A table, not incremental: parent, visibility and slug of a document change without
-- an event of its own. What costs, parsing and rendering, is incremental below.
with github_documents as (
    select * from {{ ref('int_github__documents') }}
),

linear_documents as (
    select * from {{ ref('int_linear__documents') }}
),

notion_documents as (
    select * from {{ ref('int_notion__documents') }}
),

sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

unite_documents as (
    select * from github_documents
    union all by name
    select * from linear_documents
    union all by name
    select * from notion_documents
),

-- Two connections may read the same object: the newer reading stands for both.
choose_reading as (
    select *
    from unite_documents
    qualify row_number() over (
        partition by document_id
        order by
            deleted_at is null desc,
            source_updated_at desc nulls last,
            last_seen_at desc,
            connection_id asc,
            container asc
    ) = 1
),

name_slugs as (
    select
        * replace (coalesce(source_id, document_id) as source_id),
        {{ slugify('coalesce(source_id, document_id)', 'document_id') }} as base_slug
    from choose_reading
),

number_slugs as (
    select
        *,
        row_number() over (
            partition by connection_id, base_slug
            order by source_created_at asc nulls last, document_id asc
        ) as slug_number
    from name_slugs
),

describe_documents as (
    select
        documents.document_id,
        documents.connection_id,
        documents.event_id,
        documents._dlt_load_id,
        documents.source_type,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.body,
        documents.url,
        if(
            documents.slug_number = 1,
            documents.base_slug,
            documents.base_slug || '-' || left(sha256(documents.document_id), 8)
        ) as slug,
        documents.state,
        documents.source_state,
        coalesce(list_sort(documents.labels), []) as labels,
        documents.parent_document_id,
        coalesce(documents.root_document_id, documents.document_id) as root_document_id,
        documents.author_identity_id,
        documents.source_metadata::json as source_metadata,
        null::json as frontmatter,
        to_json({
            'mentions': []::varchar[],
            'graph': if(
                documents.parent_document_id is null,
                [],
                [{ 'relation': 'parent', 'document_id': documents.parent_document_id }]
            ),
            'temporal': []::varchar[]
        }) as relationships,
        sha256(
            coalesce(documents.title, '') || chr(10) || coalesce(documents.body, '')
        ) as content_hash,
        sha256(
            to_json({
                'state': documents.source_state,
                'normalized_state': documents.state,
                'labels': coalesce(list_sort(documents.labels), []),
                'author': documents.author_identity_id,
                'people': coalesce(list_sort(documents.people), []),
                'parent': documents.parent_document_id
            })::varchar
        ) as metadata_hash,
        case
            when sources.content_visibility = 'public' then 'public'
            when sources.content_visibility = 'mixed' and not documents.is_private
                then 'public'
            else 'private'
        end as visibility,
        documents.deletion_reason,
        documents.source_created_at,
        documents.source_updated_at,
        documents.first_seen_at,
        documents.last_seen_at,
        documents.deleted_at
    from number_slugs as documents
    left join sources on documents.connection_id = sources.connection_id
)

select * from describe_documents
