-- A table, thin as it is: only tables are published.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_absent(
            [
                'contact_id', 'interaction_id', 'document_id', 'source_type',
                'interaction_type', 'occurred_at'
            ],
            [ref('interactions')]
        ) }}",
    )
}}

with interactions as (
    select * from {{ ref('interactions') }}
),

new_interactions as (
    select interactions.* from interactions
    {% if is_incremental() %}
        anti join {{ this }} as built
            on
                hash(interactions.contact_id, interactions.interaction_id)
                = hash(built.contact_id, built.interaction_id)
    {% endif %}
),

describe_timeline as (
    select
        contact_id,
        interaction_id,
        document_id,
        source_type,
        interaction_type,
        occurred_at
    from new_interactions
    where contact_id is not null
)

select * from describe_timeline
