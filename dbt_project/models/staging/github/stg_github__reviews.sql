{% set actor = {'__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR'} %}
{% set shape = {
    'fullDatabaseId': 'BIGINT', 'body': 'VARCHAR', 'state': 'VARCHAR', 'url': 'VARCHAR',
    'commit': {'oid': 'VARCHAR'}, 'authorAssociation': 'VARCHAR', 'author': actor,
    'pullRequest': {'id': 'VARCHAR', 'number': 'BIGINT'}, 'isMinimized': 'BOOLEAN',
    'minimizedReason': 'VARCHAR', 'createdAt': 'TIMESTAMPTZ',
    'submittedAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
    'lastEditedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'reviews', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_actor('record.author', 'author') }},
        record.pullRequest.id as pull_request_id,
        record.body as body,
        record.url as review_url,
        lower(record.state) as source_state,
        record['commit'].oid as commit_sha,
        record.authorAssociation as author_association,
        lower(record.minimizedReason) as minimized_reason,
        record.fullDatabaseId as review_number,
        record.pullRequest.number as pull_request_number,
        coalesce(record.isMinimized, false) as is_minimized,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.submittedAt as submitted_at,
        record.lastEditedAt as edited_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
