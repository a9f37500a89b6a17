{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'protected': 'BOOLEAN', 'commit': {'sha': 'VARCHAR'},
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
        record['commit'].sha as commit_sha,
        coalesce(record.protected, false) as is_protected,
        {{ envelope_times() }}
    from listing
)

select * from renamed
