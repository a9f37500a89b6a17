-- How often does what reach which environment? Per week: deployments that succeeded,
-- and, of production, how long the pull requests that first reached it in that week had
-- waited.
with interactions as (
    select * from {{ ref('interactions') }}
),

pull_request_cycle_times as (
    select * from {{ ref('pull_request_cycle_times') }}
),

production_environments as (
    select distinct
        container as repository,
        environment
    from {{ ref('stg_github__deployments') }}
    where is_production
),

list_deployments as (
    select
        split_part(source_id, '@', 1) as repository,
        source_id,
        to_value as environment,
        date_trunc('week', occurred_at)::date as week_start_date,
        occurred_at
    from interactions
    where interaction_type = 'deployed'
),

count_deployments as (
    select
        repository,
        environment,
        week_start_date,
        count(*) as deployment_count,
        count(distinct source_id) as commit_count
    from list_deployments
    group by repository, environment, week_start_date
),

-- At the same instant something may have reached another environment, too.
find_arrivals as (
    select
        pull_requests.document_id,
        pull_requests.repository,
        pull_requests.deploy_hours,
        pull_requests.lead_hours,
        deployments.week_start_date,
        min_by(
            deployments.environment,
            (production.environment is null, deployments.environment)
        ) as environment
    from pull_request_cycle_times as pull_requests
    inner join list_deployments as deployments
        on
            pull_requests.repository = deployments.repository
            and pull_requests.deployed_at = deployments.occurred_at
    left join production_environments as production
        on
            deployments.repository = production.repository
            and deployments.environment = production.environment
    group by all
),

measure_waits as (
    select
        repository,
        environment,
        week_start_date,
        count(*) as pull_request_count,
        median(deploy_hours) as median_deploy_hours,
        median(lead_hours) as median_lead_hours
    from find_arrivals
    group by repository, environment, week_start_date
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
            and deployments.environment = waits.environment
            and deployments.week_start_date = waits.week_start_date
)

select * from join_waits
order by week_start_date desc, repository asc, environment asc
