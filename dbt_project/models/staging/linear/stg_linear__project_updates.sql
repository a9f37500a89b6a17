{% set shape = {
    'body': 'VARCHAR', 'health': 'VARCHAR', 'diffMarkdown': 'VARCHAR', 'url': 'VARCHAR',
    'slugId': 'VARCHAR', 'user': {'id': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ', 'editedAt': 'TIMESTAMPTZ',
    'project': {'id': 'VARCHAR'},
} %}

with events as (
    {{ newest_events('raw_linear', 'project_updates', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.project.id as project_id,
        record['user'].id as user_id,
        record.body as body,
        record.health as health,
        record.diffMarkdown as changes_since_last,
        record.slugId as slug_id,
        record.url as update_url,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.editedAt as edited_at,
        {{
            envelope_times(
                deleted_at='coalesce(deleted_at, record.archivedAt)',
                deletion_reason="coalesce(deletion_reason,"
                ~ " if(record.archivedAt is null, null, 'archived'))",
            )
        }}
    from events
)

select * from renamed
