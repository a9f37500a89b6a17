-- Payloads are read here once, when their load is new, for those staging cannot read.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['source_type', 'load_id']
    )
}}

{% set resources = {
    'github': [
        'repositories', 'repository_counts', 'branches', 'tags', 'releases', 'labels',
        'milestones', 'collaborators', 'issues', 'issue_comments', 'issue_events',
        'pull_requests', 'pull_request_details', 'pull_request_files',
        'pull_request_commits', 'reviews', 'review_threads', 'review_comments',
        'discussions', 'discussion_comments', 'commits', 'commit_files', 'files',
        'blobs', 'wiki_pages', 'workflow_runs', 'workflow_jobs', 'deployments',
        'deployment_statuses', 'organizations', 'teams', 'team_members'
    ],
    'linear': [
        'teams', 'users', 'workflow_states', 'labels', 'issues', 'comments', 'projects'
    ],
    'notion': ['users', 'data_sources', 'pages', 'page_contents', 'comments'],
} %}

with loads as (
    {% for source_type in resources %}
        select
            '{{ source_type }}' as source_type,
            loads.load_id,
            loads.completed_at
        from ({{ complete_loads('raw_' ~ source_type) }}) as loads
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

new_loads as (
    select loads.*
    from loads
    {% if is_incremental() %}
        anti join {{ this }} using (source_type, load_id)
    {% endif %}
),

events as (
    {% for source_type in resources %}
        {% set outer = loop %}
        {% for resource in resources[source_type] %}
            select
                '{{ source_type }}' as source_type,
                '{{ resource }}' as resource,
                raw._dlt_load_id as load_id,
                raw.event_id,
                raw.sync_id,
                raw.connection_id,
                raw.container,
                raw.external_id,
                raw.observed_at,
                not {{ is_readable('raw.payload') }} as is_unreadable,
                if(is_unreadable, raw.payload, null) as payload
            from {{ source('raw_' ~ source_type, resource) }} as raw
            where
                raw._dlt_load_id in (
                    select new_loads.load_id
                    from new_loads
                    where new_loads.source_type = '{{ source_type }}'
                )
            {{ 'union all' if not (loop.last and outer.last) }}
        {% endfor %}
    {% endfor %}
),

count_events as (
    select
        new_loads.source_type,
        new_loads.load_id,
        count(events.event_id) as event_count,
        coalesce(
            list(
                {
                    'event_id': events.event_id,
                    'sync_id': events.sync_id,
                    'connection_id': events.connection_id,
                    'container': events.container,
                    'resource': events.resource,
                    'external_id': events.external_id,
                    'payload': events.payload,
                    'observed_at': events.observed_at
                }
                order by events.resource, events.event_id
            ) filter (where events.is_unreadable),
            []
        ) as unreadable_events,
        new_loads.completed_at
    from new_loads
    left join events using (source_type, load_id)
    group by new_loads.source_type, new_loads.load_id, new_loads.completed_at
)

select * from count_events
