{{ config(materialized='view') }}

with unite_events as (
    {%- for dataset, table in raw_tables() %}
        select
            '{{ dataset[4:] }}' as source_type,
            '{{ table }}' as resource,
            event_id,
            connection_id,
            container,
            external_id,
            sync_id,
            _dlt_load_id,
            operation,
            origin,
            payload_hash,
            strlen(payload) as payload_bytes,
            occurred_at,
            observed_at
        from {{ raw_rows(dataset, table) }}
        {{ 'union all' if not loop.last }}
    {%- else %}
        select 1
    {%- endfor %}
),

describe_events as (
    select
        event_id,
        connection_id,
        external_id,
        sync_id,
        _dlt_load_id,
        source_type,
        container,
        resource,
        operation,
        origin,
        payload_hash,
        payload_bytes,
        occurred_at,
        observed_at
    from unite_events
)

select * from describe_events
