{% set shape = {
    'body': 'VARCHAR', 'url': 'VARCHAR', 'user': {'id': 'VARCHAR'},
    'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'}, 'parent': {'id': 'VARCHAR'},
    'botActor': {'id': 'VARCHAR', 'name': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'editedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
    'resolvedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.issue.id as issue_id,
        record.parent.id as parent_comment_id,
        record['user'].id as user_id,
        record.botActor.id as bot_actor_id,
        record.body as body,
        record.url as comment_url,
        record.issue.identifier as issue_identifier,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.editedAt as edited_at,
        record.resolvedAt as resolved_at,
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
