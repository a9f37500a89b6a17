{% set shape = {
    'databaseId': 'BIGINT', 'name': 'VARCHAR', 'status': 'VARCHAR',
    'conclusion': 'VARCHAR', 'url': 'VARCHAR', 'startedAt': 'TIMESTAMPTZ',
    'completedAt': 'TIMESTAMPTZ', 'run': {'id': 'VARCHAR', 'databaseId': 'BIGINT'},
    'steps': {'totalCount': 'BIGINT', 'nodes': [{
        'number': 'BIGINT', 'name': 'VARCHAR', 'status': 'VARCHAR',
        'conclusion': 'VARCHAR', 'startedAt': 'TIMESTAMPTZ', 'completedAt': 'TIMESTAMPTZ'
    }]},
} %}

with events as (
    {{ newest_events('raw_github', 'workflow_jobs', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.run.id as run_id,
        record.name as job_name,
        lower(record.status) as source_state,
        lower(record.conclusion) as conclusion,
        record.url as job_url,
        record.databaseId as job_number,
        record.run.databaseId as run_number,
        record.steps.totalCount as step_count,
        [{
            'step_number': step.number,
            'step_name': step.name,
            'source_state': lower(step.status),
            'conclusion': lower(step.conclusion),
            'started_at': step.startedAt,
            'completed_at': step.completedAt
        } for step in record.steps.nodes] as steps,
        record.startedAt as started_at,
        record.completedAt as completed_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
