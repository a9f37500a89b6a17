with discussions as (
    select * from {{ ref('stg_github__discussions') }}
),

discussion_comments as (
    select * from {{ ref('stg_github__discussion_comments') }}
),

-- Closing a discussion leaves no name; choosing its answer does.
discussion_steps as (
    select
        connection_id,
        container,
        'github:discussion:' || external_id as own_document_id,
        container || '#' || discussion_number as own_source_id,
        step.interaction_type || ':' || external_id as event_key,
        step.interaction_type as interaction_type,
        step.field as field,
        step.from_value as from_value,
        step.to_value as to_value,
        step.actor_id as actor_id,
        step.is_bot as is_bot,
        step.occurred_at as occurred_at,
        step.body_raw as body_raw
    from (
        select
            *,
            unnest([
                {
                    'interaction_type': 'opened', 'field': null,
                    'from_value': null, 'to_value': null,
                    'actor_id': author_id, 'is_bot': is_author_bot,
                    'occurred_at': source_created_at, 'body_raw': body
                },
                {
                    'interaction_type': 'answered', 'field': 'answer',
                    'from_value': null,
                    'to_value': 'github:comment:' || answer_comment_id,
                    'actor_id': chooser_id, 'is_bot': is_chooser_bot,
                    'occurred_at': answered_at, 'body_raw': null
                },
                {
                    'interaction_type': 'closed', 'field': 'state',
                    'from_value': 'open', 'to_value': 'closed',
                    'actor_id': null, 'is_bot': null,
                    'occurred_at': closed_at, 'body_raw': null
                }
            ]) as step
        from discussions
    ) as discussions
    where step.occurred_at is not null
),

discussion_comments_made as (
    select
        comments.connection_id,
        comments.container,
        comments.container || '#' || comments.discussion_number as own_source_id,
        'commented:' || comments.external_id as event_key,
        'commented' as interaction_type,
        coalesce(
            'github:discussion:' || discussions.external_id,
            'github:comment:' || comments.external_id
        ) as own_document_id,
        comments.author_id as actor_id,
        comments.is_author_bot as is_bot,
        comments.source_created_at as occurred_at,
        comments.body as body_raw
    from discussion_comments as comments
    left join discussions
        on
            comments.connection_id = discussions.connection_id
            and comments.discussion_id = discussions.external_id
),

unite_interactions as (
    select * from discussion_steps
    union all by name
    select * from discussion_comments_made
)

select * from unite_interactions
