{{ config(materialized='table') }}

{% set shape = {
    'key': 'VARCHAR', 'name': 'VARCHAR', 'description': 'VARCHAR', 'private': 'BOOLEAN',
    'visibility': 'VARCHAR', 'parent': {'id': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'teams', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.parent.id as parent_team_id,
        record.key as team_key,
        record.name as team_name,
        record.description as description,
        coalesce(record.visibility != 'public', record.private, true) as is_private,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
