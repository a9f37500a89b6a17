{% set shape = {
    'blocks': 'JSON', 'markdown': 'VARCHAR', 'last_edited_time': 'TIMESTAMPTZ'
} %}

with events as (
    {{ newest_events('raw_notion', 'page_contents', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.blocks as blocks_json,
        record.markdown as notion_markdown,
        record.last_edited_time as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
