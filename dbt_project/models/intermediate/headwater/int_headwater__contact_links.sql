{{ config(materialized='table') }}

with identities as (
    select * from {{ ref('int_headwater__contact_identities') }}
),

overrides as (
    select * from {{ ref('int_headwater__contact_overrides') }}
),

-- A person and a bot never become one by evidence, nor do those who share the address
-- of a role.
account_links as (
    select
        identity_id as from_id,
        linked_identity_id as to_id,
        link_rule as rule,
        link_evidence as evidence
    from identities
    where
        linked_identity_id is not null
        and not has_role_address
        and (bot_rule is null) = (not is_linked_to_bot)
),

-- All who hold an address are linked to the address, not each to each: what is shared
-- by many stays cheap, and a link can be taken from one of them.
address_links as (
    select
        identity_id as from_id,
        'address:' || email as to_id,
        'verified_email' as rule,
        email as evidence
    from identities
    where is_email_verified and bot_rule is null and not has_role_address
),

-- Who holds an address, and by which link. An account holds those that GitHub linked to
-- it.
holdings as (
    select
        from_id as holder_id,
        to_id as address_id,
        from_id,
        to_id
    from address_links
    union all by name
    select
        account_links.to_id as holder_id,
        address_links.to_id as address_id,
        account_links.from_id,
        account_links.to_id
    from account_links
    inner join address_links on account_links.from_id = address_links.from_id
    where account_links.rule = 'linked_account'
),

-- A split takes away what joins the two directly. Where that is an address, the first
-- of the two no longer counts as holding it. An account and a signature that is linked
-- to it have their link between them, and both may keep the address.
split_links as (
    select
        identity_id as from_id,
        unnest([other_identity_id, address_id]) as to_id
    from overrides
    where action = 'split'
    union
    select
        other_identity_id as from_id,
        identity_id as to_id
    from overrides
    where action = 'split'
    union
    select
        own.from_id,
        own.to_id
    from overrides
    inner join holdings as own on overrides.identity_id = own.holder_id
    inner join holdings as others
        on
            overrides.other_identity_id = others.holder_id
            and own.address_id = others.address_id
    where
        overrides.action = 'split'
        and own.from_id != overrides.other_identity_id
        and others.from_id != overrides.identity_id
),

evidence_links as (
    select * from account_links
    union all by name
    select * from address_links
),

links_in_force as (
    select evidence_links.*
    from evidence_links
    anti join split_links using (from_id, to_id)
    union all by name
    select
        identity_id as from_id,
        other_identity_id as to_id,
        'seed' as rule,
        min(coalesce(note, 'contact_overrides')) as evidence
    from overrides
    where action = 'merge' and identity_id != other_identity_id
    group by identity_id, other_identity_id
)

select * from links_in_force
