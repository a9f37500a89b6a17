with documents as (
    select * from {{ ref('documents') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

-- What authors say on their own pull request, under whichever account, is no review,
-- nor is what a bot says.
list_reviews as (
    select
        documents.connection_id,
        documents.document_id,
        interactions.contact_id,
        authors.contact_id as author_contact_id,
        split_part(documents.source_id, '#', 1) as repository,
        coalesce(
            reviewers.handle, reviewers.display_name, reviewers.identity_id
        ) as reviewer,
        interactions.interaction_type,
        interactions.occurred_at
    from interactions
    inner join documents on interactions.document_id = documents.document_id
    inner join contact_identities as reviewers
        on interactions.actor_identity_id = reviewers.identity_id
    left join contact_identities as authors
        on documents.author_identity_id = authors.identity_id
    where
        interactions.interaction_type in ('reviewed', 'approved', 'requested_changes')
        and documents.document_type = 'pull_request'
        and not interactions.is_bot
        and interactions.occurred_at is not null
        and coalesce(interactions.contact_id != authors.contact_id, true)
),

count_reviews as (
    select
        connection_id,
        contact_id,
        repository,
        max_by(reviewer, (occurred_at, reviewer)) as reviewer,
        count(*)::integer as review_count,
        count(*) filter (where interaction_type = 'approved')::integer
            as approval_count,
        count(*) filter (where interaction_type = 'requested_changes')::integer
            as change_request_count,
        count(distinct document_id)::integer as pull_request_count,
        count(distinct author_contact_id)::integer as author_count,
        date_trunc('week', occurred_at)::date as week_start_date
    from list_reviews
    group by connection_id, contact_id, repository, week_start_date
)

select * from count_reviews
