{% set shape = {
    'name': 'VARCHAR', 'description': 'VARCHAR', 'content': 'VARCHAR',
    'slugId': 'VARCHAR', 'url': 'VARCHAR', 'status': 'VARCHAR', 'priority': 'DOUBLE',
    'health': 'VARCHAR', 'healthUpdatedAt': 'TIMESTAMPTZ', 'targetDate': 'DATE',
    'trashed': 'BOOLEAN', 'owner': {'id': 'VARCHAR'}, 'creator': {'id': 'VARCHAR'},
    'parentInitiative': {'id': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ', 'startedAt': 'TIMESTAMPTZ',
    'completedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'initiatives', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.creator.id as creator_id,
        record.owner.id as owner_id,
        record.parentInitiative.id as parent_initiative_id,
        record.name as initiative_name,
        record.description as description,
        record.content as content,
        record.slugId as slug_id,
        record.url as initiative_url,
        record.status as source_state,
        record.health as health,
        record.priority as priority,
        coalesce(record.trashed, false) as is_trashed,
        record.targetDate as target_date,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.startedAt as started_at,
        record.completedAt as completed_at,
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
