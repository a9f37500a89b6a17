{{ config(materialized='table') }}

{% set shape = {
    'path': 'VARCHAR', 'title': 'VARCHAR', 'format': 'VARCHAR', 'body': 'VARCHAR',
    'sha': 'VARCHAR', 'size': 'BIGINT', 'commit': {
        'sha': 'VARCHAR', 'author_name': 'VARCHAR', 'author_email': 'VARCHAR',
        'committed_at': 'TIMESTAMPTZ', 'message': 'VARCHAR'
    },
} %}

with listing as (
    {{
        newest_listing(
            'raw_github', 'wiki_pages', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.path as page_path,
        record.title as title,
        record.format as format,
        record.body as body,
        record.sha as blob_sha,
        record['commit'].sha as commit_sha,
        record['commit'].author_name as author_name,
        lower(nullif(trim(record['commit'].author_email), '')) as author_email,
        record['commit'].message as commit_message,
        record.size as size_bytes,
        record['commit'].committed_at as committed_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
