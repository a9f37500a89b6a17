{% set parent = {
    'type': 'VARCHAR', 'page_id': 'VARCHAR', 'data_source_id': 'VARCHAR',
    'database_id': 'VARCHAR', 'block_id': 'VARCHAR'
} %}
{% set shape = {
    'url': 'VARCHAR', 'public_url': 'VARCHAR', 'properties': 'JSON',
    'parent': {'database_id': 'VARCHAR'}, 'database_parent': parent,
    'created_by': {'id': 'VARCHAR'}, 'last_edited_by': {'id': 'VARCHAR'},
    'in_trash': 'BOOLEAN', 'archived': 'BOOLEAN', 'is_inline': 'BOOLEAN',
    'created_time': 'TIMESTAMPTZ', 'last_edited_time': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_notion', 'data_sources', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.parent.database_id as database_id,
        {{ notion_parent('record.database_parent') }},
        record.created_by.id as creator_id,
        record.last_edited_by.id as last_editor_id,
        array_to_string(payload ->> '$.title[*].plain_text', '') as title,
        array_to_string(payload ->> '$.description[*].plain_text', '') as description,
        record.url as data_source_url,
        record.public_url as public_url,
        record.properties as properties_json,
        coalesce(record.is_inline, false) as is_inline,
        coalesce(record.in_trash, record.archived, false) as is_in_trash,
        record.created_time as source_created_at,
        record.last_edited_time as source_updated_at,
        {{ notion_times() }}
    from events
)

select * from renamed
