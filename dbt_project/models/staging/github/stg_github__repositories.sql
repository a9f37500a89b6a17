{{ config(materialized='table') }}

{% set shape = {
    'id': 'BIGINT', 'name': 'VARCHAR', 'full_name': 'VARCHAR', 'description': 'VARCHAR',
    'default_branch': 'VARCHAR', 'language': 'VARCHAR', 'visibility': 'VARCHAR',
    'html_url': 'VARCHAR', 'topics': ['VARCHAR'], 'private': 'BOOLEAN',
    'fork': 'BOOLEAN', 'archived': 'BOOLEAN',
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ', 'pushed_at': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'repositories', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.id as repository_number,
        record.name as repository_name,
        record.full_name as full_name,
        record.description as description,
        record.default_branch as default_branch,
        record.language as primary_language,
        record.visibility as source_visibility,
        record.html_url as repository_url,
        record.topics as topics,
        record.private as is_private,
        record.fork as is_fork,
        record.archived as is_archived,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.pushed_at as pushed_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
