{{ config(materialized='table') }}

{% set shape = {
    'owner': 'BOOLEAN', 'sortOrder': 'DOUBLE',
    'team': {'id': 'VARCHAR', 'key': 'VARCHAR'}, 'user': {'id': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'team_memberships', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.team.id as team_id,
        record['user'].id as user_id,
        record.team.key as team_key,
        record.owner as is_owner,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
