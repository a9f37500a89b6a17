-- What is known of the document that people call by this key: `owner/repo#12`, ENG-123,
-- a path, a commit's `owner/repo@sha`? Case does not matter. A former key of a Linear
-- issue finds it, too.
--
--     dbt compile --select documents_by_external_key --vars '{key: owner/repo#12}'
{% set key = var("key", "tidewater-labs/gauge#1") | replace("'", "''") %}

with documents as (
    select * from {{ ref('documents') }}
),

find_documents as (
    select
        document_id,
        connection_id,
        source_id,
        document_type,
        title,
        state,
        author_identity_id,
        url,
        visibility,
        source_updated_at,
        deleted_at
    from documents
    where
        lower(source_id) = lower('{{ key }}')
        or list_contains(
            from_json(source_metadata -> '$.previous_identifiers', '["VARCHAR"]'),
            upper('{{ key }}')
        )
)

select * from find_documents
order by document_id asc
