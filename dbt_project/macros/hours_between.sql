{#-
Hours from one time to a later one, to the second; 0 where the later one came first, null
where either is missing.
-#}
{% macro hours_between(since, until) -%}
    case
        when {{ since }} > {{ until }} then 0
        else date_diff('second', {{ since }}, {{ until }}) / 3600.0
    end::double
{%- endmacro %}
