-- Which containers of sources.yml should be synced again: none of their syncs has ever
-- ended, their last one failed, was interrupted or was not whole, or none has ended
-- well for twice as long as their source's frequency asks for?
with sync_state as (
    select * from {{ ref('sync_state') }}
),

sync_history as (
    select * from {{ ref('sync_history') }}
),

ingestion_sources as (
    select * from {{ ref('ingestion_sources') }}
),

list_containers as (
    select
        connection_id,
        sync_frequency_minutes,
        unnest(containers) as container
    from ingestion_sources
    where is_enabled and is_configured
),

find_reasons as (
    select
        connection_id,
        sync_id,
        container,
        min(error_code) as error_code,
        min(error_message) as error_message,
        bool_and(coalesce(is_complete, true)) as is_complete
    from sync_history
    group by connection_id, sync_id, container
),

list_due as (
    select
        containers.connection_id,
        containers.container,
        sync_state.last_status,
        coalesce(sync_state.consecutive_failure_count, 0)
            as consecutive_failure_count,
        case
            when sync_state.container is null then 'never synced'
            when sync_state.last_status in ('failed', 'interrupted') then 'failed'
            when not reasons.is_complete then 'incomplete'
            else 'overdue'
        end as reason,
        reasons.error_code,
        reasons.error_message,
        sync_state.last_succeeded_at,
        'headwater sync ' || containers.connection_id
        || ' --container ' || chr(39) || containers.container || chr(39) as command
    from list_containers as containers
    left join sync_state
        on
            containers.connection_id = sync_state.connection_id
            and containers.container = sync_state.container
    left join find_reasons as reasons
        on
            sync_state.connection_id = reasons.connection_id
            and sync_state.container = reasons.container
            and sync_state.last_sync_id = reasons.sync_id
    where
        sync_state.container is null
        or sync_state.last_status in ('failed', 'interrupted')
        or not coalesce(reasons.is_complete, true)
        or coalesce(sync_state.last_succeeded_at, '-infinity')
        < now() - to_minutes(2 * containers.sync_frequency_minutes)
)

select * from list_due
order by consecutive_failure_count desc, connection_id asc, container asc
