{{ config(unique_key='ledger_event_id') }}

with loads as (
    {{ complete_loads('raw_headwater') }}
),

sync_events as (
    {{ new_ledger_rows('sync_events', 'ledger_event_id') }}
),

renamed as (
    select
        ledger_event_id,
        sync_id,
        connection_id,
        _dlt_load_id,
        source_type,
        container,
        resource,
        event,
        details,
        occurred_at,
        loaded_at
    from sync_events
)

select * from renamed
