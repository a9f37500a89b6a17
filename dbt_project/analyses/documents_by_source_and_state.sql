-- How many documents of which kind does every source have, and in which state are they?
with documents as (
    select * from {{ ref('documents') }}
),

count_documents as (
    select
        connection_id,
        document_type,
        coalesce(state, 'without a state') as state,
        count(*) filter (where deleted_at is null) as document_count,
        count(*) filter (where deleted_at is not null) as deleted_count,
        max(source_updated_at) as last_updated_at
    from documents
    group by connection_id, document_type, coalesce(state, 'without a state')
)

select * from count_documents
order by connection_id asc, document_type asc, state asc
