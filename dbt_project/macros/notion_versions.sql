{#-
One row per object of a Notion table and time of a version that was read: who had edited it last.
Of one time the newest event wins; a deletion is no version.
-#}
{% macro notion_versions(table, key) -%}
    {%- set shape = {
        'last_edited_by': {'id': 'VARCHAR'},
        'created_time': 'TIMESTAMPTZ', 'last_edited_time': 'TIMESTAMPTZ',
    } -%}
    with events as (
        {{ newest_events('raw_notion', table, shape, key) }}
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
{%- endmacro %}
