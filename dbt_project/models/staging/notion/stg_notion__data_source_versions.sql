{% set key = ['connection_id', 'external_id', 'occurred_at'] %}
{{ config(unique_key=key) }}

{% set shape = {
    'last_edited_by': {'id': 'VARCHAR'},
    'created_time': 'TIMESTAMPTZ', 'last_edited_time': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_notion', 'data_sources', shape, key) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.last_edited_by.id as last_editor_id,
        record.created_time as source_created_at,
        record.last_edited_time as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
