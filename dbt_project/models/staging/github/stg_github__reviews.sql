{% set shape = {
    'id': 'BIGINT', 'body': 'VARCHAR', 'state': 'VARCHAR', 'html_url': 'VARCHAR',
    'pull_request_url': 'VARCHAR', 'commit_id': 'VARCHAR', 'author_association': 'VARCHAR',
    'user': {'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'},
    'submitted_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'reviews', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person("record['user']", 'author') }},
        record.body as body,
        record.html_url as review_url,
        record.state as source_state,
        record.commit_id as commit_sha,
        record.author_association as author_association,
        record.id as review_number,
        {{ number_of_url('record.pull_request_url') }} as pull_request_number,
        record.submitted_at as submitted_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
