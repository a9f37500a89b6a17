-- A view forgets that a CTE is not to be materialized, so documents are named directly.
{% set documents = ref('int_headwater__document_readings') %}

with issues as not materialized (
    select * from {{ ref('stg_linear__issues') }}
),

comments as not materialized (
    select * from {{ ref('stg_linear__comments') }}
),

projects as not materialized (
    select * from {{ ref('stg_linear__projects') }}
),

issue_history as not materialized (
    select * from {{ ref('stg_linear__issue_history') }}
),

project_updates as not materialized (
    select * from {{ ref('stg_linear__project_updates') }}
),

initiatives as not materialized (
    select * from {{ ref('stg_linear__initiatives') }}
),

initiative_updates as not materialized (
    select * from {{ ref('stg_linear__initiative_updates') }}
),

linear_documents as not materialized (
    select * from {{ ref('stg_linear__documents') }}
),

labels as (
    select * from {{ ref('stg_linear__labels') }}
),

users as not materialized (
    select * from {{ ref('stg_linear__users') }}
),

openings as (
    select
        connection_id,
        'opened:' || external_id as event_key,
        identifier as source_id,
        'linear:issue:' || external_id as document_id,
        'opened' as interaction_type,
        coalesce(creator_id, external_creator_id, bot_actor_id) as actor_id,
        coalesce(creator_id, external_creator_id) is null
        and bot_actor_id is not null as is_bot_actor,
        source_created_at as occurred_at,
        description as body_raw
    from issues
    union all by name
    select
        connection_id,
        'created:' || external_id as event_key,
        'projects/' || coalesce(slug_id, external_id) as source_id,
        'linear:project:' || external_id as document_id,
        'created' as interaction_type,
        creator_id as actor_id,
        source_created_at as occurred_at,
        description as body_raw
    from projects
    union all by name
    select
        connection_id,
        'created:' || external_id as event_key,
        'initiatives/' || coalesce(slug_id, external_id) as source_id,
        'linear:initiative:' || external_id as document_id,
        'created' as interaction_type,
        creator_id as actor_id,
        source_created_at as occurred_at,
        description as body_raw
    from initiatives
    union all by name
    select
        connection_id,
        'created:' || external_id as event_key,
        'documents/' || coalesce(slug_id, external_id) as source_id,
        'linear:document:' || external_id as document_id,
        'created' as interaction_type,
        creator_id as actor_id,
        source_created_at as occurred_at,
        content as body_raw
    from linear_documents
),

updates as (
    select
        *,
        'project-updates/' || coalesce(slug_id, external_id) as source_id,
        'linear:project_update:' || external_id as document_id
    from project_updates
    union all by name
    select
        *,
        'initiative-updates/' || coalesce(slug_id, external_id) as source_id,
        'linear:initiative_update:' || external_id as document_id
    from initiative_updates
),

updates_posted as (
    select
        connection_id,
        'posted:' || external_id as event_key,
        source_id,
        document_id,
        'posted' as interaction_type,
        user_id as actor_id,
        source_created_at as occurred_at,
        body as body_raw
    from updates
),

-- One entry of an issue's history may hold several changes, and each is a thing done.
-- Where it has a label's id alone, the name is looked up.
history_changes as (
    select
        issue_history.connection_id,
        'history:' || issue_history.external_id || ':' || changes.change_key
            as event_key,
        coalesce(issues.identifier, issue_history.issue_identifier) as source_id,
        'linear:issue:' || issues.external_id as document_id,
        changes.interaction_type,
        changes.field,
        if(
            changes.from_value is null,
            null,
            coalesce(labels.label_name, changes.from_value)
        ) as from_value,
        if(
            changes.to_value is null,
            null,
            coalesce(labels.label_name, changes.to_value)
        ) as to_value,
        coalesce(issue_history.actor_id, issue_history.bot_actor_id) as actor_id,
        issue_history.actor_id is null
        and issue_history.bot_actor_id is not null as is_bot_actor,
        issue_history.source_created_at as occurred_at
    from (
        select
            *,
            unnest(
                {{ linear_history_changes() }}
            ) as changes
        from issue_history
        where deleted_at is null
    ) as issue_history
    left join issues
        on
            issue_history.connection_id = issues.connection_id
            and issue_history.issue_id = issues.external_id
    left join labels
        on
            issue_history.connection_id = labels.connection_id
            and if(
                changes.field = 'label',
                coalesce(changes.from_value, changes.to_value),
                null
            ) = labels.external_id
),

-- Linear keeps when an issue or project last entered a kind of state, not who moved it.
-- Where the history of an issue tells of its states, it says more.
state_changes as (
    select
        connection_id,
        changes.to_value || ':' || external_id as event_key,
        source_id,
        document_id,
        'state_changed' as interaction_type,
        'state' as field,
        changes.to_value as to_value,
        changes.occurred_at as occurred_at
    from (
        select
            issues.connection_id,
            issues.external_id,
            issues.identifier as source_id,
            'linear:issue:' || issues.external_id as document_id,
            unnest([
                { 'to_value': 'started', 'occurred_at': issues.started_at },
                { 'to_value': 'completed', 'occurred_at': issues.completed_at },
                { 'to_value': 'canceled', 'occurred_at': issues.canceled_at }
            ]) as changes
        from issues
        anti join issue_history
            on
                issues.connection_id = issue_history.connection_id
                and issues.external_id = issue_history.issue_id
                and issue_history.to_state_id is not null
        union all by name
        select
            connection_id,
            external_id,
            'projects/' || coalesce(slug_id, external_id) as source_id,
            'linear:project:' || external_id as document_id,
            unnest([
                { 'to_value': 'completed', 'occurred_at': completed_at },
                { 'to_value': 'canceled', 'occurred_at': canceled_at }
            ]) as changes
        from projects
    ) as objects
    where changes.occurred_at is not null
),

-- What a comment is about is its document's parent, as far as that is loaded.
commented_items as (
    select
        comments.connection_id,
        comments.document_id as comment_document_id,
        items.document_id,
        items.source_id
    from {{ documents }} as comments
    inner join {{ documents }} as items
        on
            comments.connection_id = items.connection_id
            and comments.parent_document_id = items.document_id
    where comments.source_type = 'linear' and comments.document_type = 'comment'
),

comments_made as (
    select
        comments.connection_id,
        'commented:' || comments.external_id as event_key,
        coalesce(
            items.source_id, comments.issue_identifier, comments.container
        ) as source_id,
        coalesce(
            items.document_id, 'linear:comment:' || comments.external_id
        ) as document_id,
        'commented' as interaction_type,
        coalesce(
            comments.user_id, comments.external_user_id, comments.bot_actor_id
        ) as actor_id,
        coalesce(comments.user_id, comments.external_user_id) is null
        and comments.bot_actor_id is not null as is_bot_actor,
        comments.source_created_at as occurred_at,
        comments.body as body_raw
    from comments
    left join commented_items as items
        on
            comments.connection_id = items.connection_id
            and 'linear:comment:' || comments.external_id = items.comment_document_id
),

-- A comment is edited by its author; of an update Linear tells when, not by whom.
edits as (
    select
        documents.connection_id,
        'edited:' || comments.external_id || ':' || epoch_ms(comments.edited_at)
            as event_key,
        documents.source_id,
        documents.document_id,
        'edited' as interaction_type,
        coalesce(
            comments.user_id, comments.external_user_id, comments.bot_actor_id
        ) as actor_id,
        coalesce(comments.user_id, comments.external_user_id) is null
        and comments.bot_actor_id is not null as is_bot_actor,
        comments.edited_at as occurred_at
    from {{ ref('stg_linear__comments') }} as comments
    inner join {{ documents }} as documents
        on
            comments.connection_id = documents.connection_id
            and 'linear:comment:' || comments.external_id = documents.document_id
    where comments.edited_at is not null
    union all by name
    select
        connection_id,
        'edited:' || external_id || ':' || epoch_ms(edited_at) as event_key,
        source_id,
        document_id,
        'edited' as interaction_type,
        edited_at as occurred_at
    from updates
    where edited_at is not null
),

unite_interactions as (
    select * from openings
    union all by name
    select * from state_changes
    union all by name
    select * from history_changes
    union all by name
    select * from updates_posted
    union all by name
    select * from comments_made
    union all by name
    select * from edits
),

describe_interactions as (
    select
        'linear:' || interactions.event_key as interaction_id,
        interactions.connection_id,
        'linear' as source_type,
        interactions.source_id,
        interactions.document_id,
        interactions.interaction_type,
        interactions.field,
        interactions.from_value,
        interactions.to_value,
        'linear:' || interactions.actor_id as actor_identity_id,
        coalesce(interactions.is_bot_actor, false)
        or coalesce(users.is_bot, false) as is_bot,
        interactions.occurred_at,
        interactions.body_raw
    from unite_interactions as interactions
    left join users
        on
            interactions.connection_id = users.connection_id
            and interactions.actor_id = users.external_id
)

select * from describe_interactions
