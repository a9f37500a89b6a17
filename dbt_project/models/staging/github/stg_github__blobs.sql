{{ config(unique_key=['external_id']) }}

{% set shape = {
    'sha': 'VARCHAR', 'size': 'BIGINT', 'mime_type': 'VARCHAR', 'encoding': 'VARCHAR',
    'is_binary': 'BOOLEAN', 'text': 'VARCHAR', 'key': 'VARCHAR',
} %}

with events as (
    {{ newest_events('raw_github', 'blobs', shape, ['external_id']) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.mime_type as mime_type,
        record.encoding as encoding,
        record['text'] as content_text,
        record['key'] as object_key,
        record.size as size_bytes,
        coalesce(record.is_binary, false) as is_binary,
        {{ envelope_times() }}
    from events
)

select * from renamed
