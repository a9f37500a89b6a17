-- A name may have been another repository's before: the one that has it now counts.
with repositories as (
    select * from {{ ref('stg_github__repositories') }}
),

choose_newest as (
    select *
    from repositories
    where full_name is not null
    qualify row_number() over (
        partition by connection_id, full_name
        order by
            deleted_at is null desc,
            last_seen_at desc,
            external_id asc
    ) = 1
)

select * from choose_newest
