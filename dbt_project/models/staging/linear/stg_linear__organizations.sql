{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'urlKey': 'VARCHAR', 'previousUrlKeys': ['VARCHAR'],
    'logoUrl': 'VARCHAR', 'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
    'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'organizations', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as organization_name,
        record.urlKey as url_key,
        record.previousUrlKeys as previous_url_keys,
        record.logoUrl as logo_url,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
