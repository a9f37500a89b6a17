with documents as (
    select * from {{ ref('documents') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

issue_history as (
    select * from {{ ref('stg_linear__issue_history') }}
),

workflow_states as (
    select * from {{ ref('stg_linear__workflow_states') }}
),

issues as (
    select
        *,
        source_metadata ->> '$.team' as team_key,
        coalesce(
            source_metadata ->> '$.team', split_part(source_id, '#', 1)
        ) as project_key,
        coalesce(
            source_metadata ->> '$.closed_at',
            source_metadata ->> '$.completed_at',
            source_metadata ->> '$.canceled_at'
        )::timestamptz as told_closed_at,
        (source_metadata ->> '$.started_at')::timestamptz as told_started_at
    from documents
    where document_type = 'issue' and deleted_at is null
),

-- Teams rename their states, and issues change teams: what a state means is the type
-- that the entry of the history has, else the state of that id.
type_history as (
    select
        history.connection_id,
        'linear:history:' || history.external_id || ':state' as interaction_id,
        coalesce(history.from_state_type, states_before.state_type)
            as state_type_before,
        coalesce(history.to_state_type, states.state_type) as state_type
    from issue_history as history
    left join workflow_states as states
        on
            history.connection_id = states.connection_id
            and history.to_state_id = states.external_id
    left join workflow_states as states_before
        on
            history.connection_id = states_before.connection_id
            and history.from_state_id = states_before.external_id
    where history.to_state_id is not null
),

name_state_types as (
    select
        connection_id,
        team_key,
        state_name,
        max_by(state_type, (deleted_at is null, last_seen_at, external_id))
            as state_type
    from workflow_states
    group by connection_id, team_key, state_name
),

type_changes as (
    select
        issues.document_id,
        interactions.interaction_id,
        interactions.occurred_at,
        history.state_type_before,
        if(
            interactions.interaction_type = 'state_changed',
            coalesce(history.state_type, names.state_type, interactions.to_value),
            interactions.interaction_type
        ) as state_type
    from issues
    inner join interactions on issues.document_id = interactions.document_id
    left join type_history as history
        on
            interactions.connection_id = history.connection_id
            and interactions.interaction_id = history.interaction_id
    left join name_state_types as names
        on
            issues.connection_id = names.connection_id
            and issues.team_key = names.team_key
            and if(
                interactions.interaction_type = 'state_changed',
                interactions.to_value,
                null
            ) = names.state_name
    where interactions.interaction_type in ('closed', 'reopened', 'state_changed')
),

-- No entry tells of the state it was opened in: its first change left that. Since when
-- it was so the issue itself tells, unless it tells of a later time.
find_first_states as (
    select
        document_id,
        min_by(
            { 'state_type': state_type_before, 'left_at': occurred_at },
            (occurred_at, interaction_id)
        ) as first_state
    from type_changes
    group by document_id
),

list_states as (
    select * from type_changes
    union all by name
    select
        issues.document_id,
        '' as interaction_id,
        states.first_state.state_type as state_type,
        case
            when
                states.first_state.state_type = 'started'
                and issues.told_started_at <= states.first_state.left_at
                then issues.told_started_at
            when
                states.first_state.state_type != 'started'
                and issues.told_closed_at <= states.first_state.left_at
                then issues.told_closed_at
            else issues.source_created_at
        end as occurred_at
    from issues
    inner join find_first_states as states on issues.document_id = states.document_id
    where states.first_state.state_type is not null
),

classify_changes as (
    select
        document_id,
        interaction_id,
        occurred_at,
        case
            when state_type in ('closed', 'completed', 'canceled', 'duplicate')
                then 'closed'
            when state_type = 'started' then 'started'
            else 'left'
        end as change
    from list_states
),

-- Closed twice in a row is closed once; any other state after a closing reopens.
follow_changes as (
    select
        *,
        lag(change = 'closed', 1, false) over (
            partition by document_id order by occurred_at asc, interaction_id asc
        ) as was_closed
    from classify_changes
),

sum_changes as (
    select
        document_id,
        min(occurred_at) filter (where change = 'started') as started_at,
        min(occurred_at) filter (where change = 'closed') as first_closed_at,
        max(occurred_at) filter (where change = 'closed' and not was_closed)
            as last_closed_at,
        count(*) filter (where change != 'closed' and was_closed)::integer
            as reopened_count
    from follow_changes
    group by document_id
),

-- How long it lay closed before it was opened again.
pair_closings as (
    select
        *,
        max(if(change = 'closed' and not was_closed, occurred_at, null)) over (
            partition by document_id order by occurred_at asc, interaction_id asc
        ) as closed_at
    from follow_changes
),

sum_rests as (
    select
        document_id,
        sum({{ hours_between('closed_at', 'occurred_at') }}) as closed_hours
    from pair_closings
    where change != 'closed' and was_closed
    group by document_id
),

collect_times as (
    select
        issues.document_id,
        issues.connection_id,
        issues.source_type,
        issues.source_id,
        issues.project_key,
        issues.author_identity_id,
        issues.state,
        coalesce(changes.reopened_count, 0) as reopened_count,
        coalesce(rests.closed_hours, 0) as closed_hours,
        issues.source_created_at as opened_at,
        changes.started_at,
        coalesce(changes.first_closed_at, issues.told_closed_at) as first_closed_at,
        if(
            issues.state = 'closed',
            coalesce(changes.last_closed_at, issues.told_closed_at),
            null
        ) as closed_at
    from issues
    left join sum_changes as changes on issues.document_id = changes.document_id
    left join sum_rests as rests on issues.document_id = rests.document_id
),

measure_times as (
    select
        document_id,
        connection_id,
        source_type,
        source_id,
        project_key,
        author_identity_id,
        state,
        reopened_count,
        {{ hours_between('opened_at', 'started_at') }} as wait_hours,
        {{ hours_between('opened_at', 'closed_at') }} as lead_hours,
        {{ hours_between('started_at', 'closed_at') }} as cycle_hours,
        {{ hours_between('opened_at', 'closed_at') }} - closed_hours as open_hours,
        opened_at,
        started_at,
        first_closed_at,
        closed_at
    from collect_times
)

select * from measure_times
