-- What could not be read or rendered in the last 24 hours, by source and stage?
with raw_event_errors as (
    select * from {{ ref('raw_event_errors') }}
),

count_errors as (
    select
        connection_id,
        stage,
        resource,
        error_code,
        count(*) as record_count,
        sum(attempt_count) as attempt_count,
        max(last_failed_at) as last_failed_at,
        max_by(error_message, (last_failed_at, raw_event_error_id)) as newest_message
    from raw_event_errors
    where last_failed_at >= now() - interval 24 hours
    group by connection_id, stage, resource, error_code
)

select * from count_errors
order by record_count desc, connection_id asc, stage asc, resource asc, error_code asc
