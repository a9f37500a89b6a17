-- Whose an interaction is changes without an event of its own: an incremental build
-- compares every row.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='interaction_id',
        on_schema_change='fail',
        pre_hook="{{ delete_absent(
            ['interaction_id'], [ref('int_headwater__interaction_readings')]
        ) }}",
    )
}}

with readings as not materialized (
    select * from {{ ref('int_headwater__interaction_readings') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

contacts as (
    select * from {{ ref('contacts') }}
),

-- Two connections may read the same event. Few do, and a hash finds those in half the
-- time.
repeated_events as (
    select hash(interaction_id) as event_hash
    from readings
    group by hash(interaction_id)
    having count(*) > 1
),

passed_over as (
    select
        interaction_id,
        connection_id
    from readings
    where
        hash(interaction_id)
        in (select repeated_events.event_hash from repeated_events)
    qualify row_number() over (
        partition by interaction_id order by connection_id
    ) > 1
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
    from readings as interactions
    anti join passed_over using (interaction_id, connection_id)
    left join contact_identities
        on interactions.actor_identity_id = contact_identities.identity_id
    left join contacts on contact_identities.contact_id = contacts.contact_id
),

different_interactions as (
    {{ different_rows('describe_interactions') }}
)

select * from different_interactions
