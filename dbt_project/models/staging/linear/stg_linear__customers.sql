{% set shape = {
    'name': 'VARCHAR', 'domains': ['VARCHAR'], 'externalIds': ['VARCHAR'],
    'logoUrl': 'VARCHAR', 'url': 'VARCHAR', 'slugId': 'VARCHAR', 'size': 'DOUBLE',
    'revenue': 'DOUBLE', 'mainSourceId': 'VARCHAR', 'slackChannelId': 'VARCHAR',
    'owner': {'id': 'VARCHAR'}, 'status': {'id': 'VARCHAR', 'name': 'VARCHAR'},
    'tier': {'id': 'VARCHAR', 'name': 'VARCHAR'}, 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'customers', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.owner.id as owner_id,
        record.name as customer_name,
        record.domains as domains,
        record.externalIds as external_ids,
        record.slugId as slug_id,
        record.url as customer_url,
        record.status.name as source_state,
        record.tier.name as tier,
        record.size as employee_count,
        record.revenue as annual_revenue,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        {{
            envelope_times(
                deleted_at='coalesce(deleted_at, record.archivedAt)',
                deletion_reason="coalesce(deletion_reason,"
                ~ " if(record.archivedAt is null, null, 'archived'))",
            )
        }}
    from events
)

select * from renamed
