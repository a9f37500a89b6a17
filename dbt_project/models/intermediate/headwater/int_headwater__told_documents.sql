-- Read when a store's part is published, and by no build.
with readings as (
    select * from {{ ref('int_headwater__document_readings') }}
),

choose_readings as (
    select
        document_id,
        connection_id,
        coalesce(source_id, document_id) as source_id,
        parent_document_id,
        root_document_id
    from readings
    qualify row_number() over (
        partition by document_id, connection_id
        order by {{ reading_order() }}
    ) = 1
),

describe_documents as (
    select
        *,
        {{ slugify('source_id', 'document_id') }} as base_slug
    from choose_readings
)

select * from describe_documents
