{{ config(materialized='table') }}

with loads as (
    {{ complete_loads('raw_headwater') }}
),

sources as (
    select
        sources.*,
        loads.completed_at as loaded_at
    from {{ source('raw_headwater', 'sources') }} as sources
    inner join loads on sources._dlt_load_id = loads.load_id
    qualify row_number() over (
        partition by sources.connection_id
        order by
            sources.observed_at desc, loads.completed_at desc,
            sources._dlt_load_id desc
    ) = 1
),

renamed as (
    select
        connection_id,
        _dlt_load_id,
        source_type,
        owner,
        content_visibility,
        base_url,
        secret_name,
        stores::json::varchar[] as stores,
        json_transform(
            containers,
            '[{"container": "VARCHAR", "kind": "VARCHAR", "settings": "JSON"}]'
        ) as containers,
        sync_frequency_minutes::integer as sync_frequency_minutes,
        is_enabled,
        is_configured,
        observed_at,
        loaded_at
    from sources
)

select * from renamed
