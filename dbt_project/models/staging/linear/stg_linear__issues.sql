{% set shape = {
    'identifier': 'VARCHAR', 'number': 'BIGINT', 'title': 'VARCHAR',
    'description': 'VARCHAR', 'url': 'VARCHAR', 'branchName': 'VARCHAR',
    'priority': 'DOUBLE', 'priorityLabel': 'VARCHAR', 'estimate': 'DOUBLE',
    'previousIdentifiers': ['VARCHAR'], 'dueDate': 'DATE', 'trashed': 'BOOLEAN',
    'team': {'id': 'VARCHAR', 'key': 'VARCHAR'},
    'state': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'assignee': {'id': 'VARCHAR'}, 'creator': {'id': 'VARCHAR'},
    'botActor': {'id': 'VARCHAR', 'name': 'VARCHAR', 'type': 'VARCHAR'},
    'project': {'id': 'VARCHAR'},
    'parent': {'id': 'VARCHAR'}, 'labels': {'nodes': [{'name': 'VARCHAR'}]},
    'cycle': {'id': 'VARCHAR'}, 'projectMilestone': {'id': 'VARCHAR'},
    'delegate': {'id': 'VARCHAR'}, 'externalUserCreator': {'id': 'VARCHAR', 'name': 'VARCHAR'},
    'addedToTeamAt': 'TIMESTAMPTZ',
    'createdAt': 'TIMESTAMPTZ', 'updatedAt': 'TIMESTAMPTZ', 'archivedAt': 'TIMESTAMPTZ',
    'startedAt': 'TIMESTAMPTZ', 'completedAt': 'TIMESTAMPTZ', 'canceledAt': 'TIMESTAMPTZ',
} %}

with events as (
    {{ newest_events('raw_linear', 'issues', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.team.id as team_id,
        record.state.id as state_id,
        record.project.id as project_id,
        record.parent.id as parent_issue_id,
        record.creator.id as creator_id,
        {{ linear_bot_id('record.botActor') }} as bot_actor_id,
        record.assignee.id as assignee_id,
        record.cycle.id as cycle_id,
        record.projectMilestone.id as project_milestone_id,
        record.delegate.id as delegate_id,
        record.externalUserCreator.id as external_creator_id,
        record.botActor.name as bot_actor_name,
        record.externalUserCreator.name as external_creator_name,
        record.identifier as identifier,
        record.title as title,
        record.description as description,
        record.url as issue_url,
        record.team.key as team_key,
        record.state.name as source_state,
        record.state.type as state_type,
        record.priorityLabel as priority_label,
        record.branchName as branch_name,
        record.previousIdentifiers as previous_identifiers,
        [label.name for label in record.labels.nodes] as labels,
        record.number as issue_number,
        record.priority as priority,
        record.estimate as estimate_points,
        coalesce(record.trashed, false) as is_trashed,
        record.dueDate as due_date,
        record.createdAt as source_created_at,
        record.updatedAt as source_updated_at,
        record.addedToTeamAt as added_to_team_at,
        record.startedAt as started_at,
        record.completedAt as completed_at,
        record.canceledAt as canceled_at,
        record.archivedAt as archived_at,
        {{
            envelope_times(
                deleted_at="coalesce(deleted_at, if(record.trashed,"
                ~ " coalesce(record.archivedAt, record.updatedAt), null))",
                deletion_reason="coalesce(deletion_reason,"
                ~ " if(record.trashed, 'trashed', null))",
            )
        }}
    from events
)

select * from renamed
