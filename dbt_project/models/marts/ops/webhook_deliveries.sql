with deliveries as (
    select * from {{ ref('stg_headwater__webhook_deliveries') }}
),

-- What was replayed has ended more than once: the last ending counts.
newest_endings as (
    select
        delivery_id,
        connection_id,
        source_type,
        event,
        action,
        status,
        error_message,
        attempt_count,
        payload_bytes,
        received_at,
        ended_at
    from deliveries
    qualify row_number() over (
        partition by connection_id, delivery_id
        order by ended_at desc, delivery_event_id desc
    ) = 1
)

select * from newest_endings
