{% set actor = {'__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR'} %}
{% set shape = {
    'databaseId': 'BIGINT', 'number': 'BIGINT', 'url': 'VARCHAR', 'title': 'VARCHAR',
    'body': 'VARCHAR', 'author': actor, 'authorAssociation': 'VARCHAR',
    'category': {'name': 'VARCHAR', 'slug': 'VARCHAR', 'isAnswerable': 'BOOLEAN'},
    'labels': {'nodes': [{'name': 'VARCHAR'}]}, 'upvoteCount': 'BIGINT',
    'locked': 'BOOLEAN', 'closed': 'BOOLEAN', 'closedAt': 'TIMESTAMPTZ',
    'stateReason': 'VARCHAR', 'isAnswered': 'BOOLEAN', 'answer': {'id': 'VARCHAR'},
    'answerChosenAt': 'TIMESTAMPTZ', 'answerChosenBy': actor,
    'createdAt': 'TIMESTAMPTZ', 'lastEditedAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'discussions', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_actor('record.author', 'author') }},
        {{ github_actor('record.answerChosenBy', 'chooser') }},
        record.answer.id as answer_comment_id,
        record.title as title,
        record.body as body,
        record.url as discussion_url,
        if(record.closed, 'closed', 'open') as source_state,
        lower(record.stateReason) as state_reason,
        record.authorAssociation as author_association,
        record.category.name as category_name,
        [label.name for label in record.labels.nodes] as labels,
        record.number as discussion_number,
        record.upvoteCount as upvote_count,
        coalesce(record.isAnswered, false) as is_answered,
        coalesce(record.category.isAnswerable, false) as is_answerable,
        coalesce(record.locked, false) as is_locked,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.lastEditedAt as edited_at,
        record.answerChosenAt as answered_at,
        record.closedAt as closed_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
