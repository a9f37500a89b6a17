{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set repository = {'full_name': 'VARCHAR'} %}
{% set branch = {'ref': 'VARCHAR', 'sha': 'VARCHAR', 'repo': repository} %}
{% set shape = {
    'number': 'BIGINT', 'title': 'VARCHAR', 'body': 'VARCHAR', 'state': 'VARCHAR',
    'html_url': 'VARCHAR', 'author_association': 'VARCHAR', 'merge_commit_sha': 'VARCHAR',
    'user': user, 'assignees': [user], 'requested_reviewers': [user],
    'labels': [{'name': 'VARCHAR'}], 'milestone': {'title': 'VARCHAR'},
    'head': branch, 'base': branch, 'locked': 'BOOLEAN', 'draft': 'BOOLEAN',
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
    'closed_at': 'TIMESTAMPTZ', 'merged_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'pull_requests', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person("record['user']", 'author') }},
        {{ github_accounts("list_concat([record['user']], record.assignees,"
            ~ " record.requested_reviewers)") }},
        record.title as title,
        record.body as body,
        record.html_url as pull_request_url,
        record.state as source_state,
        record.author_association as author_association,
        record.milestone.title as milestone_title,
        record.head.ref as head_branch,
        record.head.sha as head_sha,
        record.head.repo.full_name as head_repository,
        record.base.ref as base_branch,
        record.base.sha as base_sha,
        record.merge_commit_sha as merge_commit_sha,
        [label.name for label in record.labels] as labels,
        [person.login for person in record.assignees] as assignee_logins,
        [person.login for person in record.requested_reviewers] as reviewer_logins,
        record.number as pull_request_number,
        record.locked as is_locked,
        record.draft as is_draft,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.closed_at as closed_at,
        record.merged_at as merged_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
