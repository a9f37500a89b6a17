{{ config(materialized='table') }}

{#- A row is an object of GraphQL, or of REST for what GraphQL does not show. -#}
{% set shape = {
    'id': 'VARCHAR', 'databaseId': 'BIGINT', 'login': 'VARCHAR', 'name': 'VARCHAR', 'description': 'VARCHAR',
    'url': 'VARCHAR', 'html_url': 'VARCHAR', 'websiteUrl': 'VARCHAR',
    'blog': 'VARCHAR', 'location': 'VARCHAR',
    'publicRepositories': {'totalCount': 'BIGINT'}, 'public_repos': 'BIGINT',
    'isVerified': 'BOOLEAN', 'is_verified': 'BOOLEAN',
    'createdAt': 'TIMESTAMPTZ', 'created_at': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
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
        coalesce(record.html_url, record.url) as organization_url,
        coalesce(record.websiteUrl, record.blog) as website_url,
        record.location as location,
        coalesce(
            record.databaseId, try_cast(record.id as bigint)
        ) as organization_number,
        coalesce(
            record.publicRepositories.totalCount, record.public_repos
        ) as public_repository_count,
        coalesce(record.isVerified, record.is_verified, false) as is_verified,
        coalesce(record.createdAt, record.created_at) as source_created_at,
        coalesce(record.updatedAt, record.updated_at) as source_updated_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
