with github_interactions as (
    select * from {{ ref('int_github__interactions') }}
),

linear_interactions as (
    select * from {{ ref('int_linear__interactions') }}
),

notion_interactions as (
    select * from {{ ref('int_notion__interactions') }}
),

unite_interactions as (
    select * from github_interactions
    union all by name
    select * from linear_interactions
    union all by name
    select * from notion_interactions
),

describe_interactions as (
    select
        interaction_id,
        connection_id,
        document_id,
        source_type,
        source_id,
        interaction_type,
        field,
        from_value,
        to_value,
        actor_identity_id,
        null::varchar as contact_id,
        body_raw,
        is_bot,
        occurred_at
    from unite_interactions
    -- Two connections may read the same event.
    qualify row_number() over (
        partition by interaction_id order by connection_id asc, source_id asc
    ) = 1
)

select * from describe_interactions
