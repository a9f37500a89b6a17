{#-
The rows of a relation that the model does not hold in this very form: all of them when it is
built for the first time or in full. An incremental build compares every row with what was
built before, so it needs no account of what may have changed, nor of when; what it saves is
the making and writing of what stays. Of what `same` names it compares only whether there is
anything: a text cannot change without its hash, which takes no text for an empty one.
-#}
{% macro different_rows(relation, same=[]) -%}
    {%- set columns = [] -%}
    {%- set compared = [] -%}
    {#- The linter knows no adapter. -#}
    {%- if is_incremental() and adapter is defined -%}
        {%- for column in adapter.get_columns_in_relation(this) -%}
            {%- set test = ' is null' if column.name in same else '' -%}
            {%- do columns.append(column.name ~ test) -%}
            {%- do compared.append(relation ~ '.' ~ column.name ~ test) -%}
        {%- endfor -%}
    {%- endif -%}
    select {{ relation }}.*
    from {{ relation }}
    {% if columns %}
        where
            hash({{ compared | join(', ') }})
            not in (select hash({{ columns | join(', ') }}) from {{ this }})
    {% endif %}
{%- endmacro %}

{#-
Before an incremental build: what none of the relations holds any more goes. Keys are compared
by their hash, which takes half the time of a text.
-#}
{% macro delete_absent(key, relations) -%}
    {%- set hashed = key | join(', ') -%}
    {%- set selects = [] -%}
    {%- for relation in relations -%}
        {%- do selects.append('select hash(' ~ hashed ~ ') from ' ~ relation) -%}
    {%- endfor -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where hash({{ hashed }}) not in (
            {{ selects | join(' union all ') }}
        )
    {%- endif -%}
{%- endmacro %}
