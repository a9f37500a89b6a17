-- What does a document refer to, and what refers to it? The surest relations come
-- first.
--
--     dbt compile --select related_documents --vars '{key: owner/repo#12}'
{% set key = var("key", "tidewater-labs/gauge#1") | replace("'", "''") %}

with documents as (
    select * from {{ ref('documents') }}
),

document_relationships as (
    select * from {{ ref('document_relationships') }}
),

find_documents as (
    select document_id
    from documents
    where lower(source_id) = lower('{{ key }}')
),

list_relations as (
    select
        'refers to' as direction,
        relation,
        to_document_id as related_document_id,
        confidence,
        evidence
    from document_relationships
    where
        from_document_id in (select find_documents.document_id from find_documents)
    union all by name
    select
        'is referred to by' as direction,
        relation,
        from_document_id as related_document_id,
        confidence,
        evidence
    from document_relationships
    where
        to_document_id in (select find_documents.document_id from find_documents)
),

name_relations as (
    select
        list_relations.direction,
        list_relations.relation,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.state,
        documents.url,
        list_relations.confidence,
        list_relations.evidence
    from list_relations
    inner join documents on list_relations.related_document_id = documents.document_id
    where documents.deleted_at is null
)

select * from name_relations
order by confidence desc, direction asc, relation asc, source_id asc
