{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set other_issue = {'number': 'BIGINT', 'repository': {'full_name': 'VARCHAR'}} %}
{% set shape = {
    'id': 'BIGINT', 'event': 'VARCHAR', 'commit_id': 'VARCHAR', 'state_reason': 'VARCHAR',
    'lock_reason': 'VARCHAR', 'actor': user, 'assigner': user, 'assignee': user,
    'requested_reviewer': user, 'requested_team': {'name': 'VARCHAR'},
    'label': {'name': 'VARCHAR'}, 'milestone': {'title': 'VARCHAR'},
    'rename': {'from': 'VARCHAR', 'to': 'VARCHAR'},
    'dismissed_review': {'state': 'VARCHAR', 'dismissal_message': 'VARCHAR'},
    'issue_type': {'name': 'VARCHAR'}, 'prev_issue_type': {'name': 'VARCHAR'},
    'sub_issue': other_issue, 'parent_issue': other_issue,
    'blocked_by': other_issue, 'blocking': other_issue,
    'issue': {'number': 'BIGINT'}, 'created_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'issue_events', shape) }}
),

-- An event names one other issue at most.
name_other_issues as (
    select
        *,
        coalesce(
            record.sub_issue,
            record.parent_issue,
            record.blocked_by,
            record.blocking
        ) as other_issue
    from events
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.actor', 'actor') }},
        ({{ github_user('record.assigner') }}).node_id as assigner_id,
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
        record.issue_type.name as issue_type,
        record.prev_issue_type.name as previous_issue_type,
        other_issue.repository.full_name || '#' || other_issue.number
            as other_issue_key,
        record.dismissed_review.state as dismissed_review_state,
        record.dismissed_review.dismissal_message as dismissal_message,
        record.state_reason as state_reason,
        record.lock_reason as lock_reason,
        record.commit_id as commit_sha,
        record.issue.number as issue_number,
        record.assigner is not null as has_assigner,
        record.created_at as source_created_at,
        {{ envelope_times() }}
    from name_other_issues
)

select * from renamed
