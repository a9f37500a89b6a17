-- Under which keys documents can be referred to. The lower rank has the better claim to
-- a key: what an issue is called now goes before what another was called once.
with documents as (
    select * exclude (body) from {{ ref('int_headwater__documents') }}
),

issue_keys as (
    select * from {{ ref('int_linear__issue_keys') }}
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
    from documents
),

document_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        document_id as reference_key,
        1 as key_rank
    from documents
),

-- Branches and wiki pages have a name in their address only.
page_keys as (
    select
        connection_id,
        document_id,
        deleted_at,
        'github:' || {{ page_key('url') }} as reference_key,
        1 as key_rank
    from documents
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
    inner join documents using (document_id)
    where not issue_keys.is_current
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
    from documents
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
    select * from database_keys
),

choose_claims as (
    select
        reference_key,
        document_id,
        connection_id,
        min(key_rank) as key_rank,
        any_value(deleted_at) as deleted_at
    from unite_keys
    where reference_key is not null
    group by reference_key, document_id, connection_id
)

select * from choose_claims
