-- What do documents refer to that is not loaded? Much referred to from one source tells
-- of a repository, team or page that sources.yml does not list, or that the token may
-- not read.
with document_relationships as (
    select * from {{ ref('document_relationships') }}
),

documents as (
    select * from {{ ref('documents') }}
),

count_references as (
    select
        relationships.connection_id,
        relationships.reference_key,
        count(distinct relationships.from_document_id) as document_count,
        min_by(
            documents.source_id, (documents.source_created_at, documents.document_id)
        ) as first_referred_by,
        max(relationships.source_updated_at) as last_referred_at
    from document_relationships as relationships
    inner join documents on relationships.from_document_id = documents.document_id
    where
        not relationships.is_resolved
        and documents.deleted_at is null
    group by relationships.connection_id, relationships.reference_key
)

select * from count_references
order by document_count desc, connection_id asc, reference_key asc
