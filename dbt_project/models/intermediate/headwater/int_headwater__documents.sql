-- Two connections may read the same object: the newer reading stands for both.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='document_id',
        on_schema_change='fail',
        pre_hook="{{ delete_absent(
            ['fingerprint'], [ref('int_headwater__document_readings')]
        ) }}",
    )
}}

with readings as not materialized (
    select * from {{ ref('int_headwater__document_readings') }}
),

{% if is_incremental() %}
    -- A reading that is not built is new, or was not the one that was chosen.
    doubtful_documents as (
        select readings.document_id
        from readings
        anti join {{ this }} as built on readings.fingerprint = built.fingerprint
    ),
{% endif %}

choose_readings as (
    select
        readings.document_id,
        readings.connection_id,
        readings.fingerprint
    from readings
    {% if is_incremental() %}
        semi join doubtful_documents using (document_id)
    {% endif %}
    qualify row_number() over (
        partition by readings.document_id
        order by {{ reading_order() }}
    ) = 1
),

different_documents as (
    select choose_readings.* from choose_readings
    {% if is_incremental() %}
        anti join {{ this }} as built on choose_readings.fingerprint = built.fingerprint
    {% endif %}
),

describe_documents as (
    select
        readings.* replace (
            coalesce(readings.source_id, readings.document_id) as source_id
        ),
        {{
            slugify(
                'coalesce(readings.source_id, readings.document_id)',
                'readings.document_id'
            )
        }} as base_slug,
        sha256(
            coalesce(readings.title, '') || chr(10) || coalesce(readings.body, '')
        ) as content_hash,
        sha256(
            to_json({
                'state': readings.source_state,
                'normalized_state': readings.state,
                'labels': coalesce(list_sort(readings.labels), []),
                'author': readings.author_identity_id,
                'people': coalesce(list_sort(readings.people), []),
                'parent': readings.parent_document_id
            })::varchar
        ) as metadata_hash
    from readings
    semi join different_documents using (document_id, connection_id)
),

hash_texts as (
    select
        *,
        if(
            further_text is null,
            content_hash,
            sha256(content_hash || chr(10) || further_text)
        ) as text_hash
    from describe_documents
)

select * from hash_texts
