{#-
Rows of models whose key is missing or another row's, or that lack what is required: `keys` says
by model what its key is, and what else is never null. Fails for a table that is neither there
nor among those `passed_on`.
-#}
{% macro rows_without_own_key(keys, passed_on) -%}
    {#- There is no graph while the project is being parsed, or linted. -#}
    {%- set nodes = graph.nodes.values() if execute and graph is defined else [] -%}
    {%- for node in nodes if node.resource_type == 'model' -%}
        {%- set is_named = node.name in keys or node.name in passed_on -%}
        {%- if node.config.materialized != 'view' and not is_named -%}
            {{ exceptions.raise_compiler_error(node.name ~ ': what is its key?') }}
        {%- endif -%}
    {%- endfor -%}
    {%- set selects = [] -%}
    {%- for model, columns in keys.items() -%}
        {%- set relation = ref(model) -%}
        {%- if is_touched(model, relation) -%}
            {%- set key = columns[0] -%}
            {%- set faults = ['count(*) > 1'] -%}
            {%- for column in key + (columns[1] if columns | length > 1 else []) -%}
                {%- do faults.append('bool_or(' ~ column ~ ' is null)') -%}
            {%- endfor -%}
            {%- do selects.append(
                "select '" ~ model ~ "' as model, concat_ws(' ', " ~ key | join(', ')
                ~ ') as key, count(*) as row_count from ' ~ relation
                ~ ' group by ' ~ key | join(', ') ~ ' having ' ~ faults | join(' or ')
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ selects | join('\nunion all\n') or 'select 1 where false' }}
{%- endmacro %}

{#-
Whether a command that builds builds this model, or reads it through an unchanged view; a
command that builds nothing tests everything.
-#}
{% macro is_touched(model, relation) -%}
    {%- set built = [] -%}
    {%- for name in selected_resources if execute and name.startswith('model.') -%}
        {%- do built.append(name.split('.')[-1]) -%}
    {%- endfor -%}
    {%- if built and model not in built -%}
        {%- set found = load_relation(relation) -%}
        {{ return(found is not none and found.is_view) }}
    {%- endif -%}
    {{ return(true) }}
{%- endmacro %}
