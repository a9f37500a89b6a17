-- GitHub lists a pull request twice, as itself and as an issue. Either row may be the
-- newer, either may be missing: the pair becomes one item before anything refers to it.
with issues as (
    select * from {{ ref('stg_github__issues') }}
),

pull_requests as (
    select * from {{ ref('stg_github__pull_requests') }}
),

list_items as (
    select
        * exclude (issue_number, issue_url, merged_at),
        coalesce(issue_number::varchar, external_id) as item_name,
        issue_number as item_number,
        issue_url as item_url,
        if(is_pull_request, 'pull_request', 'issue') as document_type,
        merged_at,
        false as is_own_row
    from issues
    union all by name
    select
        * exclude (pull_request_number, pull_request_url),
        coalesce(pull_request_number::varchar, external_id) as item_name,
        pull_request_number as item_number,
        pull_request_url as item_url,
        'pull_request' as document_type,
        true as is_own_row
    from pull_requests
),

choose_newest as (
    select
        connection_id,
        container,
        external_id,
        event_id,
        _dlt_load_id,
        document_type,
        author_id,
        author_login,
        title,
        body,
        item_name,
        item_url,
        source_state,
        state_reason,
        author_association,
        milestone_title,
        labels,
        assignee_logins,
        item_number,
        is_author_bot,
        is_draft,
        is_locked,
        source_created_at,
        source_updated_at,
        closed_at,
        -- Only one of the two rows has these, whichever row is the newer.
        max(head_branch) over item as head_branch,
        max(base_branch) over item as base_branch,
        max(head_repository) over item as head_repository,
        max(merge_commit_sha) over item as merge_commit_sha,
        any_value(reviewer_logins) over item as reviewer_logins,
        max(comment_count) over item as comment_count,
        max(merged_at) over item as merged_at,
        min(first_seen_at) over item as first_seen_at,
        max(last_seen_at) over item as last_seen_at,
        max(deleted_at) over item as deleted_at,
        max(deletion_reason) over item as deletion_reason
    from list_items
    window item as (partition by connection_id, container, document_type, item_name)
    qualify row_number() over (
        partition by connection_id, container, document_type, item_name
        order by occurred_at desc, is_own_row desc, external_id asc
    ) = 1
)

select * from choose_newest
