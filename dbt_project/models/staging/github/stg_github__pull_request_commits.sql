{% set shape = {
    'number': 'BIGINT', 'updatedAt': 'TIMESTAMPTZ', 'commits': [{
        'oid': 'VARCHAR', 'committedDate': 'TIMESTAMPTZ', 'messageHeadline': 'VARCHAR'
    }],
} %}

with events as (
    {{ newest_events('raw_github', 'pull_request_commits', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.number as pull_request_number,
        len(record.commits) as commit_count,
        [{
            'commit_sha': change.oid,
            'title': change.messageHeadline,
            'committed_at': change.committedDate
        } for change in record.commits] as commits,
        record.updatedAt as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
