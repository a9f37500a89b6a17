{% set shape = {
    'url': 'VARCHAR', 'public_url': 'VARCHAR', 'properties': 'JSON', 'parent': {
        'type': 'VARCHAR', 'page_id': 'VARCHAR', 'data_source_id': 'VARCHAR',
        'database_id': 'VARCHAR', 'block_id': 'VARCHAR'
    },
    'created_by': {'id': 'VARCHAR'}, 'last_edited_by': {'id': 'VARCHAR'},
    'in_trash': 'BOOLEAN', 'archived': 'BOOLEAN', 'is_locked': 'BOOLEAN',
    'created_time': 'TIMESTAMPTZ', 'last_edited_time': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_notion', 'pages', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ notion_parent('record.parent') }},
        record.created_by.id as creator_id,
        record.last_edited_by.id as last_editor_id,
        array_to_string(
            payload ->> '$.properties.*.title[*].plain_text', ''
        ) as title,
        record.url as page_url,
        record.public_url as public_url,
        record.properties as properties_json,
        {{ unreadable_notion_properties('record.properties') }}
            as unreadable_properties,
        coalesce(record.in_trash, record.archived, false) as is_in_trash,
        coalesce(record.is_locked, false) as is_locked,
        record.created_time as source_created_at,
        record.last_edited_time as source_updated_at,
        {{ notion_times() }}
    from events
)

select * from renamed
