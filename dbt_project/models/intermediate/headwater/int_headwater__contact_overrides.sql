{{ config(materialized='table') }}

with contact_overrides as (
    select * from {{ ref('contact_overrides') }}
),

identities as (
    select * from {{ ref('int_headwater__contact_identities') }}
),

overrides as (
    select
        lower(trim(action)) as action,
        trim(identity_id) as identity_name,
        trim(other_identity_id) as other_name,
        min(note) as note
    from contact_overrides
    group by all
),

override_names as (
    select identity_name as name from overrides
    union
    select other_name as name from overrides
),

-- A name is an identity's id; or else a login, of the account that was seen last with
-- it; or else an address, of one account that holds it: it is linked to the others.
meanings as (
    select
        names.name,
        identities.identity_id,
        1 as preference
    from override_names as names
    inner join identities
        on
            if(starts_with(lower(names.name), 'email:'), lower(names.name), names.name)
            = identities.identity_id
    union all by name
    select
        names.name,
        max_by(
            identities.identity_id,
            (coalesce(identities.last_seen_at, '-infinity'), identities.identity_id)
        ) as identity_id,
        2 as preference
    from override_names as names
    inner join identities
        on
            lower(names.name)
            = lower(identities.source_type || ':' || identities.handle)
    group by names.name
    union all by name
    select
        names.name,
        min_by(
            identities.identity_id,
            (identities.bot_rule is not null, identities.identity_id)
        ) as identity_id,
        3 as preference
    from override_names as names
    inner join identities
        on lower(names.name) = 'email:' || identities.email
    where identities.is_email_verified
    group by names.name
),

named_identities as (
    select
        name,
        identity_id
    from meanings
    qualify preference = min(preference) over (partition by name)
),

override_pairs as (
    select
        overrides.action,
        overrides.identity_name,
        overrides.other_name,
        overrides.note,
        identities.identity_id as identity_id,
        others.identity_id as other_identity_id,
        if(
            starts_with(lower(overrides.other_name), 'email:'),
            'address:' || substr(lower(overrides.other_name), 7),
            null
        ) as address_id
    from overrides
    left join named_identities as identities
        on overrides.identity_name = identities.name
    left join named_identities as others on overrides.other_name = others.name
)

select * from override_pairs
