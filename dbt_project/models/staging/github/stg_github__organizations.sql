{{ config(materialized='table') }}

{% set shape = {
    'id': 'BIGINT', 'login': 'VARCHAR', 'name': 'VARCHAR', 'description': 'VARCHAR',
    'html_url': 'VARCHAR', 'blog': 'VARCHAR', 'location': 'VARCHAR',
    'public_repos': 'BIGINT', 'is_verified': 'BOOLEAN',
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'organizations', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.login as login,
        record.name as organization_name,
        record.description as description,
        record.html_url as organization_url,
        record.blog as website_url,
        record.location as location,
        record.id as organization_number,
        record.public_repos as public_repository_count,
        coalesce(record.is_verified, false) as is_verified,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
