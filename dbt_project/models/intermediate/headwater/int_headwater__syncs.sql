-- The ledger tells a sync in events; this is each sync as a whole. Its last ending
-- counts: a load may fail and succeed at the next try, under the same sync.
with sync_events as (
    select * from {{ ref('stg_headwater__sync_events') }}
),

order_events as (
    select
        *,
        (occurred_at, ledger_event_id) as event_order
    from sync_events
),

sum_events as (
    select
        sync_id,
        any_value(connection_id) as connection_id,
        any_value(source_type) as source_type,
        any_value(container) as container,
        min_by(details, event_order) filter (
            where event = 'started'
        ) as started_details,
        min(occurred_at) filter (where event = 'started') as started_at,
        max_by(event, event_order) filter (
            where event in ('loaded', 'failed', 'interrupted')
        ) as ending,
        max_by(resource, event_order) filter (
            where event in ('loaded', 'failed', 'interrupted') and resource is not null
        ) as failing_resource,
        max_by(details, event_order) filter (
            where event in ('loaded', 'failed', 'interrupted')
        ) as ending_details,
        max(occurred_at) filter (
            where event in ('loaded', 'failed', 'interrupted')
        ) as ended_at
    from order_events
    group by sync_id
),

read_details as (
    select
        sync_id,
        connection_id,
        source_type,
        container,
        ending,
        failing_resource,
        started_at,
        ended_at,
        json_transform(
            started_details,
            '{{ {
                "mode": "VARCHAR", "trigger": "VARCHAR", "dag_id": "VARCHAR",
                "run_id": "VARCHAR", "try_number": "INTEGER", "log_url": "VARCHAR",
                "window_start": "TIMESTAMPTZ", "window_end": "TIMESTAMPTZ",
                "resources": ["VARCHAR"]
            } | tojson }}'
        ) as started,
        ending_details -> '$.rows_added' as rows_added,
        ending_details ->> '$.error_code' as error_code,
        ending_details ->> '$.error_message' as error_message
    from sum_events
    where started_details is not null
)

select * from read_details
