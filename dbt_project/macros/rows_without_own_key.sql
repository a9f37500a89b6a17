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
    {%- for model, columns in keys.items() %}
        {%- set key = columns[0] -%}
        {%- set required = columns[1] if columns | length > 1 else [] -%}
        {%- set faults = ['count(*) > 1'] -%}
        {%- for column in key + required -%}
            {%- do faults.append('bool_or(' ~ column ~ ' is null)') -%}
        {%- endfor %}
        select
            '{{ model }}' as model,
            concat_ws(' ', {{ key | join(', ') }}) as key,
            count(*) as row_count
        from {{ ref(model) }}
        group by {{ key | join(', ') }}
        having {{ faults | join(' or ') }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
