with github_interactions as (
    select * from {{ ref('int_github__interactions') }}
),

linear_interactions as (
    select * from {{ ref('int_linear__interactions') }}
),

notion_interactions as (
    select * from {{ ref('int_notion__interactions') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

contacts as (
    select * from {{ ref('contacts') }}
),

unite_interactions as (
    select * from github_interactions
    union all by name
    select * from linear_interactions
    union all by name
    select * from notion_interactions
),

-- Two connections may read the same event.
choose_reading as (
    select *
    from unite_interactions
    qualify row_number() over (
        partition by interaction_id order by connection_id asc, source_id asc
    ) = 1
),

describe_interactions as (
    select
        interactions.interaction_id,
        interactions.connection_id,
        interactions.document_id,
        interactions.source_type,
        interactions.source_id,
        interactions.interaction_type,
        interactions.field,
        interactions.from_value,
        interactions.to_value,
        interactions.actor_identity_id,
        contact_identities.contact_id,
        interactions.body_raw,
        coalesce(contacts.is_bot, interactions.is_bot) as is_bot,
        interactions.occurred_at
    from choose_reading as interactions
    left join contact_identities
        on interactions.actor_identity_id = contact_identities.identity_id
    left join contacts on contact_identities.contact_id = contacts.contact_id
)

select * from describe_interactions
