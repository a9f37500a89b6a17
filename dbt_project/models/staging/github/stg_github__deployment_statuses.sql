{% set actor = {'__typename': 'VARCHAR', 'id': 'VARCHAR', 'login': 'VARCHAR'} %}
{% set shape = {
    'state': 'VARCHAR', 'description': 'VARCHAR', 'environment': 'VARCHAR',
    'environmentUrl': 'VARCHAR', 'logUrl': 'VARCHAR', 'creator': actor,
    'deployment': {'id': 'VARCHAR', 'databaseId': 'BIGINT'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_github', 'deployment_statuses', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_actor('record.creator', 'creator') }},
        record.deployment.id as deployment_id,
        lower(record.state) as source_state,
        record.description as description,
        record.environment as environment,
        record.environmentUrl as environment_url,
        record.logUrl as log_url,
        record.deployment.databaseId as deployment_number,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
