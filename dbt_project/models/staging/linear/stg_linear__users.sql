{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'displayName': 'VARCHAR', 'email': 'VARCHAR', 'url': 'VARCHAR',
    'gitHubUserId': 'VARCHAR',
    'active': 'BOOLEAN', 'admin': 'BOOLEAN', 'app': 'BOOLEAN',
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'users', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as user_name,
        record.displayName as display_name,
        lower(record.email) as email,
        record.url as user_url,
        record.gitHubUserId as github_user_id,
        record.active as is_active,
        record.admin as is_admin,
        coalesce(record.app, false) as is_bot,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
