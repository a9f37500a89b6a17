{#-
The value of a Notion property without its wrapping, as JSON of its own kind: text, number,
true or false, an object for dates and places, lists for what may be several. People,
relations and creators are ids. What a formula or rollup results in is unwrapped the same
way; a type that is not known here is kept as it came.
-#}
{% macro notion_value(property, in_list=false) -%}
    {%- set type = "(" ~ property ~ " ->> '$.type')" -%}
    {%- set value = "json_extract(" ~ property ~ ", '$.' || " ~ type ~ ")" -%}
    {%- set item_value = 'item' if in_list else notion_value('item', in_list=true) -%}
    case
        when {{ type }} in ('title', 'rich_text')
            then to_json(array_to_string({{ value }} ->> '$[*].plain_text', ''))
        when {{ type }} in ('select', 'status') then {{ value }} -> '$.name'
        when {{ type }} = 'multi_select' then to_json({{ value }} ->> '$[*].name')
        when {{ type }} in ('people', 'relation') then to_json({{ value }} ->> '$[*].id')
        when {{ type }} in ('created_by', 'last_edited_by') then {{ value }} -> '$.id'
        when {{ type }} = 'files' then to_json({{ notion_files(value) }})
        when {{ type }} = 'unique_id'
            then to_json(concat_ws('-', {{ value }} ->> '$.prefix', {{ value }} ->> '$.number'))
        when {{ type }} = 'formula'
            then json_extract({{ value }}, '$.' || ({{ value }} ->> '$.type'))
        when {{ type }} = 'rollup' and ({{ value }} ->> '$.type') = 'array'
            then to_json(
                list_transform(
                    ({{ value }} -> '$.array')::json[],
                    lambda item: {{ item_value }}
                )
            )
        when {{ type }} = 'rollup'
            then json_extract({{ value }}, '$.' || ({{ value }} ->> '$.type'))
        when {{ type }} = 'button' then null
        else {{ value }}
    end
{%- endmacro %}

{#- The files of a property: names and addresses. -#}
{% macro notion_files(value) -%}
    list_transform(
        ({{ value }})::json[],
        lambda file: {
            'name': file ->> '$.name',
            'url': coalesce(file ->> '$.file.url', file ->> '$.external.url')
        }
    )
{%- endmacro %}
