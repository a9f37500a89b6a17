with items as (
    select * from {{ ref('int_github__items') }}
),

issue_events as (
    select * from {{ ref('stg_github__issue_events') }}
),

comments as (
    select * from {{ ref('stg_github__issue_comments') }}
),

review_comments as (
    select * from {{ ref('stg_github__review_comments') }}
),

reviews as (
    select * from {{ ref('stg_github__reviews') }}
),

commits as (
    select * from {{ ref('stg_github__commits') }}
),

discussion_interactions as (
    select * from {{ ref('int_github__discussion_interactions') }}
),

releases as (
    select * from {{ ref('stg_github__releases') }}
),

deployments as (
    select * from {{ ref('stg_github__deployments') }}
),

deployment_statuses as (
    select * from {{ ref('stg_github__deployment_statuses') }}
),

openings as (
    select
        connection_id,
        container,
        'opened:' || external_id as event_key,
        'opened' as interaction_type,
        'github:' || document_type || ':' || external_id as own_document_id,
        container || '#' || item_name as own_source_id,
        author_id as actor_id,
        is_author_bot as is_bot,
        source_created_at as occurred_at,
        body as body_raw
    from items
),

recorded_events as (
    select
        connection_id,
        container,
        issue_number as item_number,
        'issue_event:' || external_id as event_key,
        case event
            when 'review_dismissed' then 'dismissed'
            when 'head_ref_force_pushed' then 'pushed'
            else event
        end as interaction_type,
        case
            when event in ('labeled', 'unlabeled') then 'label'
            when event in ('assigned', 'unassigned') then 'assignee'
            when event in ('milestoned', 'demilestoned') then 'milestone'
            when event in ('review_requested', 'review_request_removed') then 'reviewer'
            when event in ('closed', 'reopened', 'merged') then 'state'
            when event in ('ready_for_review', 'convert_to_draft') then 'draft'
            when event = 'renamed' then 'title'
            when event = 'review_dismissed' then 'review'
            when event = 'mentioned' then 'mention'
            when event in ('sub_issue_added', 'sub_issue_removed') then 'sub_issue'
            when event in ('parent_issue_added', 'parent_issue_removed') then 'parent'
            when event in ('blocked_by_added', 'blocked_by_removed') then 'blocked_by'
            when event in ('blocking_added', 'blocking_removed') then 'blocking'
            when starts_with(event, 'issue_type_') then 'issue_type'
        end as field,
        case event
            when 'renamed' then renamed_from
            when 'unlabeled' then label_name
            when 'unassigned' then assignee_login
            when 'demilestoned' then milestone_title
            when 'review_request_removed' then requested_reviewer
            when 'review_dismissed' then dismissed_review_state
            when 'closed' then 'open'
            when 'merged' then 'open'
            when 'reopened' then 'closed'
            when 'convert_to_draft' then 'ready'
            when 'ready_for_review' then 'draft'
            when 'issue_type_changed' then previous_issue_type
            when 'issue_type_removed' then coalesce(previous_issue_type, issue_type)
            when 'sub_issue_removed' then other_issue_key
            when 'parent_issue_removed' then other_issue_key
            when 'blocked_by_removed' then other_issue_key
            when 'blocking_removed' then other_issue_key
        end as from_value,
        case event
            when 'renamed' then renamed_to
            when 'labeled' then label_name
            when 'assigned' then assignee_login
            when 'milestoned' then milestone_title
            when 'review_requested' then requested_reviewer
            when 'closed' then 'closed'
            when 'merged' then 'merged'
            when 'reopened' then 'open'
            when 'convert_to_draft' then 'draft'
            when 'ready_for_review' then 'ready'
            when 'mentioned' then actor_login
            when 'issue_type_added' then issue_type
            when 'issue_type_changed' then issue_type
            when 'sub_issue_added' then other_issue_key
            when 'parent_issue_added' then other_issue_key
            when 'blocked_by_added' then other_issue_key
            when 'blocking_added' then other_issue_key
        end as to_value,
        -- GitHub names the assigned person as the actor; who did it is the assigner.
        -- The actor of a mention is who was mentioned; who wrote it is not told.
        case
            when event != 'mentioned' then if(has_assigner, assigner_id, actor_id)
        end as actor_id,
        case
            when event = 'mentioned' then false
            when has_assigner then is_assigner_bot
            else is_actor_bot
        end as is_bot,
        source_created_at as occurred_at,
        dismissal_message as body_raw
    from issue_events
    -- What does not say what was done is in raw_event_errors.
    where event is not null
),

-- The event history may start later than the item: an ending it does not know is taken
-- from the item, without an actor. A merge is one ending, not also a closing.
implied_ends as (
    select
        items.connection_id,
        items.container,
        'github:' || items.document_type || ':' || items.external_id
            as own_document_id,
        items.container || '#' || items.item_name as own_source_id,
        ends.interaction_type || ':' || items.external_id as event_key,
        ends.interaction_type,
        'state' as field,
        'open' as from_value,
        ends.interaction_type as to_value,
        ends.occurred_at
    from (
        select
            *,
            unnest([
                { 'interaction_type': 'merged', 'occurred_at': merged_at },
                {
                    'interaction_type': 'closed',
                    'occurred_at': if(merged_at is null, closed_at, null)
                }
            ]) as ends
        from items
    ) as items
    anti join recorded_events
        on
            items.connection_id = recorded_events.connection_id
            and items.container = recorded_events.container
            and items.item_number = recorded_events.item_number
            and items.ends.interaction_type = recorded_events.interaction_type
    where ends.occurred_at is not null
),

-- A pending review has not happened yet, nor have its comments.
unsent_reviews as (
    select
        connection_id,
        container,
        review_number
    from reviews
    where source_state = 'pending'
),

sent_review_comments as (
    select review_comments.*
    from review_comments
    anti join unsent_reviews using (connection_id, container, review_number)
),

comments_made as (
    select
        connection_id,
        container,
        issue_number as item_number,
        'commented:' || external_id as event_key,
        'commented' as interaction_type,
        'github:comment:' || external_id as own_document_id,
        author_id as actor_id,
        is_author_bot as is_bot,
        source_created_at as occurred_at,
        body as body_raw
    from comments
    union all by name
    select
        connection_id,
        container,
        pull_request_number as item_number,
        'commented:' || external_id as event_key,
        'commented' as interaction_type,
        'github:review_comment:' || external_id as own_document_id,
        author_id as actor_id,
        is_author_bot as is_bot,
        source_created_at as occurred_at,
        body as body_raw
    from sent_review_comments
),

-- A dismissed review has happened, with a verdict that only its dismissal event
-- remembers.
reviews_made as (
    select
        connection_id,
        container,
        pull_request_number as item_number,
        'reviewed:' || external_id as event_key,
        case source_state
            when 'approved' then 'approved'
            when 'changes_requested' then 'requested_changes'
            else 'reviewed'
        end as interaction_type,
        'github:review:' || external_id as own_document_id,
        author_id as actor_id,
        is_author_bot as is_bot,
        submitted_at as occurred_at,
        body as body_raw
    from reviews
    where source_state is distinct from 'pending'
),

commits_made as (
    select
        connection_id,
        container,
        'committed:' || container || '@' || external_id as event_key,
        'committed' as interaction_type,
        'github:commit:' || container || '@' || external_id as own_document_id,
        container || '@' || external_id as own_source_id,
        author_id as actor_id,
        author_email as actor_email,
        coalesce(is_author_bot, false) as is_bot,
        committed_at as occurred_at,
        message as body_raw
    from commits
),

releases_made as (
    select
        connection_id,
        container,
        'released:' || external_id as event_key,
        'released' as interaction_type,
        'github:release:' || external_id as own_document_id,
        container || '/releases/' || tag_name as own_source_id,
        author_id as actor_id,
        is_author_bot as is_bot,
        published_at as occurred_at,
        body as body_raw
    from releases
    where not is_draft and published_at is not null
),

-- What is deployed is a commit. Only its arrival counts: the statuses on the way, and
-- those that retire an older deployment, are nobody's deed.
deployments_made as (
    select
        statuses.connection_id,
        statuses.container,
        'deployed:' || statuses.external_id as event_key,
        'deployed' as interaction_type,
        'environment' as field,
        coalesce(statuses.environment, deployments.environment) as to_value,
        'github:commit:' || commits.container || '@' || commits.external_id
            as own_document_id,
        statuses.container || '@' || deployments.commit_sha as own_source_id,
        coalesce(statuses.creator_id, deployments.creator_id) as actor_id,
        if(
            statuses.creator_id is null,
            deployments.is_creator_bot,
            statuses.is_creator_bot
        ) as is_bot,
        statuses.source_created_at as occurred_at,
        statuses.description as body_raw
    from deployment_statuses as statuses
    left join deployments
        on
            statuses.connection_id = deployments.connection_id
            and statuses.deployment_id = deployments.external_id
    left join commits
        on
            statuses.connection_id = commits.connection_id
            and statuses.container = commits.container
            and deployments.commit_sha = commits.external_id
    where statuses.source_state = 'success'
),

unite_interactions as (
    select * from openings
    union all by name
    select * from recorded_events
    union all by name
    select * from implied_ends
    union all by name
    select * from comments_made
    union all by name
    select * from reviews_made
    union all by name
    select * from commits_made
    union all by name
    select * from discussion_interactions
    union all by name
    select * from releases_made
    union all by name
    select * from deployments_made
),

describe_interactions as (
    select
        'github:' || interactions.event_key as interaction_id,
        interactions.connection_id,
        'github' as source_type,
        coalesce(
            interactions.own_source_id,
            interactions.container || '#' || interactions.item_number
        ) as source_id,
        coalesce(
            'github:' || items.document_type || ':' || items.external_id,
            interactions.own_document_id
        ) as document_id,
        interactions.interaction_type,
        interactions.field,
        interactions.from_value,
        interactions.to_value,
        coalesce(
            'github:' || interactions.actor_id, 'email:' || interactions.actor_email
        ) as actor_identity_id,
        coalesce(interactions.is_bot, false) as is_bot,
        interactions.occurred_at,
        interactions.body_raw
    from unite_interactions as interactions
    left join items
        on
            interactions.connection_id = items.connection_id
            and interactions.container = items.container
            and interactions.item_number = items.current_number
)

select * from describe_interactions
