{#-
Rows of a ledger table: all, or those of loads that completed since the last run. A row
never changes, so the watermark's own instant is simply read again.
-#}
{% macro new_ledger_rows(table, key) -%}
    select
        ledger.*,
        loads.completed_at as loaded_at
    from {{ raw_rows('raw_headwater', table) }} as ledger
    inner join loads on ledger._dlt_load_id = loads.load_id
    {%- if is_incremental() %}
    where
        loads.completed_at >= (
            select coalesce(max(loaded_at), '-infinity') from {{ this }}
        )
    {%- endif %}
    qualify row_number() over (
        partition by ledger.{{ key }}
        order by loads.completed_at desc, ledger._dlt_load_id desc
    ) = 1
{%- endmacro %}
