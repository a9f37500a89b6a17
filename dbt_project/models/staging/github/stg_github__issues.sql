{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set shape = {
    'number': 'BIGINT', 'title': 'VARCHAR', 'body': 'VARCHAR', 'state': 'VARCHAR',
    'state_reason': 'VARCHAR', 'html_url': 'VARCHAR', 'author_association': 'VARCHAR',
    'user': user, 'assignees': [user], 'labels': [{'name': 'VARCHAR'}],
    'milestone': {'number': 'BIGINT', 'title': 'VARCHAR'}, 'pull_request':
    {'url': 'VARCHAR', 'merged_at': 'TIMESTAMPTZ'}, 'comments': 'BIGINT',
    'parent_issue_url': 'VARCHAR', 'locked': 'BOOLEAN', 'draft': 'BOOLEAN',
    'closed_at': 'TIMESTAMPTZ', 'created_at': 'TIMESTAMPTZ',
    'updated_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'issues', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person("record['user']", 'author') }},
        {{ github_accounts("list_concat([record['user']], record.assignees)") }},
        record.title as title,
        record.body as body,
        record.html_url as issue_url,
        record.state as source_state,
        record.state_reason as state_reason,
        record.author_association as author_association,
        record.milestone.title as milestone_title,
        regexp_extract(record.parent_issue_url, '/repos/(.+)/issues/\d+$', 1)
        || '#' || {{ number_of_url('record.parent_issue_url') }} as parent_issue_key,
        [label.name for label in record.labels] as labels,
        [person.login for person in record.assignees] as assignee_logins,
        record.number as issue_number,
        record.comments as comment_count,
        record.pull_request is not null as is_pull_request,
        record.locked as is_locked,
        record.draft as is_draft,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.closed_at as closed_at,
        record.pull_request.merged_at as merged_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
