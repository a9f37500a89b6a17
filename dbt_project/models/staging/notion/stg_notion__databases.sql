{% set parent = {
    'type': 'VARCHAR', 'page_id': 'VARCHAR', 'data_source_id': 'VARCHAR',
    'database_id': 'VARCHAR', 'block_id': 'VARCHAR'
} %}
{% set shape = {
    'url': 'VARCHAR', 'public_url': 'VARCHAR', 'parent': parent,
    'data_sources': [{'id': 'VARCHAR', 'name': 'VARCHAR'}],
    'in_trash': 'BOOLEAN', 'archived': 'BOOLEAN', 'is_inline': 'BOOLEAN',
    'is_locked': 'BOOLEAN',
    'created_time': 'TIMESTAMPTZ', 'last_edited_time': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_notion', 'databases', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ notion_parent('record.parent') }},
        list_transform(
            record.data_sources, lambda data_source: data_source.id
        ) as data_source_ids,
        array_to_string(payload ->> '$.title[*].plain_text', '') as title,
        array_to_string(payload ->> '$.description[*].plain_text', '') as description,
        record.url as database_url,
        record.public_url as public_url,
        coalesce(record.is_inline, false) as is_inline,
        coalesce(record.is_locked, false) as is_locked,
        coalesce(record.in_trash, record.archived, false) as is_in_trash,
        record.created_time as source_created_at,
        record.last_edited_time as source_updated_at,
        {{ notion_times() }}
    from events
)

select * from renamed
