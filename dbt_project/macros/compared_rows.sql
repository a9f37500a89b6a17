{#-
Before an incremental build: every row of the relations is compared with what was built of it,
by a hash of the whole. What none of them holds any more goes; what differs waits in a
temporary table for `different_readings`. One pass, since making the rows is what costs.
-#}
{% macro compare_readings(key, relations) -%}
    {%- set selects = [] -%}
    {%- for relation in relations -%}
        {%- do selects.append('select * from ' ~ relation) -%}
    {%- endfor -%}
    {%- if is_incremental() -%}
        create or replace temporary table {{ this.identifier }}_now as
        with united as not materialized ({{ selects | join(' union all by name ') }}),
        hashed as not materialized (
            select {{ key | join(', ') }}, hash(united) as fingerprint, united as content
            from united
        )
        select
            {{ key | join(', ') }},
            fingerprint,
            if(built.rowid is null, hashed.content, null) as content
        from hashed
        left join {{ this }} as built using ({{ key | join(', ') }}, fingerprint);
        delete from {{ this }}
        where rowid in (
            select built.rowid
            from {{ this }} as built
            anti join {{ this.identifier }}_now using ({{ key | join(', ') }})
        )
    {%- endif -%}
{%- endmacro %}

{% macro different_readings() -%}
    select unnest(content), fingerprint
    from {{ this.identifier }}_now
    where content is not null
{%- endmacro %}
