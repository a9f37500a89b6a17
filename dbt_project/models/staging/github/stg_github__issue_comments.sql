{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set shape = {
    'id': 'BIGINT', 'body': 'VARCHAR', 'html_url': 'VARCHAR', 'issue_url': 'VARCHAR',
    'author_association': 'VARCHAR',
    'user': user,
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'issue_comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person("record['user']", 'author') }},
        {{ github_accounts("[record['user']]") }},
        record.body as body,
        record.html_url as comment_url,
        record.author_association as author_association,
        record.id as comment_number,
        {{ number_of_url('record.issue_url') }} as issue_number,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
