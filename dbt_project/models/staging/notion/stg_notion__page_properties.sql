{{ config(materialized='view') }}

with pages as (
    select * from {{ ref('stg_notion__pages') }}
),

renamed as (
    select
        pages.connection_id,
        pages.container,
        pages.external_id,
        pages.event_id,
        properties.key as property_name,
        properties.value ->> '$.id' as property_id,
        properties.value ->> '$.type' as property_type,
        properties.value ->> '$.status.id' as status_option_id,
        nullif({{ notion_value('properties.value') }}, 'null'::json) as value_json
    from pages
    inner join json_each(pages.properties_json) as properties on true
    -- Of anything else, `json_each` makes rows without a name.
    where json_type(pages.properties_json) = 'OBJECT'
)

select * from renamed
