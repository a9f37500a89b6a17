{% set shape = {
    'body': 'VARCHAR', 'url': 'VARCHAR', 'user': {'id': 'VARCHAR'},
    'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'}, 'parent': {'id': 'VARCHAR'},
    'botActor': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'externalUser': {'id': 'VARCHAR', 'name': 'VARCHAR'},
    'resolvingUser': {'id': 'VARCHAR'}, 'quotedText': 'VARCHAR',
    'project': {'id': 'VARCHAR'}, 'projectUpdate': {'id': 'VARCHAR'},
    'initiative': {'id': 'VARCHAR'}, 'initiativeUpdate': {'id': 'VARCHAR'},
    'documentContent': {
        'document': {'id': 'VARCHAR'}, 'issue': {'id': 'VARCHAR'},
        'project': {'id': 'VARCHAR'}, 'initiative': {'id': 'VARCHAR'},
    },
    'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'editedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
    'resolvedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        coalesce(record.issue.id, record.documentContent.issue.id) as issue_id,
        coalesce(record.project.id, record.documentContent.project.id) as project_id,
        record.projectUpdate.id as project_update_id,
        coalesce(record.initiative.id, record.documentContent.initiative.id)
            as initiative_id,
        record.initiativeUpdate.id as initiative_update_id,
        record.documentContent.document.id as linear_document_id,
        record.parent.id as parent_comment_id,
        record['user'].id as user_id,
        {{ linear_bot_id('record.botActor') }} as bot_actor_id,
        record.externalUser.id as external_user_id,
        record.resolvingUser.id as resolving_user_id,
        record.botActor.name as bot_actor_name,
        record.externalUser.name as external_user_name,
        record.body as body,
        record.quotedText as quoted_text,
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
