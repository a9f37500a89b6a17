{% set user = {'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'} %}
{% set shape = {
    'id': 'BIGINT', 'name': 'VARCHAR', 'display_title': 'VARCHAR', 'path': 'VARCHAR',
    'head_branch': 'VARCHAR', 'head_sha': 'VARCHAR', 'event': 'VARCHAR',
    'status': 'VARCHAR', 'conclusion': 'VARCHAR', 'html_url': 'VARCHAR',
    'workflow_id': 'BIGINT', 'run_number': 'BIGINT', 'run_attempt': 'BIGINT',
    'actor': user, 'triggering_actor': user, 'pull_requests': [{'number': 'BIGINT'}],
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
    'run_started_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'workflow_runs', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.actor', 'actor') }},
        ({{ github_user('record.triggering_actor') }}).node_id as trigger_actor_id,
        record.name as workflow_name,
        record.display_title as title,
        record.path as workflow_path,
        record.head_branch as head_branch,
        record.head_sha as head_sha,
        record.event as event,
        record.status as source_state,
        record.conclusion as conclusion,
        record.html_url as run_url,
        record.workflow_id as workflow_number,
        record.id as run_number,
        record.run_number as run_sequence_number,
        record.run_attempt as attempt_number,
        [pull.number for pull in record.pull_requests] as pull_request_numbers,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.run_started_at as started_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
