-- What happened last? The newest hundred things that people did, bots left out.
with interactions as (
    select * from {{ ref('interactions') }}
),

documents as (
    select * from {{ ref('documents') }}
),

list_activity as (
    select
        interactions.occurred_at,
        interactions.actor_identity_id,
        interactions.interaction_type,
        interactions.source_id,
        documents.title,
        interactions.from_value,
        interactions.to_value,
        documents.url,
        interactions.interaction_id
    from interactions
    left join documents on interactions.document_id = documents.document_id
    where not interactions.is_bot and interactions.occurred_at is not null
)

select * from list_activity
order by occurred_at desc, interaction_id asc
limit 100
