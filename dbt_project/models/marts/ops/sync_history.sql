with syncs as (
    select * from {{ ref('int_headwater__syncs') }}
),

sync_events as (
    select * from {{ ref('stg_headwater__sync_events') }}
),

extractions as (
    select
        sync_id,
        resource,
        json_transform(
            details,
            '{{ {
                "started_at": "TIMESTAMPTZ", "completed_at": "TIMESTAMPTZ",
                "cursor_before": "VARCHAR", "cursor_after": "VARCHAR",
                "items_processed": "BIGINT", "items_succeeded": "BIGINT",
                "items_failed": "BIGINT", "expected_items": "BIGINT",
                "is_complete": "BOOLEAN", "requests_made": "BIGINT",
                "requests_not_modified": "BIGINT", "requests_saved": "BIGINT",
                "rate_limit_remaining": "BIGINT",
                "rate_limit_wait_seconds": "DOUBLE", "bytes_received": "BIGINT",
                "error_code": "VARCHAR", "error_message": "VARCHAR"
            } | tojson }}'
        ) as extraction
    from sync_events
    where event = 'extracted'
    -- What was extracted again for another try is told again: the last account counts.
    qualify row_number() over (
        partition by sync_id, resource order by occurred_at desc, ledger_event_id desc
    ) = 1
),

-- A sync without an ending is still running.
ended_resources as (
    select
        *,
        unnest(started.resources) as resource
    from syncs
    where ending is not null
),

describe_syncs as (
    select
        syncs.sync_id,
        syncs.connection_id,
        syncs.started.dag_id as dag_id,
        syncs.started.run_id as run_id,
        syncs.source_type,
        syncs.container,
        syncs.resource,
        syncs.started.mode as mode,
        syncs.started.trigger as trigger,
        case
            when syncs.ending != 'loaded' then syncs.ending
            when
                coalesce(extractions.extraction.items_failed, 0) > 0
                or extractions.extraction.error_code is not null
                then 'completed_with_errors'
            else 'completed'
        end as status,
        extractions.extraction.cursor_before as cursor_before,
        extractions.extraction.cursor_after as cursor_after,
        coalesce(
            extractions.extraction.error_code,
            if(
                coalesce(syncs.failing_resource, syncs.resource) = syncs.resource,
                syncs.error_code,
                null
            )
        ) as error_code,
        coalesce(
            extractions.extraction.error_message,
            if(
                coalesce(syncs.failing_resource, syncs.resource) = syncs.resource,
                syncs.error_message,
                null
            )
        ) as error_message,
        syncs.started.log_url as log_url,
        syncs.started.try_number as try_number,
        extractions.extraction.items_processed as items_processed,
        extractions.extraction.items_succeeded as items_succeeded,
        extractions.extraction.items_failed as items_failed,
        if(
            syncs.ending = 'loaded',
            extractions.extraction.items_succeeded - coalesce(
                try_cast(
                    json_extract_string(syncs.rows_added, syncs.resource) as bigint
                ),
                0
            ),
            null
        ) as items_unchanged,
        extractions.extraction.expected_items as expected_items,
        extractions.extraction.requests_made as requests_made,
        extractions.extraction.requests_not_modified as requests_not_modified,
        extractions.extraction.requests_saved as requests_saved,
        extractions.extraction.rate_limit_remaining as rate_limit_remaining,
        extractions.extraction.rate_limit_wait_seconds as rate_limit_wait_seconds,
        extractions.extraction.bytes_received as bytes_received,
        extractions.extraction.is_complete as is_complete,
        syncs.started.window_start as window_start,
        syncs.started.window_end as window_end,
        coalesce(extractions.extraction.started_at, syncs.started_at) as started_at,
        syncs.ended_at as completed_at
    from ended_resources as syncs
    left join extractions
        on syncs.sync_id = extractions.sync_id and syncs.resource = extractions.resource
)

select * from describe_syncs
