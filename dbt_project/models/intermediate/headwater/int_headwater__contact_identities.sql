{{ config(materialized='table') }}

with github_identities as (
    select * from {{ ref('int_github__identities') }}
),

linear_identities as (
    select * from {{ ref('int_linear__identities') }}
),

notion_identities as (
    select * from {{ ref('int_notion__identities') }}
),

github_accounts as (
    select
        account_number as github_user_id,
        min(identity_id) as identity_id
    from github_identities
    where account_number is not null
    group by account_number
),

-- Who has connected a GitHub account to Linear has proved that both are theirs.
linked_users as (
    select
        users.* exclude (linked_identity_id, link_rule, link_evidence),
        accounts.identity_id as linked_identity_id,
        if(accounts.identity_id is null, null, 'linear_github_account') as link_rule,
        if(accounts.identity_id is null, null, users.github_user_id) as link_evidence
    from linear_identities as users
    left join github_accounts as accounts
        on users.github_user_id = accounts.github_user_id
),

-- Addresses that many use in turn, people and machines alike.
unite_identities as (
    select
        *,
        coalesce(
            regexp_matches(
                email, '^(no|do-?not)-?reply@|^(actions?|github-actions)@github\.com$'
            )
            and not ends_with(email, '@users.noreply.github.com'),
            false
        ) as has_role_address
    from (
        select * exclude (account_number) from github_identities
        union all by name
        select * exclude (github_user_id) from linked_users
        union all by name
        select * from notion_identities
    ) as identities
),

-- GitHub's own account for what is done in the browser is a user like any other, but
-- for its address.
service_accounts as (
    select distinct linked_identity_id as identity_id
    from unite_identities
    where email = 'noreply@github.com' and link_rule = 'linked_account'
),

recognise_bots as (
    select
        identities.* exclude (bot_rule),
        case
            when identities.bot_rule is not null then identities.bot_rule
            when
                service_accounts.identity_id is not null
                or (identities.is_address and identities.has_role_address)
                then 'role_address'
            when identities.is_address and contains(identities.email, '[bot]@')
                then 'bot_suffix'
        end as bot_rule
    from unite_identities as identities
    left join service_accounts using (identity_id)
),

-- What a bot signs with is the bot's.
pass_on_bots as (
    select
        identities.* exclude (bot_rule),
        coalesce(
            identities.bot_rule,
            if(
                accounts.bot_rule is null or not identities.is_address,
                null,
                identities.link_rule
            )
        ) as bot_rule,
        coalesce(accounts.bot_rule is not null, false) as is_linked_to_bot
    from recognise_bots as identities
    left join recognise_bots as accounts
        on identities.linked_identity_id = accounts.identity_id
)

select * from pass_on_bots
