{{ config(unique_key='dead_letter_event_id') }}

with loads as (
    {{ complete_loads('raw_headwater') }}
),

dead_letters as (
    {{ new_ledger_rows('dead_letters', 'dead_letter_event_id') }}
),

renamed as (
    select
        dead_letter_event_id,
        dead_letter_id,
        sync_id,
        connection_id,
        external_id,
        _dlt_load_id,
        source_type,
        container,
        resource,
        stage,
        error_code,
        error_message,
        payload,
        occurred_at,
        loaded_at
    from dead_letters
)

select * from renamed
