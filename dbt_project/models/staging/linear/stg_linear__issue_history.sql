{% set shape = {
    'issue': {'id': 'VARCHAR', 'identifier': 'VARCHAR'}, 'actorId': 'VARCHAR',
    'actor': {'id': 'VARCHAR'},
    'botActor': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'fromStateId': 'VARCHAR', 'toStateId': 'VARCHAR',
    'fromState': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'toState': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'fromAssigneeId': 'VARCHAR', 'toAssigneeId': 'VARCHAR', 'fromTitle': 'VARCHAR',
    'toTitle': 'VARCHAR', 'fromPriority': 'DOUBLE', 'toPriority': 'DOUBLE',
    'fromEstimate': 'DOUBLE', 'toEstimate': 'DOUBLE', 'fromDueDate': 'DATE',
    'toDueDate': 'DATE', 'fromCycleId': 'VARCHAR', 'toCycleId': 'VARCHAR',
    'fromProjectId': 'VARCHAR', 'toProjectId': 'VARCHAR', 'fromParentId': 'VARCHAR',
    'toParentId': 'VARCHAR', 'fromTeamId': 'VARCHAR', 'toTeamId': 'VARCHAR',
    'addedLabelIds': ['VARCHAR'], 'removedLabelIds': ['VARCHAR'],
    'addedLabels': [{'id': 'VARCHAR', 'name': 'VARCHAR'}],
    'removedLabels': [{'id': 'VARCHAR', 'name': 'VARCHAR'}],
    'relationChanges': [{'identifier': 'VARCHAR', 'type': 'VARCHAR'}],
    'updatedDescription': 'BOOLEAN', 'archived': 'BOOLEAN', 'autoArchived': 'BOOLEAN',
    'autoClosed': 'BOOLEAN', 'trashed': 'BOOLEAN', 'createdAt': 'TIMESTAMPTZ',
    'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'issue_history', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.issue.id as issue_id,
        coalesce(record.actorId, record.actor.id) as actor_id,
        {{ linear_bot_id('record.botActor') }} as bot_actor_id,
        record.fromStateId as from_state_id,
        record.toStateId as to_state_id,
        record.fromAssigneeId as from_assignee_id,
        record.toAssigneeId as to_assignee_id,
        record.fromCycleId as from_cycle_id,
        record.toCycleId as to_cycle_id,
        record.fromProjectId as from_project_id,
        record.toProjectId as to_project_id,
        record.fromParentId as from_parent_id,
        record.toParentId as to_parent_id,
        record.fromTeamId as from_team_id,
        record.toTeamId as to_team_id,
        record.issue.identifier as issue_identifier,
        record.botActor.name as bot_actor_name,
        record.botActor.type as bot_actor_type,
        record.fromState.name as from_state,
        record.toState.name as to_state,
        record.fromState.type as from_state_type,
        record.toState.type as to_state_type,
        record.fromTitle as from_title,
        record.toTitle as to_title,
        {{ linear_labels('record.addedLabels', 'record.addedLabelIds') }}
            as added_labels,
        {{ linear_labels('record.removedLabels', 'record.removedLabelIds') }}
            as removed_labels,
        [change.type || ' ' || change.identifier for change in record.relationChanges]
            as relation_changes,
        record.fromPriority as from_priority,
        record.toPriority as to_priority,
        record.fromEstimate as from_estimate_points,
        record.toEstimate as to_estimate_points,
        coalesce(record.updatedDescription, false) as is_description_changed,
        record.archived as is_archived,
        record.trashed as is_trashed,
        coalesce(record.autoArchived, false) as is_auto_archived,
        coalesce(record.autoClosed, false) as is_auto_closed,
        record.fromDueDate as from_due_date,
        record.toDueDate as to_due_date,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        {{ envelope_times() }}
    from events
)

select * from renamed
