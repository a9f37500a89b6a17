{% set people = [
    ('pull_request_details', 'merger'),
    ('reviews', 'author'),
    ('discussions', 'author'),
    ('discussions', 'chooser'),
    ('discussion_comments', 'author'),
    ('releases', 'author'),
    ('milestones', 'creator'),
    ('deployments', 'creator'),
    ('deployment_statuses', 'creator'),
    ('workflow_runs', 'actor'),
    ('collaborators', 'person'),
] %}
{#- Some name several: assignees, those who are asked for a review, committers. -#}
{% set nouns = [
    'issues', 'pull_requests', 'pull_request_details', 'issue_comments',
    'issue_events', 'review_comments', 'commits',
] %}

with team_members as (
    select * from {{ ref('stg_github__team_members') }}
),

commits as (
    select * from {{ ref('stg_github__commits') }}
),

wiki_pages as (
    select * from {{ ref('stg_github__wiki_pages') }}
),

sightings as (
    {% for noun, role in people %}
        select
            connection_id,
            {{ role }}_id as account_id,
            {{ role }}_login as login,
            null::varchar as member_name,
            is_{{ role }}_bot as is_bot,
            null::bigint as account_number,
            first_seen_at,
            last_seen_at
        from {{ ref('stg_github__' ~ noun) }}
        union all by name
    {% endfor %}
    {% for noun in nouns %}
        select
            connection_id,
            person.account_id as account_id,
            person.login as login,
            person.is_bot as is_bot,
            person.account_number as account_number,
            first_seen_at,
            last_seen_at
        from (
            select
                connection_id,
                first_seen_at,
                last_seen_at,
                unnest(named_accounts) as person
            from {{ ref('stg_github__' ~ noun) }}
        ) as named
        union all by name
    {% endfor %}
    select
        connection_id,
        member_id as account_id,
        member_login as login,
        member_name,
        member_number as account_number,
        first_seen_at,
        last_seen_at
    from team_members
    -- Of these, the runs tell no login.
    union all by name
    select
        connection_id,
        trigger_actor_id as account_id,
        first_seen_at,
        last_seen_at
    from {{ ref('stg_github__workflow_runs') }}
),

accounts as (
    select
        account_id,
        max_by(connection_id, (last_seen_at, connection_id)) as connection_id,
        max_by(login, (last_seen_at, login)) as login,
        max_by(member_name, (last_seen_at, member_name)) as member_name,
        max(account_number) as account_number,
        coalesce(bool_or(is_bot), false) as is_bot,
        coalesce(bool_or(ends_with(login, '[bot]')), false) as has_bot_suffix,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from sightings
    where account_id is not null
    group by account_id
),

-- A login can change hands; one that did proves nothing.
logins as (
    select
        lower(login) as login,
        any_value(account_id) as account_id
    from sightings
    where account_id is not null and login is not null
    group by lower(login)
    having count(distinct account_id) = 1
),

signatures as (
    select
        connection_id,
        author_email as email,
        author_name as signed_name,
        author_id as account_id,
        container || '@' || external_id as commit_key,
        committed_at,
        first_seen_at,
        last_seen_at
    from commits
    union all by name
    select
        connection_id,
        committer_email as email,
        committer_id as account_id,
        container || '@' || external_id as commit_key,
        committed_at,
        first_seen_at,
        last_seen_at
    from commits
    union all by name
    select
        connection_id,
        author_email as email,
        author_name as signed_name,
        container || '@' || commit_sha as commit_key,
        committed_at,
        first_seen_at,
        last_seen_at
    from wiki_pages
),

-- GitHub links a commit to the account that has verified its address. Of several
-- accounts that had one in turn, the last one has it. Which of its commits is the
-- evidence must not hang on when each was read.
links as (
    select
        email,
        account_id,
        max_by(commit_key, (committed_at, commit_key)) as commit_key,
        max(committed_at) as linked_at
    from signatures
    where email is not null and account_id is not null
    group by email, account_id
    qualify
        row_number() over (
            partition by email
            order by max(last_seen_at) desc, max(committed_at) desc, account_id desc
        ) = 1
),

signed as (
    select
        email,
        max_by(connection_id, (last_seen_at, connection_id)) as connection_id,
        max_by(signed_name, (committed_at, signed_name)) as signed_name,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from signatures
    where email is not null
    group by email
),

addresses as (
    select
        signed.*,
        links.account_id,
        links.commit_key,
        links.linked_at,
        regexp_extract(
            signed.email,
            '^(?:(\d+)\+)?([^+@]+)@users\.noreply\.github\.com$',
            ['account_number', 'login']
        ) as private_address
    from signed
    left join links using (email)
),

numbers as (
    select
        account_number::varchar as account_number,
        min(account_id) as account_id
    from accounts
    where account_number is not null
    group by account_number
),

-- An account's number outlives its login, so it decides wherever it is known.
link_addresses as (
    select
        addresses.*,
        coalesce(addresses.account_id, numbers.account_id, accounts.account_id)
            as linked_account_id
    from addresses
    left join numbers
        on addresses.private_address.account_number = numbers.account_number
    left join logins on addresses.private_address.login = logins.login
    left join accounts
        on
            logins.account_id = accounts.account_id
            and coalesce(
                addresses.private_address.account_number
                in ('', accounts.account_number::varchar),
                true
            )
),

account_addresses as (
    select
        account_id,
        max_by(signed_name, (linked_at, email)) as signed_name,
        max_by(if(private_address.login = '', email, null), (linked_at, email)) as email
    from addresses
    where account_id is not null
    group by account_id
),

describe_identities as (
    select
        'github:' || accounts.account_id as identity_id,
        accounts.connection_id,
        'github' as source_type,
        accounts.login as handle,
        coalesce(accounts.member_name, account_addresses.signed_name) as display_name,
        account_addresses.email,
        null::varchar as linked_identity_id,
        null::varchar as link_rule,
        null::varchar as link_evidence,
        accounts.account_number::varchar as account_number,
        case
            when accounts.has_bot_suffix then 'bot_suffix'
            when accounts.is_bot then 'account_type'
        end as bot_rule,
        false as is_address,
        false as is_email_verified,
        null::boolean as is_active,
        accounts.first_seen_at,
        accounts.last_seen_at
    from accounts
    left join account_addresses using (account_id)
    union all by name
    select
        'email:' || email as identity_id,
        connection_id,
        'github' as source_type,
        signed_name as display_name,
        email,
        'github:' || linked_account_id as linked_identity_id,
        case
            when account_id is not null then 'linked_account'
            when linked_account_id is not null then 'github_noreply'
        end as link_rule,
        coalesce(commit_key, email) as link_evidence,
        true as is_address,
        account_id is not null as is_email_verified,
        first_seen_at,
        last_seen_at
    from link_addresses
)

select * from describe_identities
