{% set shape = {
    'number': 'BIGINT', 'name': 'VARCHAR', 'description': 'VARCHAR',
    'startsAt': 'TIMESTAMPTZ', 'endsAt': 'TIMESTAMPTZ', 'completedAt': 'TIMESTAMPTZ',
    'team': {'id': 'VARCHAR', 'key': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'cycles', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.team.id as team_id,
        record.name as cycle_name,
        record.description as description,
        record.team.key as team_key,
        record.number as cycle_number,
        record.startsAt as starts_at,
        record.endsAt as ends_at,
        record.completedAt as completed_at,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
