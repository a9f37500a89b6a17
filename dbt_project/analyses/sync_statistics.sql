-- What did the syncs of each source and resource cost, and how well did they go?
with sync_history as (
    select * from {{ ref('sync_history') }}
),

sum_syncs as (
    select
        connection_id,
        resource,
        count(*) as sync_count,
        count(*) filter (where status = 'failed') as failed_count,
        count(*) filter (where status = 'interrupted') as interrupted_count,
        sum(items_processed) as items_processed,
        sum(items_processed - items_unchanged) as items_new,
        sum(items_failed) as items_failed,
        sum(requests_made) as requests_made,
        sum(requests_not_modified) as requests_not_modified,
        sum(bytes_received) as bytes_received,
        round(sum(rate_limit_wait_seconds), 1) as rate_limit_wait_seconds,
        round(median(date_diff('millisecond', started_at, completed_at)) / 1000, 1)
            as median_duration_seconds,
        max(completed_at) as last_completed_at
    from sync_history
    group by connection_id, resource
)

select * from sum_syncs
order by connection_id asc, resource asc
