with sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

list_stores as (
    select distinct
        unnest(stores) as store,
        connection_id,
        source_type,
        content_visibility,
        is_enabled,
        is_configured,
        observed_at
    from sources
)

select * from list_stores
