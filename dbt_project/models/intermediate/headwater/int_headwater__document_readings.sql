-- Every build reads all of staging for this, narrow columns and texts alike, and writes
-- what differs from what it wrote before. So whatever a document takes from others (its
-- parent, its repository's privacy, a thread's state) needs no account of its own.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ compare_rows([
            ref('int_github__documents'),
            ref('int_linear__documents'),
            ref('int_notion__documents')
        ]) }}",
    )
}}

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

hash_documents as (
    select
        *,
        hash(unite_documents) as fingerprint
    from unite_documents
),

different_documents as (
    select * from hash_documents
    {% if is_incremental() %}
        where false
        union all by name
        {{ compared_rows() }}
    {% endif %}
)

select * from different_documents
