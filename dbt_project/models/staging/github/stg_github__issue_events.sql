{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set shape = {
    'id': 'BIGINT', 'event': 'VARCHAR', 'commit_id': 'VARCHAR', 'state_reason': 'VARCHAR',
    'lock_reason': 'VARCHAR', 'actor': user, 'assigner': user, 'assignee': user,
    'requested_reviewer': user, 'requested_team': {'name': 'VARCHAR'},
    'label': {'name': 'VARCHAR'}, 'milestone': {'title': 'VARCHAR'},
    'rename': {'from': 'VARCHAR', 'to': 'VARCHAR'},
    'dismissed_review': {'state': 'VARCHAR', 'dismissal_message': 'VARCHAR'},
    'issue': {'number': 'BIGINT'}, 'created_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'issue_events', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.actor', 'actor') }},
        record.assigner.node_id as assigner_id,
        record.assigner.type = 'Bot'
        or ends_with(record.assigner.login, '[bot]') as is_assigner_bot,
        {{ github_accounts('[record.actor, record.assigner, record.assignee,'
            ~ ' record.requested_reviewer]') }},
        record.event as event,
        record.assignee.login as assignee_login,
        coalesce(
            record.requested_reviewer.login, record.requested_team.name
        ) as requested_reviewer,
        record.label.name as label_name,
        record.milestone.title as milestone_title,
        record.rename['from'] as renamed_from,
        record.rename['to'] as renamed_to,
        record.dismissed_review.state as dismissed_review_state,
        record.dismissed_review.dismissal_message as dismissal_message,
        record.state_reason as state_reason,
        record.lock_reason as lock_reason,
        record.commit_id as commit_sha,
        record.issue.number as issue_number,
        record.created_at as source_created_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
