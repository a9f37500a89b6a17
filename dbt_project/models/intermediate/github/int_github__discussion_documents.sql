with discussions as (
    select * from {{ ref('stg_github__discussions') }}
),

discussion_comments as (
    select * from {{ ref('stg_github__discussion_comments') }}
),

discussion_documents as (
    select
        *,
        'discussion' as document_type,
        'github:discussion:' || external_id as document_id,
        container || '#' || coalesce(discussion_number::varchar, external_id)
            as source_id,
        discussion_url as url,
        source_state as state,
        document_id as root_document_id,
        to_json({
            'number': discussion_number,
            'author_login': author_login,
            'author_association': author_association,
            'category': category_name,
            'state_reason': state_reason,
            'upvote_count': upvote_count,
            'is_answerable': is_answerable,
            'is_answered': is_answered,
            'answer_document_id': 'github:comment:' || answer_comment_id,
            'answer_chosen_by': chooser_login,
            'is_locked': is_locked,
            'answered_at': answered_at,
            'closed_at': closed_at
        }) as source_metadata
    from discussions
),

discussion_comment_documents as (
    select
        comments.*,
        'comment' as document_type,
        'github:comment:' || comments.external_id as document_id,
        comments.container || '#' || comments.discussion_number
        || '/comments/' || comments.comment_number as source_id,
        comments.comment_url as url,
        coalesce(
            'github:comment:' || parents.external_id, discussions.document_id
        ) as parent_document_id,
        coalesce(
            discussions.document_id, 'github:comment:' || parents.external_id
        ) as root_document_id,
        to_json({
            'author_login': comments.author_login,
            'author_association': comments.author_association,
            'discussion_number': comments.discussion_number,
            'in_reply_to_id': comments.parent_comment_id,
            'upvote_count': comments.upvote_count,
            'is_answer': comments.is_answer,
            'is_minimized': comments.is_minimized
        }) as source_metadata
    from discussion_comments as comments
    left join discussion_documents as discussions
        on
            comments.connection_id = discussions.connection_id
            and comments.discussion_id = discussions.external_id
    left join discussion_comments as parents
        on
            comments.connection_id = parents.connection_id
            and comments.parent_comment_id = parents.external_id
),

unite_documents as (
    select * from discussion_documents
    union all by name
    select * from discussion_comment_documents
)

select * from unite_documents
