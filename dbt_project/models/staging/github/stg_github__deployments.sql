{% set user = {'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'} %}
{% set shape = {
    'id': 'BIGINT', 'sha': 'VARCHAR', 'ref': 'VARCHAR', 'task': 'VARCHAR',
    'environment': 'VARCHAR', 'description': 'VARCHAR', 'creator': user,
    'transient_environment': 'BOOLEAN', 'production_environment': 'BOOLEAN',
    'created_at': 'TIMESTAMPTZ', 'updated_at': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'deployments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.creator', 'creator') }},
        record.sha as commit_sha,
        record.ref as ref_name,
        record.task as task,
        record.environment as environment,
        record.description as description,
        record.id as deployment_number,
        coalesce(record.transient_environment, false) as is_transient,
        record.production_environment as is_production,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
