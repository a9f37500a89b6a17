{% set actor = {'__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR'} %}
{% set shape = {
    'number': 'BIGINT', 'state': 'VARCHAR', 'isDraft': 'BOOLEAN', 'mergeable': 'VARCHAR',
    'reviewDecision': 'VARCHAR', 'additions': 'BIGINT', 'deletions': 'BIGINT',
    'changedFiles': 'BIGINT', 'totalCommentsCount': 'BIGINT', 'mergedBy': actor,
    'mergeCommit': {'oid': 'VARCHAR'}, 'headRefName': 'VARCHAR',
    'headRefOid': 'VARCHAR', 'baseRefName': 'VARCHAR', 'baseRefOid': 'VARCHAR',
    'reviewRequests': {'nodes': [{
        'asCodeOwner': 'BOOLEAN', 'requestedReviewer': {
            '__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR',
            'slug': 'VARCHAR'
        }
    }]}, 'closingIssuesReferences': {'nodes': [{
        'id': 'VARCHAR', 'number': 'BIGINT', 'repository': {'nameWithOwner': 'VARCHAR'}
    }]}, 'mergedAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'pull_request_details', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_actor('record.mergedBy', 'merger') }},
        [
            {
                'account_id': request.requestedReviewer.id,
                'account_number': null::bigint,
                'login': {{ github_login('request.requestedReviewer') }},
                'is_bot': coalesce(
                    request.requestedReviewer.__typename = 'Bot', false
                )
            }
            for request in record.reviewRequests.nodes
            if request.requestedReviewer.login is not null
        ] as named_accounts,
        lower(record.state) as source_state,
        lower(record.mergeable) as mergeable_state,
        lower(record.reviewDecision) as review_decision,
        record.mergeCommit.oid as merge_commit_sha,
        record.headRefName as head_branch,
        record.headRefOid as head_sha,
        record.baseRefName as base_branch,
        record.baseRefOid as base_sha,
        -- No login has a slash, and a team is of its repository's owner.
        [
            coalesce(
                {{ github_login('request.requestedReviewer') }},
                split_part(container, '/', 1) || '/' || request.requestedReviewer.slug
            )
            for request in record.reviewRequests.nodes
            if request.requestedReviewer.id is not null
        ] as requested_reviewers,
        [
            issue.repository.nameWithOwner || '#' || issue.number
            for issue in record.closingIssuesReferences.nodes
        ] as closing_issue_keys,
        record.number as pull_request_number,
        record.additions as addition_count,
        record.deletions as deletion_count,
        record.changedFiles as changed_file_count,
        record.totalCommentsCount as comment_count,
        record.isDraft as is_draft,
        record.updatedAt as source_updated_at,
        record.mergedAt as merged_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
