{#- Whom objects name: the id, the name if they tell one, whether it is a bot. -#}
{% set people = [
    ('issues', 'assignee_id', none, false),
    ('issues', 'delegate_id', none, none),
    ('issues', 'external_creator_id', 'external_creator_name', false),
    ('issues', 'bot_actor_id', 'bot_actor_name', true),
    ('issue_history', 'from_assignee_id', none, false),
    ('issue_history', 'to_assignee_id', none, false),
    ('issue_history', 'bot_actor_id', 'bot_actor_name', true),
    ('comments', 'external_user_id', 'external_user_name', false),
    ('comments', 'resolving_user_id', none, false),
    ('comments', 'bot_actor_id', 'bot_actor_name', true),
] %}

with users as (
    select * from {{ ref('stg_linear__users') }}
),

actors as (
    {{ actors('linear') }}
),

named_people as (
    {% for noun, person, name, is_bot in people %}
        select
            connection_id,
            'linear:' || {{ person }} as identity_id,
            {{ name or 'null::varchar' }} as display_name,
            {{ 'null::boolean' if is_bot is none else is_bot | lower }} as is_bot,
            first_seen_at,
            last_seen_at
        from {{ ref('stg_linear__' ~ noun) }}
        where {{ person }} is not null
        {{ 'union all by name' if not loop.last }}
    {% endfor %}
),

unite_sightings as (
    select
        connection_id,
        'linear:' || external_id as identity_id,
        display_name as handle,
        user_name as display_name,
        email,
        github_user_id,
        is_bot,
        is_active and deleted_at is null as is_active,
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
        'linear' as source_type,
        max_by(handle, recency) as handle,
        max_by(display_name, recency) as display_name,
        max_by(email, recency) as email,
        null::varchar as linked_identity_id,
        null::varchar as link_rule,
        null::varchar as link_evidence,
        max_by(github_user_id, recency) as github_user_id,
        if(bool_or(is_bot), 'linear_app', null) as bot_rule,
        false as is_address,
        bool_or(email is not null) as is_email_verified,
        bool_or(is_active) as is_active,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from order_sightings
    group by identity_id
)

select * from describe_identities
