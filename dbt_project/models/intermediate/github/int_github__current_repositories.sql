-- A name may have been another repository's before: the one that has it now counts. It
-- is the name in sources.yml: GitHub may write it otherwise, or have renamed it.
with repositories as (
    select * from {{ ref('stg_github__repositories') }}
),

choose_newest as (
    select *
    from repositories
    qualify row_number() over (
        partition by connection_id, container
        order by
            deleted_at is null desc,
            last_seen_at desc,
            external_id asc
    ) = 1
)

select * from choose_newest
