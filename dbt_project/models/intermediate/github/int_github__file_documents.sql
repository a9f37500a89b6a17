-- The default branch needs no name: a file there is owner/repo:path, elsewhere
-- owner/repo@branch:path. Only what people wrote has a body.
with files as (
    select * from {{ ref('stg_github__files') }}
),

blobs as (
    select * from {{ ref('stg_github__blobs') }}
),

repositories as (
    select * from {{ ref('int_github__current_repositories') }}
),

describe_files as (
    select
        files.connection_id,
        files.container,
        files.event_id,
        files._dlt_load_id,
        'github:file:' || files.container || '@' || files.external_id as document_id,
        'file' as document_type,
        files.container || if(
            files.branch = repositories.default_branch, '', '@' || files.branch
        ) || ':' || files.file_path as source_id,
        files.file_path as title,
        blobs.content_text as body,
        repositories.repository_url
        || if(files.file_type = 'submodule', '/tree/', '/blob/')
        || replace(url_encode(files.branch || '/' || files.file_path), '%2F', '/')
            as url,
        to_json({
            'branch': files.branch,
            'path': files.file_path,
            'type': files.file_type,
            'mode': files.file_mode,
            'sha': files.blob_sha,
            'size': files.size_bytes,
            'commit_sha': files.commit_sha,
            'is_generated': files.is_generated,
            'is_vendored': files.is_vendored,
            'skip_reason': files.skip_reason,
            'renamed_to': files.renamed_to
        }) as source_metadata,
        files.first_seen_at,
        files.last_seen_at,
        files.deleted_at,
        files.deletion_reason
    from files
    left join repositories
        on
            files.connection_id = repositories.connection_id
            and files.container = repositories.container
    -- As conditions of one side alone these would compare every pair of rows.
    left join blobs
        on
            if(
                files.file_type is distinct from 'submodule'
                and files.skip_reason is null
                and not files.is_generated
                and not files.is_vendored,
                files.blob_sha,
                null
            ) = blobs.external_id
)

select * from describe_files
