with documents as (
    select * from {{ ref('documents') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

-- What authors say on their own pull request is no review, nor is what a bot says.
list_reviews as (
    select
        documents.connection_id,
        documents.document_id,
        documents.author_identity_id,
        split_part(documents.source_id, '#', 1) as repository,
        interactions.actor_identity_id as reviewer_identity_id,
        interactions.interaction_type,
        interactions.occurred_at
    from interactions
    inner join documents on interactions.document_id = documents.document_id
    where
        interactions.interaction_type in ('reviewed', 'approved', 'requested_changes')
        and documents.document_type = 'pull_request'
        and not interactions.is_bot
        and interactions.actor_identity_id is not null
        and interactions.occurred_at is not null
        and coalesce(
            interactions.actor_identity_id != documents.author_identity_id, true
        )
),

count_reviews as (
    select
        connection_id,
        reviewer_identity_id,
        repository,
        count(*)::integer as review_count,
        count(*) filter (where interaction_type = 'approved')::integer
            as approval_count,
        count(*) filter (where interaction_type = 'requested_changes')::integer
            as change_request_count,
        count(distinct document_id)::integer as pull_request_count,
        count(distinct author_identity_id)::integer as author_count,
        date_trunc('week', occurred_at)::date as week_start_date
    from list_reviews
    group by connection_id, reviewer_identity_id, repository, week_start_date
)

select * from count_reviews
