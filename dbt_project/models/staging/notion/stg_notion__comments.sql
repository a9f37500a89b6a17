{% set shape = {
    'discussion_id': 'VARCHAR', 'rich_text': 'JSON', 'parent': {
        'type': 'VARCHAR', 'page_id': 'VARCHAR', 'data_source_id': 'VARCHAR',
        'database_id': 'VARCHAR', 'block_id': 'VARCHAR'
    },
    'created_by': {'id': 'VARCHAR'}, 'created_time': 'TIMESTAMPTZ',
    'last_edited_time': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_notion', 'comments', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ notion_parent('record.parent') }},
        record.discussion_id as discussion_id,
        record.created_by.id as creator_id,
        array_to_string(payload ->> '$.rich_text[*].plain_text', '') as plain_text,
        record.rich_text as rich_text_json,
        record.created_time as source_created_at,
        record.last_edited_time as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
