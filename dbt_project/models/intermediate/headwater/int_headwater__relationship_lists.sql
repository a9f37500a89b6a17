-- What documents shows of document_relationships. A list is made again when the digest
-- of its relationships is another.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='document_id',
        on_schema_change='fail',
        pre_hook="{{ delete_absent(
            ['document_id'],
            ['(select from_document_id as document_id from '
             ~ ref('document_relationships') ~ ')']
        ) }}",
    )
}}

with document_relationships as (
    select * from {{ ref('document_relationships') }}
),

digest_relationships as (
    select
        from_document_id as document_id,
        sum(
            hash(
                relation,
                category,
                to_document_id,
                to_identity_id,
                reference_key,
                raw_reference,
                method,
                confidence
            )::hugeint
        )::hugeint as digest
    from document_relationships
    group by from_document_id
),

different_lists as (
    select digest_relationships.* from digest_relationships
    {% if is_incremental() %}
        anti join {{ this }} using (document_id, digest)
    {% endif %}
),

list_relationships as (
    select
        from_document_id as document_id,
        {% for category in ['mention', 'graph', 'temporal'] %}
            list(
                {
                    'relation': relation,
                    'document_id': to_document_id,
                    'identity_id': to_identity_id,
                    'raw_reference': raw_reference,
                    'method': method,
                    'confidence': confidence
                }
                order by relation, reference_key
            ) filter (where category = '{{ category }}') as {{ category }}
            {%- if not loop.last %},{% endif %}

        {% endfor %}
    from document_relationships
    where
        from_document_id in (select different_lists.document_id from different_lists)
    group by from_document_id
),

describe_lists as (
    select
        lists.document_id,
        to_json({
            'mentions': coalesce(lists.mention, []),
            'graph': coalesce(lists.graph, []),
            'temporal': coalesce(lists.temporal, [])
        }) as relationships,
        different_lists.digest
    from list_relationships as lists
    inner join different_lists on lists.document_id = different_lists.document_id
)

select * from describe_lists
