{% set shape = {
    'body': 'VARCHAR', 'priority': 'DOUBLE', 'url': 'VARCHAR',
    'customer': {'id': 'VARCHAR'}, 'comment': {'id': 'VARCHAR'},
    'attachment': {'id': 'VARCHAR'}, 'creator': {'id': 'VARCHAR'},
    'originalIssue': {'id': 'VARCHAR'},
    'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'}, 'project': {'id': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'customer_needs', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.customer.id as customer_id,
        record.issue.id as issue_id,
        record.project.id as project_id,
        record.comment.id as comment_id,
        record.attachment.id as attachment_id,
        record.creator.id as creator_id,
        record.body as body,
        record.url as need_url,
        record.priority as priority,
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
