{#-
Every raw table that the project declares, as pairs of dataset and table: a new one joins by
itself. dlt's own tables and Headwater's ledger are none.
-#}
{% macro raw_tables() -%}
    {%- set tables = [] -%}
    {#- There is no graph while the project is being parsed, or linted. -#}
    {%- set sources = graph.sources if execute and graph is defined else {} -%}
    {%- for node in sources.values() -%}
        {%- if node.source_name != 'raw_headwater' and not node.name.startswith('_') -%}
            {%- do tables.append((node.source_name, node.name)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(tables | sort) }}
{%- endmacro %}
