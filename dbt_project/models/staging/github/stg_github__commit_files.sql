{{ config(unique_key=['connection_id', 'container', 'external_id']) }}

{% set shape = {
    'sha': 'VARCHAR', 'committed_at': 'TIMESTAMPTZ', 'files': [{
        'status': 'VARCHAR', 'path': 'VARCHAR', 'previous_path': 'VARCHAR',
        'mode': 'VARCHAR', 'sha': 'VARCHAR'
    }],
} %}

with events as (
    {{
        newest_events(
            'raw_github', 'commit_files', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        len(record.files) as file_count,
        record.files as files,
        record.committed_at as committed_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
