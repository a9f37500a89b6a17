{% set shape = {
    'title': 'VARCHAR', 'subtitle': 'VARCHAR', 'url': 'VARCHAR',
    'sourceType': 'VARCHAR', 'source': 'JSON', 'metadata': 'JSON',
    'groupBySource': 'BOOLEAN', 'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'},
    'originalIssue': {'id': 'VARCHAR'}, 'creator': {'id': 'VARCHAR'},
    'externalUserCreator': {'id': 'VARCHAR', 'name': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'attachments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.issue.id as issue_id,
        record.originalIssue.id as original_issue_id,
        record.creator.id as creator_id,
        record.externalUserCreator.id as external_creator_id,
        record.issue.identifier as issue_identifier,
        record.title as title,
        record.subtitle as subtitle,
        record.url as attachment_url,
        record.sourceType as attachment_source,
        record.source as source_json,
        record.metadata as metadata_json,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
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
