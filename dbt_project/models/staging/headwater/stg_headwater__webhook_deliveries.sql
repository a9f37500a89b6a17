{{ config(unique_key='delivery_event_id') }}

with loads as (
    {{ complete_loads('raw_headwater') }}
),

webhook_deliveries as (
    {{ new_ledger_rows('webhook_deliveries', 'delivery_event_id') }}
),

renamed as (
    select
        delivery_event_id,
        delivery_id,
        connection_id,
        _dlt_load_id,
        source_type,
        event,
        action,
        status,
        error_message,
        attempts as attempt_count,
        strlen(payload) as payload_bytes,
        received_at,
        occurred_at as ended_at,
        loaded_at
    from webhook_deliveries
)

select * from renamed
