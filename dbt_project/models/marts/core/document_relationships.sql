with resolved_references as (
    select * from {{ ref('int_headwater__resolved_references') }}
),

documents as (
    select * exclude (body) from {{ ref('int_headwater__documents') }}
),

rate_relationships as (
    select
        *,
        {{ relationship_confidence('method') }} as confidence,
        coalesce(to_document_id, to_identity_id, reference_key) as target_id
    from resolved_references
    where to_document_id is null or to_document_id != from_document_id
),

-- Said twice is one relationship, known by the surest of its sources.
choose_surest as (
    select *
    from rate_relationships
    qualify row_number() over (
        partition by from_document_id, relation, target_id
        order by
            confidence desc,
            mention_number asc nulls first,
            method asc,
            reference_key asc
    ) = 1
),

describe_relationships as (
    select
        sha256(
            to_json([
                relationships.from_document_id,
                relationships.relation,
                relationships.reference_key
            ])::varchar
        ) as relationship_id,
        documents.connection_id,
        relationships.from_document_id,
        relationships.to_document_id,
        relationships.to_identity_id,
        relationships.relation,
        relationships.category,
        relationships.method,
        relationships.reference_key,
        relationships.raw_reference,
        relationships.evidence,
        relationships.confidence,
        relationships.to_document_id is not null
        or relationships.to_identity_id is not null as is_resolved,
        documents.source_updated_at,
        documents.deleted_at
    from choose_surest as relationships
    inner join documents on relationships.from_document_id = documents.document_id
)

select * from describe_relationships
