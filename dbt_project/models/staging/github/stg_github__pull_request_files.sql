{% set shape = {
    'number': 'BIGINT', 'updatedAt': 'TIMESTAMPTZ', 'files': [{
        'path': 'VARCHAR', 'changeType': 'VARCHAR',
        'additions': 'BIGINT', 'deletions': 'BIGINT'
    }],
} %}

with events as (
    {{ newest_events('raw_github', 'pull_request_files', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.number as pull_request_number,
        len(record.files) as file_count,
        [{
            'path': file.path,
            'change_type': lower(file.changeType),
            'addition_count': file.additions,
            'deletion_count': file.deletions
        } for file in record.files] as files,
        record.updatedAt as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
