-- Parent, visibility, slug and relationships of a document change without an event of
-- its own, so an incremental build compares every row; texts by their hash.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='document_id',
        on_schema_change='fail',
        pre_hook="{{ delete_absent(['document_id'], [ref('int_headwater__documents')]) }}",
    )
}}

with documents as not materialized (
    select * from {{ ref('int_headwater__documents') }}
),

relationship_lists as (
    select * from {{ ref('int_headwater__relationship_lists') }}
),

frontmatter as (
    select * from {{ ref('int_headwater__frontmatter') }}
),

sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

-- A store holds several sources, a source is in several stores: so the oldest document
-- of all has the slug itself. Few share one, and a hash finds those in half the time.
shared_slugs as (
    select hash(base_slug) as slug_hash
    from documents
    group by hash(base_slug)
    having count(*) > 1
),

later_slugs as (
    select document_id
    from documents
    where
        hash(base_slug) in (select shared_slugs.slug_hash from shared_slugs)
    qualify row_number() over (
        partition by base_slug
        order by source_created_at asc nulls last, document_id asc
    ) > 1
),

describe_documents as (
    select
        documents.document_id,
        documents.connection_id,
        documents.event_id,
        documents._dlt_load_id,
        documents.source_type,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.body,
        documents.url,
        if(
            later_slugs.document_id is null,
            documents.base_slug,
            documents.base_slug || '-' || left(sha256(documents.document_id), 8)
        ) as slug,
        documents.state,
        documents.source_state,
        coalesce(list_sort(documents.labels), []) as labels,
        documents.parent_document_id,
        coalesce(documents.root_document_id, documents.document_id) as root_document_id,
        documents.author_identity_id,
        documents.source_metadata::json as source_metadata,
        frontmatter.frontmatter::json as frontmatter,
        coalesce(
            relationship_lists.relationships,
            '{"mentions":[],"graph":[],"temporal":[]}'::json
        ) as relationships,
        documents.content_hash,
        documents.metadata_hash,
        case
            when sources.content_visibility = 'public' then 'public'
            when sources.content_visibility = 'mixed' and not documents.is_private
                then 'public'
            else 'private'
        end as visibility,
        documents.deletion_reason,
        documents.source_created_at,
        documents.source_updated_at,
        documents.first_seen_at,
        documents.last_seen_at,
        documents.deleted_at
    from documents
    left join later_slugs on documents.document_id = later_slugs.document_id
    left join sources on documents.connection_id = sources.connection_id
    left join relationship_lists
        on documents.document_id = relationship_lists.document_id
    left join frontmatter on documents.document_id = frontmatter.document_id
),

different_documents as (
    {{ different_rows('describe_documents', same=['body']) }}
)

select * from different_documents
