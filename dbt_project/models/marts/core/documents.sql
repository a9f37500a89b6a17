-- A table, not incremental: parent, visibility and slug of a document change without
-- an event of its own. What costs, parsing and rendering, is incremental below.
with documents as (
    select * from {{ ref('int_headwater__documents') }}
),

document_relationships as (
    select * from {{ ref('document_relationships') }}
),

frontmatter as (
    select * from {{ ref('int_headwater__frontmatter') }}
),

sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

list_relationships as (
    select
        from_document_id as document_id,
        {% for category in ['mention', 'graph', 'temporal'] %}
            list(
                {
                    'relation': relation,
                    'document_id': to_document_id,
                    'identity_id': to_identity_id,
                    'raw_reference': raw_reference,
                    'method': method,
                    'confidence': confidence
                }
                order by relation, reference_key
            ) filter (where category = '{{ category }}') as {{ category }}
            {%- if not loop.last %},{% endif %}

        {% endfor %}
    from document_relationships
    group by from_document_id
),

name_slugs as (
    select
        *,
        {{ slugify('source_id', 'document_id') }} as base_slug
    from documents
),

number_slugs as (
    select
        *,
        row_number() over (
            partition by connection_id, base_slug
            order by source_created_at asc nulls last, document_id asc
        ) as slug_number
    from name_slugs
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
            documents.slug_number = 1,
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
        to_json({
            'mentions': coalesce(relationships.mention, []),
            'graph': coalesce(relationships.graph, []),
            'temporal': coalesce(relationships.temporal, [])
        }) as relationships,
        documents.content_hash,
        sha256(
            to_json({
                'state': documents.source_state,
                'normalized_state': documents.state,
                'labels': coalesce(list_sort(documents.labels), []),
                'author': documents.author_identity_id,
                'people': coalesce(list_sort(documents.people), []),
                'parent': documents.parent_document_id
            })::varchar
        ) as metadata_hash,
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
    from number_slugs as documents
    left join sources on documents.connection_id = sources.connection_id
    left join list_relationships as relationships
        on documents.document_id = relationships.document_id
    left join frontmatter on documents.document_id = frontmatter.document_id
)

select * from describe_documents
