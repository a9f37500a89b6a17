{{ config(unique_key='error_event_id') }}

with loads as (
    {{ complete_loads('raw_headwater') }}
),

error_events as (
    {{ new_ledger_rows('error_events', 'error_event_id') }}
),

renamed as (
    select
        error_event_id,
        error_id,
        _dlt_load_id,
        action,
        outcome,
        reason,
        done_by,
        occurred_at,
        loaded_at
    from error_events
)

select * from renamed
