{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'type': 'VARCHAR', 'color': 'VARCHAR', 'description': 'VARCHAR',
    'position': 'DOUBLE', 'indefinite': 'BOOLEAN', 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'project_statuses', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as status_name,
        record.type as status_type,
        record.color as color,
        record.description as description,
        record.position as board_position,
        record.indefinite as is_indefinite,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
