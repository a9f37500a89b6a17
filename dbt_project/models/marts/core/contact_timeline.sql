-- A table, thin as it is: only tables are published.
with interactions as (
    select * from {{ ref('interactions') }}
),

describe_timeline as (
    select
        contact_id,
        interaction_id,
        document_id,
        source_type,
        interaction_type,
        occurred_at
    from interactions
    where contact_id is not null
)

select * from describe_timeline
