{{ config(materialized='table') }}

{% set shape = {
    'name': 'VARCHAR', 'type': 'VARCHAR', 'avatar_url': 'VARCHAR',
    'person': {'email': 'VARCHAR'},
} %}

with listing as (
    {{ newest_listing('raw_notion', 'users', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as user_name,
        lower(record.person.email) as email,
        record.avatar_url as avatar_url,
        coalesce(record.type = 'bot', false) as is_bot,
        {{ envelope_times() }}
    from listing
)

select * from renamed
