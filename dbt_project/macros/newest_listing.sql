{#-
One row per object of a raw table that is loaded as complete listings (scd2): the version that
is listed now, or the last one before it went missing. The row `*` only says that a listing
was empty. `record` is the payload read into `shape`. Where the external id is a name that every
container may have, the container is part of the key.
-#}
{% macro newest_listing(dataset, table, shape, key=['connection_id', 'external_id']) -%}
    with loads as (
        {{ complete_loads(dataset) }}
    ),

    versions as (
        select
            raw.*,
            loads.completed_at,
            raw._dlt_valid_to is null as is_listed
        from {{ raw_rows(dataset, table) }} as raw
        inner join loads on raw._dlt_load_id = loads.load_id
        where
            raw.external_id != '*'
            and {{ is_readable('raw.payload') }}
    )

    select
        connection_id,
        container,
        external_id,
        event_id,
        _dlt_load_id,
        max_by(_dlt_load_id, (completed_at, _dlt_load_id)) over object as last_load_id,
        json_transform(payload, '{{ shape | tojson }}') as record,
        payload,
        occurred_at,
        min(observed_at) over object as first_seen_at,
        max(observed_at) over object as last_seen_at,
        if(is_listed, null, max(_dlt_valid_to) over object) as deleted_at,
        if(is_listed, null, 'absent_from_listing') as deletion_reason,
        max(completed_at) over object as loaded_at
    from versions
    window object as (partition by {{ key | join(', ') }})
    qualify row_number() over (
        partition by {{ key | join(', ') }}
        order by
            is_listed desc,
            _dlt_valid_to desc,
            _dlt_valid_from desc,
            observed_at desc,
            event_id desc,
            container asc,
            _dlt_load_id desc
    ) = 1
{%- endmacro %}
