{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set shape = {
    'id': 'BIGINT', 'body': 'VARCHAR', 'html_url': 'VARCHAR', 'path': 'VARCHAR',
    'diff_hunk': 'VARCHAR', 'side': 'VARCHAR', 'commit_id': 'VARCHAR',
    'pull_request_url': 'VARCHAR', 'author_association': 'VARCHAR',
    'pull_request_review_id': 'BIGINT', 'in_reply_to_id': 'BIGINT', 'line': 'BIGINT',
    'original_line': 'BIGINT', 'position': 'BIGINT',
    'user': user,
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'review_comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person("record['user']", 'author') }},
        {{ github_accounts("[record['user']]") }},
        record.body as body,
        record.html_url as comment_url,
        record.path as file_path,
        record.diff_hunk as diff_hunk,
        record.side as diff_side,
        record.commit_id as commit_sha,
        record.author_association as author_association,
        record.id as comment_number,
        {{ number_of_url('record.pull_request_url') }} as pull_request_number,
        record.pull_request_review_id as review_number,
        record.in_reply_to_id as in_reply_to_number,
        coalesce(record.line, record.original_line) as line_number,
        record.position is null as is_outdated,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
