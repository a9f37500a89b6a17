{#-
Who wrote documents of a source or did things there, one row per identity and connection:
those whom no listing of accounts knows too. Seen is when the documents were.
-#}
{% macro actors(source_type) -%}
    select
        actor_identity_id as identity_id,
        connection_id,
        bool_or(is_bot) as is_bot,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from (
        select
            author_identity_id as actor_identity_id,
            connection_id,
            false as is_bot,
            first_seen_at,
            last_seen_at
        from {{ ref('int_headwater__document_readings') }}
        where source_type = '{{ source_type }}'
        union all by name
        select
            interactions.actor_identity_id,
            interactions.connection_id,
            interactions.is_bot,
            documents.first_seen_at,
            documents.last_seen_at
        from {{ ref('int_headwater__interaction_readings') }} as interactions
        left join {{ ref('int_headwater__document_readings') }} as documents
            on
                interactions.connection_id = documents.connection_id
                and interactions.document_id = documents.document_id
        where interactions.source_type = '{{ source_type }}'
    ) as deeds
    where actor_identity_id is not null
    group by actor_identity_id, connection_id
{%- endmacro %}
