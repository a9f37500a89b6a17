{#- Which of several readings of a document stands for it comes first. -#}
{% macro reading_order() -%}
    deleted_at is null desc,
    source_updated_at desc nulls last,
    last_seen_at desc,
    connection_id asc,
    container asc
{%- endmacro %}
