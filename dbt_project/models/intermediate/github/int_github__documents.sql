with recursive items as not materialized (
    select * from {{ ref('int_github__items') }}
),

comments as not materialized (
    select * from {{ ref('stg_github__issue_comments') }}
),

reviews as not materialized (
    select * from {{ ref('stg_github__reviews') }}
),

review_comments as not materialized (
    select * from {{ ref('stg_github__review_comments') }}
),

commits as not materialized (
    select * from {{ ref('stg_github__commits') }}
),

pull_request_details as not materialized (
    select * from {{ ref('stg_github__pull_request_details') }}
),

review_threads as not materialized (
    select * from {{ ref('stg_github__review_threads') }}
),

discussion_documents as not materialized (
    select * from {{ ref('int_github__discussion_documents') }}
),

release_documents as not materialized (
    select * from {{ ref('int_github__release_documents') }}
),

wiki_page_documents as not materialized (
    select * from {{ ref('int_github__wiki_page_documents') }}
),

file_documents as not materialized (
    select * from {{ ref('int_github__file_documents') }}
),

repositories as not materialized (
    select * from {{ ref('int_github__current_repositories') }}
),

identify_items as (
    select
        *,
        'github:' || document_type || ':' || external_id as document_id,
        container || '#' || item_name as item_key
    from items
),

-- An issue and a pull request share their numbers; only an issue is above another.
sub_issues as (
    select
        items.connection_id,
        items.document_id,
        max_by(parents.document_id, (parents.last_seen_at, parents.document_id))
            as parent_document_id
    from identify_items as items
    inner join identify_items as parents
        on
            items.connection_id = parents.connection_id
            and lower(items.parent_issue_key) = lower(parents.item_key)
    where
        items.parent_issue_key is not null
        and parents.current_number is not null
        and parents.document_type = 'issue'
    group by items.connection_id, items.document_id
),

-- From the top down, so that a cycle in the source ends nothing but its own branch.
roots as (
    select distinct
        tops.connection_id,
        tops.parent_document_id as document_id,
        tops.parent_document_id as root_document_id
    from sub_issues as tops
    anti join sub_issues
        on
            tops.connection_id = sub_issues.connection_id
            and tops.parent_document_id = sub_issues.document_id
    union all
    select
        sub_issues.connection_id,
        sub_issues.document_id,
        roots.root_document_id
    from sub_issues
    inner join roots
        on
            sub_issues.connection_id = roots.connection_id
            and sub_issues.parent_document_id = roots.document_id
),

-- A recursion is taken for a thousand times its rows, so that a join would put all
-- documents into its hash table. What comes out of one list is taken for few.
listed_roots as (
    select unnest(list(roots)) as place
    from roots
),

item_documents as (
    select
        items.*,
        items.item_key as source_id,
        items.item_url as url,
        items.document_id as root_document_id,
        case
            when items.merged_at is not null then 'merged'
            when items.source_state = 'open' and items.is_draft then 'draft'
            else items.source_state
        end as state,
        list_concat(
            items.assignee_logins, coalesce(items.reviewer_logins, [])
        ) as people,
        to_json({
            'number': items.item_number,
            'author_login': items.author_login,
            'author_association': items.author_association,
            'assignees': items.assignee_logins,
            'reviewers': items.reviewer_logins,
            'milestone': items.milestone_title,
            'state_reason': items.state_reason,
            'comment_count': items.comment_count,
            'is_locked': items.is_locked,
            'head_branch': items.head_branch,
            'head_repository': items.head_repository,
            'base_branch': items.base_branch,
            'merge_commit_sha': items.merge_commit_sha,
            'closed_at': items.closed_at,
            'merged_at': items.merged_at,
            'merged_by': details.merger_login,
            'additions': details.addition_count,
            'deletions': details.deletion_count,
            'changed_files': details.changed_file_count,
            'review_decision': details.review_decision,
            'requested_reviewers': details.requested_reviewers,
            'closing_issues': details.closing_issue_keys
        }) as source_metadata
    from identify_items as items
    left join pull_request_details as details
        on
            items.connection_id = details.connection_id
            -- A condition of one side alone would compare every pair of rows.
            and if(items.document_type = 'pull_request', items.external_id, null)
            = details.external_id
),

comment_documents as (
    select
        comments.*,
        'comment' as document_type,
        'github:comment:' || comments.external_id as document_id,
        coalesce(items.item_key, comments.container || '#' || comments.issue_number)
        || '/comments/' || comments.comment_number as source_id,
        comments.comment_url as url,
        items.document_id as parent_document_id,
        items.document_id as root_document_id,
        to_json({
            'author_login': comments.author_login,
            'author_association': comments.author_association,
            'issue_number': comments.issue_number
        }) as source_metadata
    from comments
    left join identify_items as items
        on
            comments.connection_id = items.connection_id
            and comments.container = items.container
            and comments.issue_number = items.current_number
),

review_documents as (
    select
        reviews.* exclude (source_created_at, source_updated_at),
        coalesce(reviews.submitted_at, reviews.source_created_at) as source_created_at,
        coalesce(reviews.source_updated_at, reviews.submitted_at) as source_updated_at,
        'review' as document_type,
        'github:review:' || reviews.external_id as document_id,
        reviews.container || '#' || reviews.pull_request_number
        || '/reviews/' || reviews.review_number as source_id,
        reviews.review_url as url,
        reviews.source_state = 'pending' as is_unsent,
        if(
            reviews.source_state = 'changes_requested',
            'requested_changes',
            reviews.source_state
        ) as state,
        items.document_id as parent_document_id,
        items.document_id as root_document_id,
        to_json({
            'author_login': reviews.author_login,
            'author_association': reviews.author_association,
            'pull_request_number': reviews.pull_request_number,
            'commit_sha': reviews.commit_sha
        }) as source_metadata
    from reviews
    left join identify_items as items
        on
            reviews.connection_id = items.connection_id
            and reviews.container = items.container
            and reviews.pull_request_number = items.current_number
),

thread_comments as (
    select
        connection_id,
        container,
        comment_number,
        max_by(is_resolved, (last_seen_at, external_id)) as is_resolved,
        max_by(resolver_login, (last_seen_at, external_id)) as resolver_login
    from (
        select
            *,
            unnest(comment_numbers) as comment_number
        from review_threads
        where deleted_at is null
    ) as threads
    group by connection_id, container, comment_number
),

review_comment_documents as (
    select
        review_comments.*,
        'review_comment' as document_type,
        'github:review_comment:' || review_comments.external_id as document_id,
        review_comments.container || '#' || review_comments.pull_request_number
        || '/review_comments/' || review_comments.comment_number as source_id,
        review_comments.comment_url as url,
        reviews.is_unsent,
        coalesce(reviews.document_id, items.document_id) as parent_document_id,
        coalesce(items.document_id, reviews.document_id) as root_document_id,
        to_json({
            'author_login': review_comments.author_login,
            'author_association': review_comments.author_association,
            'pull_request_number': review_comments.pull_request_number,
            'in_reply_to_number': review_comments.in_reply_to_number,
            'commit_sha': review_comments.commit_sha,
            'file_path': review_comments.file_path,
            'line_number': review_comments.line_number,
            'is_outdated': review_comments.is_outdated,
            'is_resolved': threads.is_resolved,
            'resolved_by': threads.resolver_login,
            'diff_hunk': review_comments.diff_hunk
        }) as source_metadata
    from review_comments
    left join review_documents as reviews
        on
            review_comments.connection_id = reviews.connection_id
            and review_comments.container = reviews.container
            and review_comments.review_number = reviews.review_number
    left join identify_items as items
        on
            review_comments.connection_id = items.connection_id
            and review_comments.container = items.container
            and review_comments.pull_request_number = items.current_number
    left join thread_comments as threads
        on
            review_comments.connection_id = threads.connection_id
            and review_comments.container = threads.container
            and review_comments.comment_number = threads.comment_number
),

-- A commit's SHA is the same in every fork, so the repository is part of its id.
commit_documents as (
    select
        *,
        'commit' as document_type,
        'github:commit:' || container || '@' || external_id as document_id,
        container || '@' || external_id as source_id,
        split_part(message, chr(10), 1) as title,
        nullif(
            trim(substr(message, strpos(message || chr(10), chr(10)) + 1)), ''
        ) as body,
        commit_url as url,
        authored_at as source_created_at,
        committed_at as source_updated_at,
        to_json({
            'sha': external_id,
            'author_login': author_login,
            'author_name': author_name,
            'committer_id': committer_id,
            'parent_shas': parent_shas,
            'is_verified': is_verified
        }) as source_metadata
    from commits
),

unite_documents as (
    select * from item_documents
    union all by name
    select * from comment_documents
    union all by name
    select * from review_documents
    union all by name
    select * from review_comment_documents
    union all by name
    select * from commit_documents
    union all by name
    select * from discussion_documents
    union all by name
    select * from release_documents
    union all by name
    select * from wiki_page_documents
    union all by name
    select * from file_documents
),

describe_documents as (
    select
        documents.document_id,
        documents.connection_id,
        'github' as source_type,
        documents.container,
        documents.event_id,
        documents._dlt_load_id,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.body,
        documents.url,
        documents.state,
        documents.source_state,
        documents.labels,
        documents.people,
        coalesce(documents.parent_document_id, sub_issues.parent_document_id)
            as parent_document_id,
        coalesce(listed_roots.place.root_document_id, documents.root_document_id)
            as root_document_id,
        coalesce(
            'github:' || documents.author_id, 'email:' || documents.author_email
        ) as author_identity_id,
        documents.source_metadata,
        -- Drafts of releases and unsent reviews are seen by few, wherever they are.
        coalesce(documents.is_unsent, false)
        or coalesce(repositories.is_private, true) as is_private,
        documents.source_created_at,
        documents.source_updated_at,
        documents.first_seen_at,
        documents.last_seen_at,
        documents.deleted_at,
        documents.deletion_reason
    from unite_documents as documents
    left join repositories
        on
            documents.connection_id = repositories.connection_id
            and documents.container = repositories.container
    -- Few issues have one above them: these joins cost nothing where none has.
    left join sub_issues
        on
            documents.connection_id = sub_issues.connection_id
            and documents.document_id = sub_issues.document_id
    -- What is said about a sub-issue is below the same top.
    left join listed_roots
        on
            documents.connection_id = listed_roots.place.connection_id
            and documents.root_document_id = listed_roots.place.document_id
)

select * from describe_documents
