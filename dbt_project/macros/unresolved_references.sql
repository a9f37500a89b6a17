{#- Names of rows that are not there, of what the columns of models refer to. -#}
{% macro unresolved_references(references) -%}
    {%- set selects = [] -%}
    {%- for model, column, target, key in references -%}
        {%- set relation, targets = ref(model), ref(target) -%}
        {%- if is_touched(model, relation) or is_touched(target, targets) -%}
            {%- do selects.append(
                "select distinct '" ~ model ~ '.' ~ column ~ "' as reference, "
                ~ column ~ ' as missing_id from ' ~ relation
                ~ ' where ' ~ column ~ ' is not null and hash(' ~ column
                ~ ') not in (select hash(' ~ key ~ ') from ' ~ targets ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ selects | join('\nunion all\n') or 'select 1 where false' }}
{%- endmacro %}
