{% set shape = {
    'title': 'VARCHAR', 'content': 'VARCHAR', 'slugId': 'VARCHAR', 'url': 'VARCHAR',
    'documentContentId': 'VARCHAR', 'trashed': 'BOOLEAN', 'hiddenAt': 'TIMESTAMPTZ',
    'creator': {'id': 'VARCHAR'}, 'updatedBy': {'id': 'VARCHAR'},
    'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'},
    'initiative': {'id': 'VARCHAR'}, 'project': {'id': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'documents', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.creator.id as creator_id,
        record.updatedBy.id as updated_by_id,
        record.project.id as project_id,
        record.initiative.id as initiative_id,
        record.issue.id as issue_id,
        record.documentContentId as document_content_id,
        record.title as title,
        record.content as content,
        record.slugId as slug_id,
        record.url as document_url,
        coalesce(record.trashed, false) as is_trashed,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.hiddenAt as hidden_at,
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
