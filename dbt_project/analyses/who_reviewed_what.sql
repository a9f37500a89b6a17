-- Who reviewed which pull request, with which verdicts, and how soon after it was
-- ready? The last verdict of a person counts; one who only commented has none. What
-- authors say on their own pull request, under whichever account, is no review.
with interactions as (
    select * from {{ ref('interactions') }}
),

contacts as (
    select * from {{ ref('contacts') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

pull_request_cycle_times as (
    select * from {{ ref('pull_request_cycle_times') }}
),

sum_reviews as (
    select
        pull_requests.source_id,
        pull_requests.author_identity_id,
        any_value(contacts.display_name) as reviewer,
        interactions.contact_id,
        count(*) as review_count,
        max_by(
            interactions.interaction_type,
            (interactions.occurred_at, interactions.interaction_id)
        ) filter (
            where interactions.interaction_type in ('approved', 'requested_changes')
        ) as last_verdict,
        min(interactions.occurred_at) as first_review_at,
        {{
            hours_between(
                'any_value(pull_requests.ready_at)', 'min(interactions.occurred_at)'
            )
        }} as hours_to_first_review
    from interactions
    inner join pull_request_cycle_times as pull_requests
        on interactions.document_id = pull_requests.document_id
    left join contacts on interactions.contact_id = contacts.contact_id
    left join contact_identities as authors
        on pull_requests.author_identity_id = authors.identity_id
    where
        interactions.interaction_type in ('reviewed', 'approved', 'requested_changes')
        and not interactions.is_bot
        and coalesce(interactions.contact_id != authors.contact_id, true)
    group by
        pull_requests.source_id,
        pull_requests.author_identity_id,
        interactions.contact_id
)

select * from sum_reviews
order by first_review_at desc, source_id asc, reviewer asc
