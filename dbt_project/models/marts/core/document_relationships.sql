-- All are worked out again and compared: what nobody knew by a name yesterday may have
-- that name today.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ compare_rows(
            [ref('int_headwater__relationships')], keeps_fingerprint=false
        ) }}",
    )
}}

with relationships as (
    {% if is_incremental() %}
        {{ compared_rows() }}
    {% else %}
        select * from {{ ref('int_headwater__relationships') }}
    {% endif %}
),

describe_relationships as (
    select
        sha256(
            to_json([from_document_id, relation, reference_key])::varchar
        ) as relationship_id,
        connection_id,
        from_document_id,
        to_document_id,
        to_identity_id,
        relation,
        category,
        method,
        reference_key,
        raw_reference,
        evidence,
        confidence,
        to_document_id is not null or to_identity_id is not null as is_resolved,
        source_updated_at,
        deleted_at
    from relationships
)

select * from describe_relationships
