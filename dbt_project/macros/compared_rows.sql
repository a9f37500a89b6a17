{#-
Before an incremental build: every row of the relations is compared with what was built of it,
by a hash. That is of the whole row, and kept as the model's `fingerprint`; where the model is not
to keep one, of the columns that the relations have. What none of them holds in this form any more
goes; what differs waits in a temporary table for `compared_rows`. One pass, since making the rows
is what costs. The list around a row is for the others: an empty struct would be stored column by
column.
-#}
{% macro compare_rows(relations, keeps_fingerprint=true) -%}
    {%- set selects = [] -%}
    {%- for relation in relations -%}
        {%- do selects.append('select * from ' ~ relation) -%}
    {%- endfor -%}
    {%- set columns = [] -%}
    {#- The linter knows no adapter. -#}
    {%- if is_incremental() and adapter is defined and not keeps_fingerprint -%}
        {%- for column in adapter.get_columns_in_relation(relations[0]) -%}
            {%- do columns.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set hash = 'hash(' ~ (columns | join(', ') or 'united') ~ ')' -%}
    {%- set built = hash if columns else 'fingerprint' -%}
    {%- if is_incremental() -%}
        create or replace temporary table {{ this.identifier }}_now as
        with united as not materialized ({{ selects | join(' union all by name ') }}),
        hashed as not materialized (
            select {{ hash }} as fingerprint, united as content from united
        )
        select
            hashed.fingerprint,
            case when built.fingerprint is null then [hashed.content] end as content
        from hashed
        left join (select {{ built }} as fingerprint from {{ this }}) as built
        on hashed.fingerprint = built.fingerprint;
        delete from {{ this }}
        where {{ built }} not in (select fingerprint from {{ this.identifier }}_now)
    {%- endif -%}
{%- endmacro %}

{% macro compared_rows() -%}
    select unnest(content[1]), fingerprint
    from {{ this.identifier }}_now
    where content is not null
{%- endmacro %}
