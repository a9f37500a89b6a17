-- `documents` keeps one reading of an object that two connections read; which stores it
-- is in depends on all of them.
with readings as (
    select
        document_id,
        connection_id
    from {{ ref('int_headwater__document_readings') }}
),

documents as (
    select * from {{ ref('documents') }}
),

store_sources as (
    select * from {{ ref('store_sources') }}
),

place_documents as (
    select
        store_sources.store,
        readings.document_id,
        min(readings.connection_id) as connection_id
    from readings
    inner join store_sources on readings.connection_id = store_sources.connection_id
    group by store_sources.store, readings.document_id
),

describe_documents as (
    select
        placed.store,
        placed.document_id,
        placed.connection_id,
        documents.visibility = 'public' as is_public,
        documents.deleted_at is not null as is_deleted
    from place_documents as placed
    inner join documents on placed.document_id = documents.document_id
)

select * from describe_documents
