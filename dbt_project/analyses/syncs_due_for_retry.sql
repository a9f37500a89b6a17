-- Which containers should be synced again: their last sync failed, was interrupted or
-- was not whole, or none has ended well for twice as long as their source's frequency
-- asks for?
with sync_state as (
    select * from {{ ref('sync_state') }}
),

sync_history as (
    select * from {{ ref('sync_history') }}
),

ingestion_sources as (
    select * from {{ ref('ingestion_sources') }}
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
        sync_state.connection_id,
        sync_state.container,
        sync_state.last_status,
        sync_state.consecutive_failure_count,
        case
            when sync_state.last_status in ('failed', 'interrupted') then 'failed'
            when not reasons.is_complete then 'incomplete'
            else 'overdue'
        end as reason,
        reasons.error_code,
        reasons.error_message,
        sync_state.last_succeeded_at,
        'headwater sync ' || sync_state.connection_id
        || ' --container ' || chr(39) || sync_state.container || chr(39) as command
    from sync_state
    inner join ingestion_sources
        on sync_state.connection_id = ingestion_sources.connection_id
    left join find_reasons as reasons
        on
            sync_state.connection_id = reasons.connection_id
            and sync_state.container = reasons.container
            and sync_state.last_sync_id = reasons.sync_id
    where
        ingestion_sources.is_enabled
        and ingestion_sources.is_configured
        and (
            sync_state.last_status in ('failed', 'interrupted')
            or not coalesce(reasons.is_complete, true)
            or coalesce(sync_state.last_succeeded_at, '-infinity')
            < now() - to_minutes(2 * ingestion_sources.sync_frequency_minutes)
        )
)

select * from list_due
order by consecutive_failure_count desc, connection_id asc, container asc
