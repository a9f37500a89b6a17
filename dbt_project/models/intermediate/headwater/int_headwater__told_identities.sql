{#- Who is named with a name, an address or both: model, id, name, address, time. -#}
{% set names = [
    ('github', 'commits', 'author_id', 'author_name', 'author_email', 'committed_at'),
    ('github', 'commits', 'committer_id', none, 'committer_email', 'committed_at'),
    ('github', 'team_members', 'member_id', 'member_name', none, 'last_seen_at'),
    ('linear', 'users', 'external_id', 'user_name', 'email', 'last_seen_at'),
    ('linear', 'issues', 'external_creator_id', 'external_creator_name', none,
     'last_seen_at'),
    ('linear', 'issues', 'bot_actor_id', 'bot_actor_name', none, 'last_seen_at'),
    ('linear', 'issue_history', 'bot_actor_id', 'bot_actor_name', none, 'last_seen_at'),
    ('linear', 'comments', 'external_user_id', 'external_user_name', none,
     'last_seen_at'),
    ('linear', 'comments', 'bot_actor_id', 'bot_actor_name', none, 'last_seen_at'),
    ('notion', 'users', 'external_id', 'user_name', 'email', 'last_seen_at'),
] %}
{% set signatures = [
    ('commits', 'author_name', 'author_email', 'committed_at'),
    ('commits', none, 'committer_email', 'committed_at'),
    ('wiki_pages', 'author_name', 'author_email', 'committed_at'),
] %}

with told_names as (
    {% for source, noun, person, name, email, time in names %}
        select
            connection_id,
            '{{ source }}:' || {{ person }} as identity_id,
            {{ name or 'null::varchar' }} as display_name,
            {{ email or 'null::varchar' }} as email,
            {{ time }} as told_at
        from {{ ref('stg_' ~ source ~ '__' ~ noun) }}
        where {{ person }} is not null
        union all
    {% endfor %}
    {% for noun, name, email, time in signatures %}
        select
            connection_id,
            'email:' || {{ email }} as identity_id,
            {{ name or 'null::varchar' }} as display_name,
            {{ email }} as email,
            {{ time }} as told_at
        from {{ ref('stg_github__' ~ noun) }}
        where {{ email }} is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

describe_names as (
    select
        identity_id,
        connection_id,
        display_name,
        email,
        max(told_at) as told_at
    from told_names
    group by identity_id, connection_id, display_name, email
)

select * from describe_names
