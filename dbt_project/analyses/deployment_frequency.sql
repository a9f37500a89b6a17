-- How often does what reach which environment? Per week: deployments that succeeded,
-- and how long the pull requests that first reached production in it had waited for
-- that.
with interactions as (
    select * from {{ ref('interactions') }}
),

pull_request_cycle_times as (
    select * from {{ ref('pull_request_cycle_times') }}
),

count_deployments as (
    select
        split_part(source_id, '@', 1) as repository,
        to_value as environment,
        date_trunc('week', occurred_at)::date as week_start_date,
        count(*) as deployment_count,
        count(distinct source_id) as commit_count
    from interactions
    where interaction_type = 'deployed'
    group by repository, environment, week_start_date
),

measure_waits as (
    select
        repository,
        date_trunc('week', deployed_at)::date as week_start_date,
        count(*) as pull_request_count,
        median(deploy_hours) as median_deploy_hours,
        median(lead_hours) as median_lead_hours
    from pull_request_cycle_times
    where deployed_at is not null
    group by repository, week_start_date
),

join_waits as (
    select
        deployments.repository,
        deployments.environment,
        deployments.week_start_date,
        deployments.deployment_count,
        deployments.commit_count,
        coalesce(waits.pull_request_count, 0) as pull_request_count,
        waits.median_deploy_hours,
        waits.median_lead_hours
    from count_deployments as deployments
    left join measure_waits as waits
        on
            deployments.repository = waits.repository
            and deployments.week_start_date = waits.week_start_date
)

select * from join_waits
order by week_start_date desc, repository asc, environment asc
