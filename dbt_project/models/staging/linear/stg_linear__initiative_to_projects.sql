{{ config(materialized='table') }}

{% set shape = {
    'sortOrder': 'VARCHAR', 'initiative': {'id': 'VARCHAR'},
    'project': {'id': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'initiative_to_projects', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.initiative.id as initiative_id,
        record.project.id as project_id,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
