with documents as (
    select * from {{ ref('documents') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

pull_request_commits as (
    select * from {{ ref('stg_github__pull_request_commits') }}
),

commits as (
    select * from {{ ref('stg_github__commits') }}
),

deployments as (
    select * from {{ ref('stg_github__deployments') }}
),

deployment_statuses as (
    select * from {{ ref('stg_github__deployment_statuses') }}
),

pull_requests as (
    select
        documents.*,
        authors.contact_id as author_contact_id,
        split_part(documents.source_id, '#', 1) as repository,
        json_transform(
            documents.source_metadata,
            '{{ {
                "base_branch": "VARCHAR", "merge_commit_sha": "VARCHAR",
                "merged_at": "TIMESTAMPTZ", "closed_at": "TIMESTAMPTZ",
                "additions": "BIGINT", "deletions": "BIGINT", "changed_files": "BIGINT"
            } | tojson }}'
        ) as metadata
    from documents
    left join contact_identities as authors
        on documents.author_identity_id = authors.identity_id
    where documents.document_type = 'pull_request' and documents.deleted_at is null
),

-- Of two connections that read one repository either may have read more of it, and the
-- document is of one of them: what counts here is of both.
find_first_commits as (
    select
        'github:pull_request:' || external_id as document_id,
        max_by(
            list_min([change.committed_at for change in commits]),
            (deleted_at is null, occurred_at, last_seen_at, connection_id)
        ) as first_commit_at
    from pull_request_commits
    group by external_id
),

-- What its author says on it, under whichever account, is no review, nor is what a bot
-- says.
judge_interactions as (
    select
        pull_requests.document_id,
        interactions.interaction_type,
        interactions.contact_id,
        interactions.occurred_at,
        (
            interactions.interaction_type in (
                'reviewed', 'approved', 'requested_changes'
            )
            and not interactions.is_bot
            and coalesce(
                interactions.contact_id != pull_requests.author_contact_id, true
            )
        ) as is_review
    from pull_requests
    inner join interactions on pull_requests.document_id = interactions.document_id
),

sum_reviews as (
    select
        document_id,
        count(*)::integer as review_count,
        count(distinct contact_id)::integer as reviewer_count,
        min(occurred_at) as first_review_at,
        min(occurred_at) filter (where interaction_type = 'approved') as approved_at
    from judge_interactions
    where is_review
    group by document_id
),

-- A draft waits for nobody: the wait begins when it was last made ready before that.
find_ready_times as (
    select
        readied.document_id,
        max(readied.occurred_at) as ready_at
    from judge_interactions as readied
    left join sum_reviews on readied.document_id = sum_reviews.document_id
    where
        readied.interaction_type = 'ready_for_review'
        and readied.occurred_at
        <= coalesce(sum_reviews.first_review_at, readied.occurred_at)
    group by readied.document_id
),

list_deployments as (
    select
        deployments.container as repository,
        deployments.commit_sha,
        deployments.ref_name,
        deployments.source_created_at,
        commits.committed_at,
        min(statuses.source_created_at) as succeeded_at
    from deployments
    inner join deployment_statuses as statuses
        on
            deployments.external_id = statuses.deployment_id
            and statuses.source_state = 'success'
    left join commits
        on
            deployments.container = commits.container
            and deployments.commit_sha = commits.external_id
    where deployments.is_production
    group by all
),

-- A deployment made after the merge has the merge in it if it is of that very commit or
-- of one made after the merge; if its commit is not known, of the branch merged into.
find_deployments as (
    select
        pull_requests.document_id,
        min(deployments.succeeded_at) as deployed_at
    from pull_requests
    inner join list_deployments as deployments
        on
            pull_requests.repository = deployments.repository
            and pull_requests.metadata.merged_at <= deployments.succeeded_at
    where
        pull_requests.metadata.merge_commit_sha = deployments.commit_sha
        or (
            pull_requests.metadata.merged_at <= deployments.source_created_at
            and if(
                deployments.committed_at is null,
                pull_requests.metadata.base_branch = deployments.ref_name,
                pull_requests.metadata.merged_at <= deployments.committed_at
            )
        )
    group by pull_requests.document_id
),

collect_times as (
    select
        pull_requests.document_id,
        pull_requests.connection_id,
        pull_requests.source_id,
        pull_requests.repository,
        pull_requests.author_identity_id,
        pull_requests.state,
        pull_requests.metadata.additions as addition_count,
        pull_requests.metadata.deletions as deletion_count,
        pull_requests.metadata.changed_files as changed_file_count,
        coalesce(reviews.review_count, 0) as review_count,
        coalesce(reviews.reviewer_count, 0) as reviewer_count,
        first_commits.first_commit_at,
        pull_requests.source_created_at as opened_at,
        coalesce(ready_times.ready_at, pull_requests.source_created_at) as ready_at,
        reviews.first_review_at,
        reviews.approved_at,
        pull_requests.metadata.merged_at as merged_at,
        pull_requests.metadata.closed_at as closed_at,
        deployments.deployed_at
    from pull_requests
    left join find_first_commits as first_commits
        on pull_requests.document_id = first_commits.document_id
    left join sum_reviews as reviews
        on pull_requests.document_id = reviews.document_id
    left join find_ready_times as ready_times
        on pull_requests.document_id = ready_times.document_id
    left join find_deployments as deployments
        on pull_requests.document_id = deployments.document_id
),

measure_times as (
    select
        document_id,
        connection_id,
        source_id,
        repository,
        author_identity_id,
        state,
        addition_count,
        deletion_count,
        changed_file_count,
        review_count,
        reviewer_count,
        {{ hours_between('first_commit_at', 'opened_at') }} as coding_hours,
        {{ hours_between('ready_at', 'first_review_at') }} as pickup_hours,
        {{ hours_between('first_review_at', 'approved_at') }} as approval_hours,
        {{ hours_between('first_review_at', 'merged_at') }} as review_hours,
        {{ hours_between('merged_at', 'deployed_at') }} as deploy_hours,
        {{ hours_between('least(first_commit_at, opened_at)', 'merged_at') }}
            as cycle_hours,
        {{ hours_between('least(first_commit_at, opened_at)', 'deployed_at') }}
            as lead_hours,
        first_commit_at,
        opened_at,
        ready_at,
        first_review_at,
        approved_at,
        merged_at,
        closed_at,
        deployed_at
    from collect_times
)

select * from measure_times
