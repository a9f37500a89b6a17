-- A view forgets that a CTE is not to be materialized, so documents are named directly.
{% set documents = ref('int_headwater__documents') %}

with resolved_references as (
    select * from {{ ref('int_headwater__resolved_references') }}
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
    select * exclude (connection_id)
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

referring_documents as (
    select
        relationships.*,
        documents.connection_id,
        documents.source_updated_at,
        documents.deleted_at
    from choose_surest as relationships
    inner join {{ documents }} as documents
        on relationships.from_document_id = documents.document_id
),

belonging_documents as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        parents.document_id as to_document_id,
        'parent' as relation,
        'graph' as category,
        'hierarchy' as method,
        documents.parent_document_id as reference_key,
        {{ relationship_confidence("'hierarchy'") }} as confidence,
        documents.source_updated_at,
        documents.deleted_at
    from {{ documents }} as documents
    left join {{ documents }} as parents
        on documents.parent_document_id = parents.document_id
    where documents.parent_document_id != documents.document_id
),

unite_relationships as (
    select * from referring_documents
    union all by name
    select * from belonging_documents
),

describe_relationships as (
    select
        connection_id,
        from_document_id,
        to_document_id,
        to_identity_id,
        relation,
        category,
        method,
        reference_key,
        raw_reference,
        evidence,
        confidence,
        source_updated_at,
        deleted_at
    from unite_relationships
)

select * from describe_relationships
