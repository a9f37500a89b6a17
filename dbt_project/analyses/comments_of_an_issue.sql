-- What was said about an issue, a pull request or a discussion, in the order it was
-- said? Everything below it counts: answers to comments, reviews and what they say
-- about lines.
--
--     dbt compile --select comments_of_an_issue --vars '{key: owner/repo#12}'
{% set key = var("key", "tidewater-labs/gauge#1") | replace("'", "''") %}

with recursive documents as (
    select * from {{ ref('documents') }}
),

follow_answers as (
    select
        document_id,
        0 as depth
    from documents
    where lower(source_id) = lower('{{ key }}')
    union all
    select
        documents.document_id,
        follow_answers.depth + 1 as depth
    from follow_answers
    inner join documents on follow_answers.document_id = documents.parent_document_id
    where
        documents.document_type in ('comment', 'review', 'review_comment')
        and documents.deleted_at is null
),

list_comments as (
    select
        documents.source_created_at,
        documents.document_type,
        documents.author_identity_id,
        documents.state,
        documents.body,
        documents.url,
        documents.document_id,
        documents.parent_document_id,
        follow_answers.depth
    from follow_answers
    inner join documents on follow_answers.document_id = documents.document_id
    where follow_answers.depth > 0
)

select * from list_comments
order by source_created_at asc, document_id asc
