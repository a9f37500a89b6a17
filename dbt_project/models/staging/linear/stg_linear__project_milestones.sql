{% set shape = {
    'name': 'VARCHAR', 'description': 'VARCHAR', 'status': 'VARCHAR',
    'sortOrder': 'DOUBLE', 'targetDate': 'DATE', 'project': {'id': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'project_milestones', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.project.id as project_id,
        record.name as milestone_name,
        record.description as description,
        record.status as milestone_status,
        record.sortOrder as sort_order,
        record.targetDate as target_date,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
