with blobs as (
    select * from {{ ref('stg_github__blobs') }}
),

files as (
    select * from {{ ref('stg_github__files') }}
),

-- Two connections may read the same branch: its files count once.
list_references as (
    select distinct
        blob_sha,
        container,
        external_id
    from files
    where deleted_at is null and file_type is distinct from 'submodule'
),

count_references as (
    select
        blob_sha,
        count(*) as reference_count
    from list_references
    group by blob_sha
),

describe_blobs as (
    select
        blobs.external_id as blob_sha,
        blobs.event_id,
        blobs._dlt_load_id,
        blobs.mime_type,
        blobs.encoding,
        blobs.content_text as text,
        blobs.object_key,
        blobs.size_bytes,
        coalesce(count_references.reference_count, 0) as reference_count,
        blobs.is_binary,
        blobs.first_seen_at
    from blobs
    left join count_references on blobs.external_id = count_references.blob_sha
)

select * from describe_blobs
