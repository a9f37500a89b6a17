with documents as (
    select * from {{ ref('int_headwater__document_readings') }}
    where source_type = 'notion'
),

users as (
    select * from {{ ref('stg_notion__users') }}
),

creations as (
    select
        connection_id,
        document_id as event_document_id,
        if(document_type = 'comment', 'commented', 'created') as interaction_type,
        if(document_type = 'comment', parent_document_id, document_id) as target_id,
        author_identity_id as actor_identity_id,
        source_created_at as occurred_at,
        if(document_type = 'comment', body, null) as body_raw
    from documents
),

versions as (
    select
        *,
        'notion:page:' || external_id as document_id
    from {{ ref('stg_notion__page_versions') }}
    union all by name
    select
        *,
        'notion:data_source:' || external_id as document_id
    from {{ ref('stg_notion__data_source_versions') }}
),

-- Notion tells the last edit only, to the minute; within the minute of creation, none.
-- So every version that was ever read tells of one.
edits as (
    select
        connection_id,
        document_id as event_document_id,
        ':' || epoch_ms(source_updated_at) as edit_key,
        'edited' as interaction_type,
        document_id as target_id,
        'notion:' || max_by({ 'id': last_editor_id }, occurred_at).id
            as actor_identity_id,
        source_updated_at as occurred_at
    from versions
    where source_updated_at > source_created_at
    group by connection_id, document_id, source_updated_at
),

unite_interactions as (
    select * from creations
    union all by name
    select * from edits
),

describe_interactions as (
    select
        'notion:' || interactions.interaction_type || ':'
        || replace(interactions.event_document_id, 'notion:', '')
        || coalesce(interactions.edit_key, '') as interaction_id,
        interactions.connection_id,
        'notion' as source_type,
        documents.source_id,
        documents.document_id,
        interactions.interaction_type,
        null::varchar as field,
        null::varchar as from_value,
        null::varchar as to_value,
        interactions.actor_identity_id,
        coalesce(users.is_bot, false) as is_bot,
        interactions.occurred_at,
        interactions.body_raw
    from unite_interactions as interactions
    inner join documents
        on
            interactions.connection_id = documents.connection_id
            and coalesce(interactions.target_id, interactions.event_document_id)
            = documents.document_id
    left join users
        on
            interactions.connection_id = users.connection_id
            and interactions.actor_identity_id = 'notion:' || users.external_id
)

select * from describe_interactions
