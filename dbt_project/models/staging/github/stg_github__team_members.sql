{{ config(materialized='table') }}

{% set shape = {
    'role': 'VARCHAR', 'team': {'id': 'VARCHAR', 'slug': 'VARCHAR'}, 'member': {
        'id': 'VARCHAR', 'databaseId': 'BIGINT', 'login': 'VARCHAR', 'name': 'VARCHAR'
    },
} %}

with listing as (
    {{ newest_listing('raw_github', 'team_members', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.team.id as team_id,
        record.member.id as member_id,
        record.team.slug as team_slug,
        record.member.login as member_login,
        record.member.name as member_name,
        lower(record.role) as team_role,
        record.member.databaseId as member_number,
        {{ envelope_times() }}
    from listing
)

select * from renamed
