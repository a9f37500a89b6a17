{{ config(materialized='table') }}

{% set shape = {
    'databaseId': 'BIGINT', 'slug': 'VARCHAR', 'name': 'VARCHAR',
    'combinedSlug': 'VARCHAR', 'description': 'VARCHAR', 'privacy': 'VARCHAR',
    'url': 'VARCHAR', 'parentTeam': {'id': 'VARCHAR', 'slug': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'teams', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.parentTeam.id as parent_team_id,
        record.slug as team_slug,
        record.combinedSlug as full_slug,
        record.name as team_name,
        record.description as description,
        lower(record.privacy) as privacy,
        record.url as team_url,
        record.databaseId as team_number,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
