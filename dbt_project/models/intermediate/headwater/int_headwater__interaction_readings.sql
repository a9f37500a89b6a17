-- As int_headwater__document_readings: all is compared, what differs is written.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ compare_rows([
            ref('int_github__interactions'),
            ref('int_linear__interactions'),
            ref('int_notion__interactions')
        ]) }}",
    )
}}

with github_interactions as (
    select * from {{ ref('int_github__interactions') }}
),

linear_interactions as (
    select * from {{ ref('int_linear__interactions') }}
),

notion_interactions as (
    select * from {{ ref('int_notion__interactions') }}
),

unite_interactions as (
    select * from github_interactions
    union all by name
    select * from linear_interactions
    union all by name
    select * from notion_interactions
),

hash_interactions as (
    select
        *,
        hash(unite_interactions) as fingerprint
    from unite_interactions
),

different_interactions as (
    select * from hash_interactions
    {% if is_incremental() %}
        where false
        union all by name
        {{ compared_rows() }}
    {% endif %}
)

select * from different_interactions
