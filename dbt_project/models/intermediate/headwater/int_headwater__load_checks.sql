-- Payloads are read here once, when their load is new, for those staging cannot read.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['source_type', 'load_id']
    )
}}

with loads as (
    {% for source_type in ['github', 'linear', 'notion'] %}
        select
            '{{ source_type }}' as source_type,
            loads.load_id,
            loads.completed_at
        from ({{ complete_loads('raw_' ~ source_type) }}) as loads
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

new_loads as (
    select loads.*
    from loads
    {% if is_incremental() %}
        anti join {{ this }} using (source_type, load_id)
    {% endif %}
),

events as (
    {%- for dataset, table in raw_tables() %}
        select
            '{{ dataset[4:] }}' as source_type,
            '{{ table }}' as resource,
            raw._dlt_load_id as load_id,
            raw.event_id,
            raw.sync_id,
            raw.connection_id,
            raw.container,
            raw.external_id,
            raw.observed_at,
            not {{ is_readable('raw.payload') }} as is_unreadable,
            if(is_unreadable, raw.payload, null) as payload
        from {{ raw_rows(dataset, table) }} as raw
        where
            raw._dlt_load_id in (
                select new_loads.load_id
                from new_loads
                where new_loads.source_type = '{{ dataset[4:] }}'
            )
        {{ 'union all' if not loop.last }}
    {%- else %}
        select
            null as source_type,
            null as load_id,
            null as event_id
    {%- endfor %}
),

count_events as (
    select
        new_loads.source_type,
        new_loads.load_id,
        count(events.event_id) as event_count,
        coalesce(
            list(
                {
                    'event_id': events.event_id,
                    'sync_id': events.sync_id,
                    'connection_id': events.connection_id,
                    'container': events.container,
                    'resource': events.resource,
                    'external_id': events.external_id,
                    'payload': events.payload,
                    'observed_at': events.observed_at
                }
                order by events.resource, events.event_id
            ) filter (where events.is_unreadable),
            []
        ) as unreadable_events,
        new_loads.completed_at
    from new_loads
    left join events using (source_type, load_id)
    group by new_loads.source_type, new_loads.load_id, new_loads.completed_at
)

select * from count_events
