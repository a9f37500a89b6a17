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

-- Only one of the two rows has some of these, whichever row is the newer.
pairs as (
    select
        connection_id,
        container,
        document_type,
        external_id,
        max_by(is_own_row, (occurred_at, is_own_row)) as is_own_row,
        max(item_number) as item_number,
        min(source_created_at) as source_created_at,
        max(head_branch) as head_branch,
        max(base_branch) as base_branch,
        max(head_repository) as head_repository,
        max(merge_commit_sha) as merge_commit_sha,
        any_value(reviewer_logins) as reviewer_logins,
        max(comment_count) as comment_count,
        max(merged_at) as merged_at,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(deleted_at) as deleted_at,
        max(deletion_reason) as deletion_reason
    from list_items
    group by connection_id, container, document_type, external_id
),

-- A repository may be made anew under its name, an issue be turned into a pull request:
-- what is said of a number is then said of the item that has it now.
number_pairs as (
    select
        *,
        if(
            row_number() over (
                partition by connection_id, container, item_number
                order by
                    deleted_at is null desc,
                    source_created_at desc,
                    external_id asc
            ) = 1,
            item_number,
            null
        ) as current_number
    from pairs
),

describe_items as (
    select
        items.connection_id,
        items.container,
        items.external_id,
        items.event_id,
        items._dlt_load_id,
        items.document_type,
        items.author_id,
        items.author_login,
        items.title,
        items.body,
        items.item_name,
        items.item_url,
        items.source_state,
        items.state_reason,
        items.author_association,
        items.milestone_title,
        items.parent_issue_key,
        items.labels,
        items.assignee_logins,
        items.item_number,
        pairs.current_number,
        items.is_author_bot,
        items.is_draft,
        items.is_locked,
        items.source_created_at,
        items.source_updated_at,
        items.closed_at,
        pairs.head_branch,
        pairs.base_branch,
        pairs.head_repository,
        pairs.merge_commit_sha,
        pairs.reviewer_logins,
        pairs.comment_count,
        pairs.merged_at,
        pairs.first_seen_at,
        pairs.last_seen_at,
        pairs.deleted_at,
        pairs.deletion_reason
    from list_items as items
    inner join number_pairs as pairs
        on
            items.connection_id = pairs.connection_id
            and items.container = pairs.container
            and items.document_type = pairs.document_type
            and items.external_id = pairs.external_id
            and items.is_own_row = pairs.is_own_row
)

select * from describe_items
