-- How many things did people do on each day, and of how many of them is it known who it
-- was? A gap is a day without anything, or one that was never read.
with interactions as (
    select * from {{ ref('interactions') }}
),

count_interactions as (
    select
        source_type,
        occurred_at::date as day_date,
        count(*) filter (where not is_bot) as interaction_count,
        count(*) filter (where is_bot) as bot_interaction_count,
        count(distinct contact_id) filter (where not is_bot) as person_count,
        round(
            count(*) filter (where not is_bot and actor_identity_id is not null)
            / nullif(count(*) filter (where not is_bot), 0),
            3
        ) as known_actor_share
    from interactions
    where occurred_at is not null
    group by source_type, occurred_at::date
)

select * from count_interactions
order by day_date asc, source_type asc
