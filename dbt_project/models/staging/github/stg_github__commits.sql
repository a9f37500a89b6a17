{{ config(unique_key=['connection_id', 'container', 'external_id']) }}

{% set user = {
    'id': 'BIGINT', 'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'
} %}
{% set signature = {'name': 'VARCHAR', 'email': 'VARCHAR', 'date': 'TIMESTAMPTZ'} %}
{% set shape = {
    'sha': 'VARCHAR', 'html_url': 'VARCHAR', 'author': user, 'committer': user,
    'parents': [{'sha': 'VARCHAR'}], 'commit': {
        'message': 'VARCHAR', 'author': signature, 'committer': signature,
        'verification': {'verified': 'BOOLEAN'}
    },
} %}

with events as (
    {{
        newest_events(
            'raw_github', 'commits', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.author', 'author') }},
        {{ github_accounts('[record.author, record.committer]') }},
        lower(nullif(trim(record.commit.author.email), '')) as author_email,
        record.commit.author.name as author_name,
        ({{ github_user('record.committer') }}).node_id as committer_id,
        lower(nullif(trim(record.commit.committer.email), '')) as committer_email,
        record.commit.message as message,
        record.html_url as commit_url,
        [parent.sha for parent in record.parents] as parent_shas,
        coalesce(record.commit.verification.verified, false) as is_verified,
        record.commit.author.date as authored_at,
        record.commit.committer.date as committed_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
