{% set shape = {
    'name': 'VARCHAR', 'description': 'VARCHAR', 'content': 'VARCHAR', 'slugId': 'VARCHAR',
    'url': 'VARCHAR', 'state': 'VARCHAR', 'startDate': 'DATE', 'targetDate': 'DATE',
    'status': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'lead': {'id': 'VARCHAR'}, 'creator': {'id': 'VARCHAR'},
    'teams': {'nodes': [{'id': 'VARCHAR', 'key': 'VARCHAR'}]},
    'health': 'VARCHAR', 'priority': 'DOUBLE', 'trashed': 'BOOLEAN',
    'members': {'nodes': [{'id': 'VARCHAR'}]}, 'startedAt': 'TIMESTAMPTZ',
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
    'completedAt': 'TIMESTAMPTZ', 'canceledAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'projects', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.creator.id as creator_id,
        record.lead.id as lead_id,
        record.name as project_name,
        record.description as description,
        record.content as content,
        record.slugId as slug_id,
        record.url as project_url,
        coalesce(record.status.name, record.state) as source_state,
        coalesce(record.status.type, record.state) as state_type,
        [team.id for team in record.teams.nodes] as team_ids,
        [team.key for team in record.teams.nodes] as team_keys,
        [member.id for member in record.members.nodes] as member_ids,
        record.health as health,
        record.priority as priority,
        coalesce(record.trashed, false) as is_trashed,
        record.startDate as start_date,
        record.targetDate as target_date,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.startedAt as started_at,
        record.completedAt as completed_at,
        record.canceledAt as canceled_at,
        record.archivedAt as archived_at,
        {{
            envelope_times(
                deleted_at="coalesce(deleted_at, if(record.trashed,"
                ~ " coalesce(record.archivedAt, record.updatedAt), null))",
                deletion_reason="coalesce(deletion_reason,"
                ~ " if(record.trashed, 'trashed', null))",
            )
        }}
    from events
)

select * from renamed
