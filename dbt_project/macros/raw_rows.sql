{#-
All rows of a raw table, those that have moved into the archive included. Headwater keeps a view of
each table's archive, which has no row before any has moved.
-#}
{% macro raw_rows(dataset, table) -%}
    {%- set stored = source(dataset, table) -%}
    {%- set archived = none -%}
    {#- A unit test brings its own rows. -#}
    {%- if execute and model.resource_type != 'unit_test' -%}
        {%- set archived = adapter.get_relation(
            database=stored.database, schema='archive', identifier=dataset ~ '__' ~ table
        ) -%}
    {%- endif -%}
    {%- if archived -%}
        (select * from {{ stored }} union all by name select * from {{ archived }})
    {%- else -%}
        {{ stored }}
    {%- endif -%}
{%- endmacro %}
