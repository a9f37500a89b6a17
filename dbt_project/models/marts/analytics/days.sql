-- From before GitHub existed until nobody will read this any more.
with list_days as (
    select generated.day_at::date as day_date
    from generate_series(
        timestamp '2007-01-01', timestamp '2040-12-31', interval 1 day
    ) as generated (day_at)
)

select * from list_days
