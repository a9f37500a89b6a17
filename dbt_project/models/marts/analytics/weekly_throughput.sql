with pull_request_cycle_times as (
    select * from {{ ref('pull_request_cycle_times') }}
),

issue_cycle_times as (
    select * from {{ ref('issue_cycle_times') }}
),

unite_work as (
    select
        connection_id,
        repository as project_key,
        'pull_request' as document_type,
        cycle_hours,
        opened_at,
        merged_at as completed_at,
        if(merged_at is null, closed_at, null) as abandoned_at
    from pull_request_cycle_times
    union all by name
    select
        connection_id,
        project_key,
        'issue' as document_type,
        lead_hours as cycle_hours,
        opened_at,
        closed_at as completed_at
    from issue_cycle_times
),

list_events as (
    select
        connection_id,
        project_key,
        document_type,
        cycle_hours,
        unnest([
            { 'event': 'opened', 'occurred_at': opened_at },
            { 'event': 'completed', 'occurred_at': completed_at },
            { 'event': 'abandoned', 'occurred_at': abandoned_at }
        ]) as happening
    from unite_work
),

count_events as (
    select
        connection_id,
        project_key,
        document_type,
        count(*) filter (where happening.event = 'opened')::integer as opened_count,
        count(*) filter (where happening.event = 'completed')::integer
            as completed_count,
        count(*) filter (where happening.event = 'abandoned')::integer
            as abandoned_count,
        median(cycle_hours) filter (where happening.event = 'completed')
            as median_hours,
        date_trunc('week', happening.occurred_at)::date as week_start_date
    from list_events
    where happening.occurred_at is not null
    group by connection_id, project_key, document_type, week_start_date
)

select * from count_events
