with store_sources as (
    select * from {{ ref('store_sources') }}
),

store_documents as (
    select * from {{ ref('store_documents') }}
),

count_documents as (
    select
        store_documents.store,
        count(*)::integer as document_count,
        count(*) filter (where is_public)::integer as public_document_count
    from store_documents
    where not is_deleted
    group by store_documents.store
),

describe_stores as (
    select
        store_sources.store,
        list(store_sources.connection_id order by store_sources.connection_id)
            as connection_ids,
        coalesce(any_value(count_documents.document_count), 0) as document_count,
        coalesce(any_value(count_documents.public_document_count), 0)
            as public_document_count
    from store_sources
    left join count_documents on store_sources.store = count_documents.store
    group by store_sources.store
)

select * from describe_stores
