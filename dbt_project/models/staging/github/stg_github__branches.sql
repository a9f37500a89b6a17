{{ config(materialized='table') }}

{#- A row is an object of GraphQL, or of REST for what GraphQL does not show. -#}
{% set shape = {
    'name': 'VARCHAR', 'protected': 'BOOLEAN', 'commit': {'sha': 'VARCHAR'},
    'target': {'oid': 'VARCHAR'}, 'refUpdateRule': {'pattern': 'VARCHAR'},
    'rules': {'totalCount': 'BIGINT'},
} %}

with listing as (
    {{
        newest_listing(
            'raw_github', 'branches', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as branch_name,
        coalesce(record.target.oid, record['commit'].sha) as commit_sha,
        coalesce(record.protected, false)
        or record.refUpdateRule.pattern is not null
        or coalesce(record.rules.totalCount > 0, false) as is_protected,
        {{ envelope_times() }}
    from listing
)

select * from renamed
