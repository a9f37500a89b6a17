{{ config(materialized='table') }}

{% set shape = {
    'type': 'VARCHAR', 'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'},
    'relatedIssue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'},
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_linear', 'issue_relations', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.issue.id as issue_id,
        record.relatedIssue.id as related_issue_id,
        record.type as relation_type,
        record.issue.identifier as issue_identifier,
        record.relatedIssue.identifier as related_issue_identifier,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.archivedAt as archived_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
