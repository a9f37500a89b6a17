with users as (
    select * from {{ ref('stg_notion__users') }}
),

-- Guests are in no listing, but pages name them.
named_people as (
    select
        connection_id,
        'notion:' || unnest(people) as identity_id,
        first_seen_at,
        last_seen_at
    from {{ ref('int_headwater__document_readings') }}
    where source_type = 'notion'
),

actors as (
    {{ actors('notion') }}
),

unite_sightings as (
    select
        connection_id,
        'notion:' || external_id as identity_id,
        null::varchar as handle,
        user_name as display_name,
        email,
        is_bot,
        deleted_at is null as is_active,
        first_seen_at,
        last_seen_at,
        true as is_listed
    from users
    union all by name
    select
        *,
        false as is_listed
    from actors
    union all by name
    select
        *,
        false as is_listed
    from named_people
),

-- Two connections may read the same workspace: the newer listing stands for both.
order_sightings as (
    select
        *,
        (is_listed, coalesce(last_seen_at, '-infinity'), connection_id) as recency
    from unite_sightings
),

describe_identities as (
    select
        identity_id,
        max_by(connection_id, recency) as connection_id,
        'notion' as source_type,
        max_by(handle, recency) as handle,
        max_by(display_name, recency) as display_name,
        max_by(email, recency) as email,
        null::varchar as linked_identity_id,
        null::varchar as link_rule,
        null::varchar as link_evidence,
        if(bool_or(is_bot), 'notion_bot', null) as bot_rule,
        false as is_address,
        bool_or(email is not null) as is_email_verified,
        bool_or(is_active) as is_active,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from order_sightings
    group by identity_id
)

select * from describe_identities
