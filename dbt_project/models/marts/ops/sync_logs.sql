with sync_events as (
    select * from {{ ref('stg_headwater__sync_events') }}
),

syncs as (
    select * from {{ ref('int_headwater__syncs') }}
),

compare_syncs as (
    select
        sync_id,
        started,
        started_at,
        lag(ending) over (
            partition by
                connection_id,
                container,
                started.mode,
                started.window_start,
                started.window_end
            order by started_at asc, sync_id asc
        ) as ending_before
    from syncs
),

read_details as (
    select
        *,
        json_transform(
            details,
            '{{ {
                "started_at": "TIMESTAMPTZ", "completed_at": "TIMESTAMPTZ",
                "stage": "VARCHAR", "error_code": "VARCHAR", "error_message": "VARCHAR",
                "items_processed": "BIGINT", "items_failed": "BIGINT",
                "requests_made": "BIGINT", "bytes_received": "BIGINT"
            } | tojson }}'
        ) as account
    from sync_events
),

-- What is told of a resource again, for another try, replaces what was told before.
newest_accounts as (
    select *
    from read_details
    where event = 'extracted'
    qualify row_number() over (
        partition by sync_id, resource
        order by occurred_at desc, ledger_event_id desc
    ) = 1
),

sum_accounts as (
    select
        endings.ledger_event_id,
        sum(accounts.account.items_processed)::bigint as items_processed,
        sum(accounts.account.items_failed)::bigint as items_failed,
        sum(accounts.account.requests_made)::bigint as requests_made,
        sum(accounts.account.bytes_received)::bigint as bytes_received
    from read_details as endings
    inner join newest_accounts as accounts
        on
            endings.sync_id = accounts.sync_id
            and endings.occurred_at >= accounts.occurred_at
    where endings.event in ('loaded', 'failed', 'interrupted')
    group by endings.ledger_event_id
),

describe_events as (
    select
        events.ledger_event_id as sync_log_id,
        events.sync_id,
        events.connection_id,
        syncs.started.dag_id as dag_id,
        syncs.started.run_id as run_id,
        events.source_type,
        events.container,
        events.resource,
        case
            when events.event = 'loaded' then 'completed'
            when
                events.event = 'started'
                and (
                    syncs.started.try_number > 1
                    or syncs.ending_before in ('failed', 'interrupted')
                )
                then 'retried'
            else events.event
        end as event,
        case
            when events.event in ('failed', 'interrupted') then 'error'
            when
                coalesce(events.account.items_failed, 0) > 0
                or events.account.error_code is not null
                then 'warning'
            else 'info'
        end as level,
        syncs.started.mode as mode,
        syncs.started.trigger as trigger,
        events.account.stage as stage,
        events.account.error_code as error_code,
        events.account.error_message as error_message,
        syncs.started.log_url as log_url,
        syncs.started.try_number as try_number,
        coalesce(sums.items_processed, events.account.items_processed)
            as items_processed,
        coalesce(sums.items_failed, events.account.items_failed) as items_failed,
        coalesce(sums.requests_made, events.account.requests_made) as requests_made,
        coalesce(sums.bytes_received, events.account.bytes_received) as bytes_received,
        case
            when events.event = 'extracted'
                then date_diff(
                    'millisecond',
                    events.account.started_at,
                    events.account.completed_at
                )
            when events.event != 'started'
                then date_diff('millisecond', syncs.started_at, events.occurred_at)
        end / 1000 as duration_seconds,
        events.occurred_at
    from read_details as events
    left join compare_syncs as syncs on events.sync_id = syncs.sync_id
    left join sum_accounts as sums on events.ledger_event_id = sums.ledger_event_id
)

select * from describe_events
