{#-
One row per object of an insert-only raw table: its newest readable content, its deletion if
the newest event is a tombstone, and when it was seen. `record` is the payload read into
`shape`; what is missing or of another type is null. `tombstone` says why it was deleted.

Newest is by occurred_at, then observed_at, then event_id, over every event of the object, so
the order of loading does not matter. A load that is not complete does not exist yet. An
incremental run reads the objects touched by loads that completed since the last one: at the
same instant as the watermark, those that have left no row yet.
-#}
{% macro newest_events(dataset, table, shape, key=['connection_id', 'external_id']) -%}
    {%- set raw = raw_rows(dataset, table) -%}
    {%- set only_changed = 'semi join changed_objects using (' ~ key | join(', ') ~ ')'
        if is_incremental() else '' -%}
    with loads as (
        {{ complete_loads(dataset) }}
    ),
    {%- if is_incremental() %}

    new_loads as (
        select loads.load_id
        from loads
        where
            loads.completed_at > (
                select coalesce(max(loaded_at), '-infinity') from {{ this }}
            )
            or (
                loads.completed_at = (select max(loaded_at) from {{ this }})
                and loads.load_id not in (select last_load_id from {{ this }})
            )
    ),

    changed_objects as (
        select distinct {{ key | join(', ') }}
        from {{ raw }}
        where _dlt_load_id in (select load_id from new_loads)
    ),
    {%- endif %}

    history as (
        select
            raw.* exclude (payload),
            loads.completed_at,
            {{ is_readable('raw.payload') }} as is_readable,
            case
                when raw.operation = 'delete' and {{ is_readable('raw.payload') }}
                    then raw.payload::json
            end as tombstone
        from {{ raw }} as raw
        inner join loads on raw._dlt_load_id = loads.load_id
        {{ only_changed }}
    ),

    objects as (
        select
            {{ key | join(', ') }},
            max_by(
                {'event_id': event_id, 'load_id': _dlt_load_id},
                (occurred_at, observed_at, event_id, _dlt_load_id)
            ) filter (where operation = 'upsert' and is_readable) as content,
            max_by(
                {
                    'deleted_at': if(operation = 'delete', occurred_at, null),
                    'tombstone': tombstone
                },
                (occurred_at, observed_at, event_id, _dlt_load_id)
            ) as newest,
            max_by(_dlt_load_id, (completed_at, _dlt_load_id)) as last_load_id,
            min(observed_at) filter (where operation = 'upsert') as first_seen_at,
            max(observed_at) filter (where operation = 'upsert') as last_seen_at,
            max(completed_at) as loaded_at
        from history
        group by {{ key | join(', ') }}
    )

    select
        raw.connection_id,
        raw.container,
        raw.external_id,
        raw.event_id,
        raw._dlt_load_id,
        objects.last_load_id,
        json_transform(raw.payload, '{{ shape | tojson }}') as record,
        raw.payload,
        raw.occurred_at,
        objects.first_seen_at,
        objects.last_seen_at,
        objects.newest.deleted_at as deleted_at,
        objects.newest.tombstone as tombstone,
        if(
            objects.newest.deleted_at is null,
            null,
            coalesce(objects.newest.tombstone ->> '$.reason', 'deleted')
        ) as deletion_reason,
        objects.loaded_at
    from objects
    inner join {{ raw }} as raw
        on
            objects.content.event_id = raw.event_id
            and objects.content.load_id = raw._dlt_load_id
{%- endmacro %}

{#- Loads of a dataset that are wholly in the warehouse: dlt writes this row last. -#}
{% macro complete_loads(dataset) -%}
    select
        load_id,
        max(inserted_at) as completed_at
    from {{ source(dataset, '_dlt_loads') }}
    where status = 0
    group by load_id
{%- endmacro %}

{#- A payload staging can read: a JSON object. Others are in raw_event_errors. -#}
{% macro is_readable(payload) -%}
    coalesce(
        if(json_valid({{ payload }}), json_type({{ payload }}), null) = 'OBJECT', false
    )
{%- endmacro %}
