{{ config(materialized='table') }}

{% set shape = {
    'number': 'BIGINT', 'title': 'VARCHAR', 'description': 'VARCHAR', 'state': 'VARCHAR',
    'html_url': 'VARCHAR', 'open_issues': 'BIGINT', 'closed_issues': 'BIGINT',
    'creator': {'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'},
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
    'due_on': 'TIMESTAMPTZ', 'closed_at': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'milestones', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.creator', 'creator') }},
        record.title as title,
        record.description as description,
        record.html_url as milestone_url,
        record.state as source_state,
        record.number as milestone_number,
        record.open_issues as open_issue_count,
        record.closed_issues as closed_issue_count,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.due_on as due_at,
        record.closed_at as closed_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
