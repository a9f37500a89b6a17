{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'color': 'VARCHAR', 'description': 'VARCHAR', 'isGroup': 'BOOLEAN',
    'parent': {'id': 'VARCHAR'}, 'team': {'id': 'VARCHAR', 'key': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'labels', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.parent.id as parent_label_id,
        record.team.id as team_id,
        record.name as label_name,
        record.color as color,
        record.description as description,
        record.team.key as team_key,
        coalesce(record.isGroup, false) as is_group,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
