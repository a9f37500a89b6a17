{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'color': 'VARCHAR', 'description': 'VARCHAR', 'default': 'BOOLEAN',
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
        record['default'] as is_default,
        {{ envelope_times() }}
    from listing
)

select * from renamed
