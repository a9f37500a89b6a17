{{ config(unique_key=['connection_id', 'container', 'external_id']) }}

{% set shape = {
    'branch': 'VARCHAR', 'path': 'VARCHAR', 'mode': 'VARCHAR', 'type': 'VARCHAR',
    'sha': 'VARCHAR', 'size': 'BIGINT', 'commit': 'VARCHAR', 'skipped': 'VARCHAR',
    'is_generated': 'BOOLEAN', 'is_vendored': 'BOOLEAN',
} %}

with events as (
    {{
        newest_events(
            'raw_github', 'files', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.branch as branch,
        record.path as file_path,
        record['type'] as file_type,
        record.mode as file_mode,
        record.sha as blob_sha,
        record['commit'] as commit_sha,
        record.skipped as skip_reason,
        tombstone ->> '$.renamed_to' as renamed_to,
        record.size as size_bytes,
        coalesce(record.is_generated, false) as is_generated,
        coalesce(record.is_vendored, false) as is_vendored,
        {{ envelope_times() }}
    from events
)

select * from renamed
