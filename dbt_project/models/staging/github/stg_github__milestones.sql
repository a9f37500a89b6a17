{{ config(materialized='table') }}

{#- A row is an object of GraphQL, or of REST for what GraphQL does not show. -#}
{% set count = {'totalCount': 'BIGINT'} %}
{% set shape = {
    'number': 'BIGINT', 'title': 'VARCHAR', 'description': 'VARCHAR', 'state': 'VARCHAR',
    'url': 'VARCHAR', 'html_url': 'VARCHAR',
    'open_issues': 'BIGINT', 'closed_issues': 'BIGINT',
    'openIssues': count, 'openPullRequests': count,
    'closedIssues': count, 'closedPullRequests': count, 'creator': {
        'node_id': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR',
        'type': 'VARCHAR', '__typename': 'VARCHAR'
    },
    'created_at': 'TIMESTAMPTZ', 'createdAt': 'TIMESTAMPTZ',
    'updated_at': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
    'due_on': 'TIMESTAMPTZ', 'dueOn': 'TIMESTAMPTZ',
    'closed_at': 'TIMESTAMPTZ', 'closedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'milestones', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_account('record.creator', 'creator') }},
        record.title as title,
        record.description as description,
        coalesce(record.html_url, record.url) as milestone_url,
        lower(record.state) as source_state,
        record.number as milestone_number,
        coalesce(
            record.openIssues.totalCount + record.openPullRequests.totalCount,
            record.open_issues
        ) as open_issue_count,
        coalesce(
            record.closedIssues.totalCount + record.closedPullRequests.totalCount,
            record.closed_issues
        ) as closed_issue_count,
        coalesce(record.createdAt, record.created_at) as source_created_at,
        coalesce(record.updatedAt, record.updated_at) as source_updated_at,
        coalesce(record.dueOn, record.due_on) as due_at,
        coalesce(record.closedAt, record.closed_at) as closed_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
