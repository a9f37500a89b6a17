{% set actor = {'__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR'} %}
{% set shape = {
    'databaseId': 'BIGINT', 'url': 'VARCHAR', 'body': 'VARCHAR', 'author': actor,
    'authorAssociation': 'VARCHAR', 'isAnswer': 'BOOLEAN', 'isMinimized': 'BOOLEAN',
    'minimizedReason': 'VARCHAR', 'upvoteCount': 'BIGINT',
    'createdAt': 'TIMESTAMPTZ', 'lastEditedAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'deletedAt': 'TIMESTAMPTZ',
    'discussion': {'id': 'VARCHAR', 'number': 'BIGINT'}, 'replyTo': {'id': 'VARCHAR'},
} %}

with events as (
    {{ newest_events('raw_github', 'discussion_comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_actor('record.author', 'author') }},
        record.discussion.id as discussion_id,
        record.replyTo.id as parent_comment_id,
        record.body as body,
        record.url as comment_url,
        record.authorAssociation as author_association,
        lower(record.minimizedReason) as minimized_reason,
        record.databaseId as comment_number,
        record.discussion.number as discussion_number,
        record.upvoteCount as upvote_count,
        coalesce(record.isAnswer, false) as is_answer,
        coalesce(record.isMinimized, false) as is_minimized,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.lastEditedAt as edited_at,
        {{
            envelope_times(
                deleted_at='coalesce(deleted_at, record.deletedAt)',
                deletion_reason='coalesce(deletion_reason, if('
                ~ "record.deletedAt is not null, 'deleted', null))",
            )
        }}
    from events
)

select * from renamed
