with identities as (
    select * from {{ ref('int_headwater__contact_identities') }}
),

members as (
    select * from {{ ref('int_headwater__contact_members') }}
),

describe_identities as (
    select
        identities.identity_id,
        identities.connection_id,
        members.contact_id,
        identities.source_type,
        identities.handle,
        identities.display_name,
        identities.email,
        identities.bot_rule,
        members.rule,
        members.evidence,
        identities.bot_rule is not null as is_bot,
        identities.is_active,
        identities.first_seen_at,
        identities.last_seen_at
    from identities
    inner join members on identities.identity_id = members.identity_id
)

select * from describe_identities
