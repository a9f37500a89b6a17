with sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

sync_history as (
    select * from {{ ref('sync_history') }}
),

sum_syncs as (
    select
        connection_id,
        max(completed_at) as last_synced_at,
        max(completed_at) filter (
            where status in ('completed', 'completed_with_errors')
        ) as last_succeeded_at
    from sync_history
    group by connection_id
),

describe_sources as (
    select
        sources.connection_id,
        sources.source_type,
        sources.owner,
        sources.content_visibility,
        sources.base_url,
        sources.secret_name,
        sources.stores,
        [source.container for source in sources.containers] as containers,
        sources.sync_frequency_minutes,
        sources.is_enabled,
        sources.is_configured,
        sum_syncs.last_synced_at,
        sum_syncs.last_succeeded_at,
        sources.observed_at
    from sources
    left join sum_syncs on sources.connection_id = sum_syncs.connection_id
)

select * from describe_sources
