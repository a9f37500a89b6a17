-- Under which keys documents can be referred to. The lower rank has the better claim to
-- a key: what an issue is called now goes before what another was called once.
-- A view forgets that a CTE is not to be materialized, so documents are named directly.
{% set documents = ref('int_headwater__documents') %}

with issue_keys as (
    select * from {{ ref('int_linear__issue_keys') }}
),

-- Every name that a repository had when it was read.
repositories as (
    select
        connection_id,
        external_id,
        unnest([
            lower(container),
            lower(if({{ is_readable('payload') }}, payload ->> '$.full_name', null))
        ]) as repository_name,
        observed_at
    from {{ raw_rows('raw_github', 'repositories') }}
    where external_id != '*'
),

repository_names as (
    select
        connection_id,
        external_id,
        repository_name,
        max(observed_at) as seen_at
    from repositories
    where repository_name is not null
    group by connection_id, external_id, repository_name
),

current_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        source_type || ':' || case source_type
            when 'github'
                then lower(container) || substr(source_id, len(container) + 1)
            when 'notion' then replace(split_part(document_id, ':', 3), '-', '')
            else source_id
        end as reference_key,
        1 as key_rank
    from {{ documents }}
),

document_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        document_id as reference_key,
        1 as key_rank
    from {{ documents }}
),

-- Branches and wiki pages have a name in their address only.
page_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        -- As a condition alone it would be worked out for every document.
        'github:' || case
            when document_type in ('file', 'wiki_page') then {{ page_key('url') }}
        end as reference_key,
        1 as key_rank
    from {{ documents }}
    where document_type in ('file', 'wiki_page') and url is not null
),

former_keys as (
    select
        documents.connection_id,
        documents.document_id,
        documents.deleted_at,
        'linear:' || issue_keys.issue_key as reference_key,
        2 as key_rank
    from issue_keys
    inner join {{ documents }} as documents using (document_id)
    where not issue_keys.is_current
),

-- A renamed repository keeps its id. What has its old name now goes first.
renamed_repositories as (
    select
        names.connection_id,
        names.repository_name,
        others.repository_name as other_name
    from repository_names as names
    inner join repository_names as others
        on
            names.connection_id = others.connection_id
            and names.external_id = others.external_id
            and names.repository_name != others.repository_name
    qualify names.external_id = max_by(names.external_id, names.seen_at) over (
        partition by names.connection_id, names.repository_name
    )
),

renamed_keys as (
    select
        documents.connection_id,
        documents.document_id,
        documents.deleted_at,
        'github:' || renamed.other_name
        || substr(documents.source_id, len(documents.container) + 1) as reference_key,
        2 as key_rank
    from {{ documents }} as documents
    inner join renamed_repositories as renamed
        on
            documents.connection_id = renamed.connection_id
            and lower(documents.container) = renamed.repository_name
    where documents.source_type = 'github'
),

-- A database is opened at the first of its data sources.
database_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        'notion:' || replace(source_metadata ->> '$.database_id', '-', '')
            as reference_key,
        2 as key_rank
    from {{ documents }}
    where document_type = 'data_source'
    qualify row_number() over (
        partition by source_metadata ->> '$.database_id'
        order by deleted_at is null desc, source_created_at asc, document_id asc
    ) = 1
),

unite_keys as (
    select * from current_keys
    union all by name
    select * from document_keys
    union all by name
    select * from page_keys
    union all by name
    select * from former_keys
    union all by name
    select * from renamed_keys
    union all by name
    select * from database_keys
),

known_keys as (
    select
        reference_key,
        document_id,
        connection_id,
        key_rank,
        deleted_at
    from unite_keys
    where reference_key is not null
)

select * from known_keys
