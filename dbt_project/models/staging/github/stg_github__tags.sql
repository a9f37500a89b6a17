{{ config(materialized='table') }}

{#-
A row is an object of GraphQL, or of REST for what GraphQL does not show. GraphQL has an annotated
tag as an object of its own, which names the commit or another tag.
-#}
{% set shape = {
    'name': 'VARCHAR', 'id': 'VARCHAR', 'node_id': 'VARCHAR',
    'commit': {'sha': 'VARCHAR'}, 'target': {
        'oid': 'VARCHAR', 'target': {'oid': 'VARCHAR', 'target': {'oid': 'VARCHAR'}}
    },
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
        coalesce(record.node_id, record.id) as tag_id,
        record.name as tag_name,
        coalesce(
            record.target.target.target.oid,
            record.target.target.oid,
            record.target.oid,
            record['commit'].sha
        ) as commit_sha,
        {{ envelope_times() }}
    from listing
)

select * from renamed
