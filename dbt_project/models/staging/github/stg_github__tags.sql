{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'node_id': 'VARCHAR', 'commit': {'sha': 'VARCHAR'},
} %}

with listing as (
    {{
        newest_listing(
            'raw_github', 'tags', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.node_id as tag_id,
        record.name as tag_name,
        record['commit'].sha as commit_sha,
        {{ envelope_times() }}
    from listing
)

select * from renamed
