{{ config(unique_key=['connection_id', 'event_id']) }}

{% set shape = {
    'id': 'BIGINT', 'stargazers_count': 'BIGINT', 'forks_count': 'BIGINT',
    'subscribers_count': 'BIGINT', 'open_issues_count': 'BIGINT', 'size': 'BIGINT',
} %}

with events as (
    {{
        newest_events(
            'raw_github', 'repository_counts', shape, ['connection_id', 'event_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.id as repository_number,
        record.stargazers_count as star_count,
        record.forks_count as fork_count,
        record.subscribers_count as subscriber_count,
        record.open_issues_count as open_issue_count,
        record.size as size_kilobytes,
        {{ envelope_times() }}
    from events
)

select * from renamed
