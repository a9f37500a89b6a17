-- A table, because three things are made of it: what documents say of each other, which
-- names they have, and documents themselves.
{{ config(materialized='table') }}

with github_documents as (
    select * from {{ ref('int_github__documents') }}
),

linear_documents as (
    select * from {{ ref('int_linear__documents') }}
),

notion_documents as (
    select * from {{ ref('int_notion__documents') }}
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

hash_texts as (
    select
        * replace (coalesce(source_id, document_id) as source_id),
        sha256(coalesce(title, '') || chr(10) || coalesce(body, '')) as content_hash
    from choose_reading
)

select * from hash_texts
