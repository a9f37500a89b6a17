{{ config(materialized='table') }}

{#- A row is an object of GraphQL, or of REST for what GraphQL does not show. -#}
{% set shape = {
    'name': 'VARCHAR', 'color': 'VARCHAR', 'description': 'VARCHAR', 'default': 'BOOLEAN',
    'isDefault': 'BOOLEAN',
} %}

with listing as (
    {{ newest_listing('raw_github', 'labels', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as label_name,
        record.color as color,
        record.description as description,
        coalesce(record.isDefault, record['default']) as is_default,
        {{ envelope_times() }}
    from listing
)

select * from renamed
