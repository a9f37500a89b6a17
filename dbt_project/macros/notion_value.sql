{#-
The value of a Notion property without its wrapping, as JSON of its own kind: text, number,
true or false, an object for dates and places, lists for what may be several. People,
relations and creators are ids. What a formula or rollup results in is unwrapped the same
way; a type that is not known here is kept as it came. Of a value that is not what its type
says, null.
-#}
{% macro notion_value(property, in_list=false) -%}
    {%- set type = "(" ~ property ~ " ->> '$.type')" -%}
    {%- set value = notion_content(property) -%}
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
            then {{ notion_content(value) }}
        when {{ type }} = 'rollup' and ({{ value }} ->> '$.type') = 'array'
            then to_json(
                list_transform(
                    try_cast({{ value }} -> '$.array' as json[]),
                    lambda item: {{ item_value }}
                )
            )
        when {{ type }} = 'rollup'
            then {{ notion_content(value) }}
        when {{ type }} = 'button' then null
        else {{ value }}
    end
{%- endmacro %}

{#- The files of a property: names and addresses. -#}
{% macro notion_files(value) -%}
    list_transform(
        try_cast({{ value }} as json[]),
        lambda file: {
            'name': file ->> '$.name',
            'url': coalesce(file ->> '$.file.url', file ->> '$.external.url')
        }
    )
{%- endmacro %}

{#-
What stands under the name of an object's type. The name is given as a JSON pointer: as a path,
one that is not a plain word would be an error.
-#}
{% macro notion_content(object) -%}
    json_extract({{ object }}, '/' || ({{ object }} ->> '$.type'))
{%- endmacro %}

{#- The properties of a page in their order, each with its name and what it holds. -#}
{% macro notion_properties(properties) -%}
    list_transform(
        list_zip(json_keys({{ properties }}), {{ properties }} -> '$.*'),
        lambda entry: { 'name': entry[1], 'value': entry[2] }
    )
{%- endmacro %}

{#- Names of the properties whose value is not what their type says. -#}
{% macro unreadable_notion_properties(properties) -%}
    {%- set value = notion_content('property.value') -%}
    [
        property.name
        for property in {{ notion_properties(properties) }}
        if not coalesce(
            case
                when (property.value ->> '$.type') in (
                    'title', 'rich_text', 'multi_select', 'people', 'relation', 'files'
                )
                    then json_type({{ value }}) = 'ARRAY'
                when
                    (property.value ->> '$.type') = 'rollup'
                    and ({{ value }} ->> '$.type') = 'array'
                    then json_type({{ value }} -> '$.array') = 'ARRAY'
                when (property.value ->> '$.type') in (
                    'select', 'status', 'created_by', 'last_edited_by', 'unique_id',
                    'formula', 'rollup'
                )
                    then json_type({{ value }}) in ('OBJECT', 'NULL')
                else {{ value }} is not null
            end,
            false
        )
    ]
{%- endmacro %}

{#-
What properties say, as paragraphs that begin with their names: texts and addresses, and titles
that mention something, which is not told elsewhere. An expression, so that it costs nothing
where it is not asked for.
-#}
{% macro notion_property_blocks(properties) -%}
    [
        {
            'type': 'paragraph',
            'paragraph': {
                'rich_text': [
                    to_json({ 'type': 'text', 'plain_text': property.name || ': ' })
                ] || case
                    when (property.value ->> '$.type') = 'url'
                        then [to_json({
                            'type': 'text',
                            'plain_text': property.value ->> '$.url',
                            'href': property.value ->> '$.url'
                        })]
                    else try_cast({{ notion_content('property.value') }} as json[])
                end
            }
        }
        for property in {{ notion_properties(properties) }}
        if case property.value ->> '$.type'
            when 'url' then json_type(property.value -> '$.url') = 'VARCHAR'
            when 'rich_text' then json_array_length(property.value -> '$.rich_text') > 0
            when 'title'
                then list_contains(property.value ->> '$.title[*].type', 'mention')
            else false
        end
    ]
{%- endmacro %}
