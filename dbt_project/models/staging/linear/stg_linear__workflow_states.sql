{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'type': 'VARCHAR', 'color': 'VARCHAR', 'description': 'VARCHAR',
    'position': 'DOUBLE', 'team': {'id': 'VARCHAR', 'key': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'workflow_states', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.team.id as team_id,
        record.name as state_name,
        record.type as state_type,
        record.color as color,
        record.description as description,
        record.team.key as team_key,
        record.position as board_position,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
