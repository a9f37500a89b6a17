with commits as (
    select * from {{ ref('stg_github__commit_files') }}
),

list_files as (
    select
        connection_id,
        container,
        external_id as commit_sha,
        unnest(files) as file,
        committed_at
    from commits
    where deleted_at is null
),

name_changes as (
    select
        connection_id,
        container,
        commit_sha,
        file.path as file_path,
        file.previous_path as previous_path,
        file.mode as file_mode,
        file.sha as blob_sha,
        case file.status
            when 'A' then 'added'
            when 'M' then 'modified'
            when 'D' then 'deleted'
            when 'R' then 'renamed'
            when 'C' then 'copied'
            when 'T' then 'type_changed'
        end as change_type,
        committed_at
    from list_files
)

select * from name_changes
