-- What a document belongs to is by far the most of it, and is compared. The others are
-- all made again: what nobody knew by a name yesterday may have that name today.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='relationship_id',
        on_schema_change='fail',
        pre_hook="{{ delete_former_relationships() }}",
    )
}}

with resolved_references as (
    select * from {{ ref('int_headwater__resolved_references') }}
),

documents as not materialized (
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
    inner join documents on relationships.from_document_id = documents.document_id
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
    from documents
    left join documents as parents
        on documents.parent_document_id = parents.document_id
    where documents.parent_document_id != documents.document_id
),

new_belongings as (
    select belonging_documents.*
    from belonging_documents
    {% if is_incremental() %}
        anti join {{ this }} as built
            on
                belonging_documents.from_document_id = built.from_document_id
                and belonging_documents.reference_key = built.reference_key
                and belonging_documents.relation = built.relation
                and hash(
                    belonging_documents.connection_id,
                    belonging_documents.to_document_id,
                    belonging_documents.source_updated_at,
                    belonging_documents.deleted_at
                ) = hash(
                    built.connection_id,
                    built.to_document_id,
                    built.source_updated_at,
                    built.deleted_at
                )
    {% endif %}
),

unite_relationships as (
    select * from referring_documents
    union all by name
    select * from new_belongings
),

describe_relationships as (
    select
        sha256(
            to_json([from_document_id, relation, reference_key])::varchar
        ) as relationship_id,
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
        to_document_id is not null or to_identity_id is not null as is_resolved,
        source_updated_at,
        deleted_at
    from unite_relationships
)

select * from describe_relationships
