with recursive issues as not materialized (
    select * from {{ ref('stg_linear__issues') }}
),

comments as not materialized (
    select * from {{ ref('stg_linear__comments') }}
),

projects as not materialized (
    select * from {{ ref('stg_linear__projects') }}
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

teams as not materialized (
    select * from {{ ref('stg_linear__teams') }}
),

-- A key can pass on to another team: what is not known of the team itself is private if
-- any that had its key is.
team_keys as (
    select
        connection_id,
        team_key,
        bool_or(is_private) as is_private
    from teams
    group by connection_id, team_key
),

workflow_states as not materialized (
    select * from {{ ref('stg_linear__workflow_states') }}
),

issue_documents as (
    select
        issues.*,
        'issue' as document_type,
        'linear:issue:' || issues.external_id as document_id,
        issues.identifier as source_id,
        issues.description as body,
        issues.issue_url as url,
        coalesce(
            'linear:issue:' || parents.external_id,
            'linear:project:' || projects.external_id
        ) as parent_document_id,
        coalesce(
            issues.creator_id, issues.external_creator_id, issues.bot_actor_id
        ) as author_id,
        list_filter(
            [issues.assignee_id, issues.delegate_id], person -> person is not null
        ) as people,
        coalesce(issues.state_type, workflow_states.state_type) as category,
        coalesce(teams.is_private, team_keys.is_private, true) as is_private,
        to_json({
            'identifier': issues.identifier,
            'previous_identifiers': issues.previous_identifiers,
            'team': issues.team_key,
            'state_type': coalesce(issues.state_type, workflow_states.state_type),
            'priority': issues.priority,
            'priority_label': issues.priority_label,
            'estimate_points': issues.estimate_points,
            'branch_name': issues.branch_name,
            'assignee_id': issues.assignee_id,
            'project_id': issues.project_id,
            'parent_issue_id': issues.parent_issue_id,
            'due_date': issues.due_date,
            'started_at': issues.started_at,
            'completed_at': issues.completed_at,
            'canceled_at': issues.canceled_at,
            'archived_at': issues.archived_at
        }) as source_metadata
    from issues
    left join issues as parents
        on
            issues.connection_id = parents.connection_id
            and issues.parent_issue_id = parents.external_id
    left join projects
        on
            issues.connection_id = projects.connection_id
            and issues.project_id = projects.external_id
    left join workflow_states
        on
            issues.connection_id = workflow_states.connection_id
            and issues.state_id = workflow_states.external_id
    left join teams
        on
            issues.connection_id = teams.connection_id
            and issues.team_id = teams.external_id
    left join team_keys
        on
            issues.connection_id = team_keys.connection_id
            and issues.container = team_keys.team_key
),

comment_documents as (
    select
        comments.*,
        'comment' as document_type,
        'linear:comment:' || comments.external_id as document_id,
        coalesce(issues.identifier, comments.issue_identifier, comments.container)
        || '/comments/' || left(comments.external_id, 8) as source_id,
        comments.comment_url as url,
        coalesce(
            'linear:issue:' || comments.issue_id,
            'linear:project_update:' || comments.project_update_id,
            'linear:initiative_update:' || comments.initiative_update_id,
            'linear:document:' || comments.linear_document_id,
            'linear:project:' || comments.project_id,
            'linear:initiative:' || comments.initiative_id
        ) as parent_document_id,
        coalesce(
            comments.user_id, comments.external_user_id, comments.bot_actor_id
        ) as author_id,
        coalesce(teams.is_private, team_keys.is_private, true) as is_private,
        to_json({
            'issue_id': comments.issue_id,
            'quoted_text': comments.quoted_text,
            'parent_comment_id': comments.parent_comment_id,
            'edited_at': comments.edited_at,
            'resolved_at': comments.resolved_at
        }) as source_metadata
    from comments
    left join issues
        on
            comments.connection_id = issues.connection_id
            and comments.issue_id = issues.external_id
    left join teams
        on
            issues.connection_id = teams.connection_id
            and issues.team_id = teams.external_id
    left join team_keys
        on
            comments.connection_id = team_keys.connection_id
            and comments.container = team_keys.team_key
),

-- A project spans teams: it is private if any of them is, or is not known.
project_privacy as (
    select
        projects.connection_id,
        projects.external_id,
        bool_or(coalesce(teams.is_private, true)) as is_private
    from (
        select
            connection_id,
            external_id,
            unnest(if(len(coalesce(team_ids, [])) = 0, [null], team_ids)) as team_id
        from projects
    ) as projects
    left join teams
        on
            projects.connection_id = teams.connection_id
            and projects.team_id = teams.external_id
    group by projects.connection_id, projects.external_id
),

project_documents as (
    select
        projects.*,
        'project' as document_type,
        'linear:project:' || projects.external_id as document_id,
        'projects/' || coalesce(projects.slug_id, projects.external_id) as source_id,
        projects.project_name as title,
        nullif(
            concat_ws(
                chr(10) || chr(10), nullif(projects.description, ''), projects.content
            ),
            ''
        ) as body,
        projects.project_url as url,
        projects.creator_id as author_id,
        list_distinct(
            list_filter(
                list_concat([projects.lead_id], projects.member_ids),
                person -> person is not null
            )
        ) as people,
        projects.state_type as category,
        project_privacy.is_private,
        to_json({
            'health': projects.health,
            'state_type': projects.state_type,
            'teams': projects.team_keys,
            'lead_id': projects.lead_id,
            'start_date': projects.start_date,
            'target_date': projects.target_date,
            'completed_at': projects.completed_at,
            'canceled_at': projects.canceled_at,
            'archived_at': projects.archived_at
        }) as source_metadata
    from projects
    inner join project_privacy using (connection_id, external_id)
),

project_update_documents as (
    select
        updates.*,
        'project_update' as document_type,
        'linear:project_update:' || updates.external_id as document_id,
        'project-updates/' || coalesce(updates.slug_id, updates.external_id)
            as source_id,
        updates.update_url as url,
        'linear:project:' || updates.project_id as parent_document_id,
        updates.user_id as author_id,
        coalesce(project_privacy.is_private, true) as is_private,
        to_json({
            'project_id': updates.project_id,
            'health': updates.health,
            'changes_since_last': updates.changes_since_last,
            'edited_at': updates.edited_at
        }) as source_metadata
    from project_updates as updates
    left join project_privacy
        on
            updates.connection_id = project_privacy.connection_id
            and updates.project_id = project_privacy.external_id
),

-- Linear tells of no team that an initiative belongs to, so nothing says it is public.
initiative_documents as (
    select
        initiatives.*,
        'initiative' as document_type,
        'linear:initiative:' || initiatives.external_id as document_id,
        'initiatives/' || coalesce(initiatives.slug_id, initiatives.external_id)
            as source_id,
        initiatives.initiative_name as title,
        nullif(
            concat_ws(
                chr(10) || chr(10),
                nullif(initiatives.description, ''),
                initiatives.content
            ),
            ''
        ) as body,
        initiatives.initiative_url as url,
        'linear:initiative:' || initiatives.parent_initiative_id as parent_document_id,
        initiatives.creator_id as author_id,
        if(initiatives.owner_id is null, [], [initiatives.owner_id]) as people,
        lower(initiatives.source_state) as category,
        true as is_private,
        to_json({
            'owner_id': initiatives.owner_id,
            'health': initiatives.health,
            'target_date': initiatives.target_date,
            'started_at': initiatives.started_at,
            'completed_at': initiatives.completed_at,
            'archived_at': initiatives.archived_at
        }) as source_metadata
    from initiatives
),

initiative_update_documents as (
    select
        updates.*,
        'initiative_update' as document_type,
        'linear:initiative_update:' || updates.external_id as document_id,
        'initiative-updates/' || coalesce(updates.slug_id, updates.external_id)
            as source_id,
        updates.update_url as url,
        'linear:initiative:' || updates.initiative_id as parent_document_id,
        updates.user_id as author_id,
        true as is_private,
        to_json({
            'initiative_id': updates.initiative_id,
            'health': updates.health,
            'changes_since_last': updates.changes_since_last,
            'edited_at': updates.edited_at
        }) as source_metadata
    from initiative_updates as updates
),

document_documents as (
    select
        linear_documents.*,
        'document' as document_type,
        'linear:document:' || linear_documents.external_id as document_id,
        'documents/' || coalesce(linear_documents.slug_id, linear_documents.external_id)
            as source_id,
        linear_documents.content as body,
        linear_documents.document_url as url,
        coalesce(
            'linear:project:' || linear_documents.project_id,
            'linear:issue:' || linear_documents.issue_id,
            'linear:initiative:' || linear_documents.initiative_id
        ) as parent_document_id,
        linear_documents.creator_id as author_id,
        coalesce(project_privacy.is_private, teams.is_private, true) as is_private,
        to_json({
            'project_id': linear_documents.project_id,
            'issue_id': linear_documents.issue_id,
            'initiative_id': linear_documents.initiative_id,
            'updated_by_id': linear_documents.updated_by_id,
            'archived_at': linear_documents.archived_at
        }) as source_metadata
    from linear_documents
    left join project_privacy
        on
            linear_documents.connection_id = project_privacy.connection_id
            and linear_documents.project_id = project_privacy.external_id
    left join issues
        on
            linear_documents.connection_id = issues.connection_id
            and linear_documents.issue_id = issues.external_id
    left join teams
        on
            issues.connection_id = teams.connection_id
            and issues.team_id = teams.external_id
),

unite_documents as (
    select * from issue_documents
    union all by name
    select * from comment_documents
    union all by name
    select * from project_documents
    union all by name
    select * from project_update_documents
    union all by name
    select * from initiative_documents
    union all by name
    select * from initiative_update_documents
    union all by name
    select * from document_documents
),

-- A parent that was not loaded is none.
link_documents as (
    select
        documents.* exclude (parent_document_id),
        parents.document_id as parent_document_id
    from unite_documents as documents
    left join unite_documents as parents
        on
            documents.connection_id = parents.connection_id
            and documents.parent_document_id = parents.document_id
),

-- From the top down, so that a cycle in the source ends nothing but its own branch. Two
-- connections may know one object, and not the same of what holds it.
roots as (
    select
        connection_id,
        document_id,
        document_id as root_document_id
    from link_documents
    where parent_document_id is null
    union all
    select
        children.connection_id,
        children.document_id,
        roots.root_document_id
    from link_documents as children
    inner join roots
        on
            children.connection_id = roots.connection_id
            and children.parent_document_id = roots.document_id
),

describe_documents as (
    select
        documents.document_id,
        documents.connection_id,
        'linear' as source_type,
        documents.container,
        documents.event_id,
        documents._dlt_load_id,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.body,
        documents.url,
        case
            when documents.document_type not in ('issue', 'project', 'initiative')
                then null
            when documents.category in ('completed', 'canceled', 'duplicate')
                then 'closed'
            when documents.category is not null then 'open'
            -- Without a type the default workflow's names decide.
            when lower(documents.source_state) in ('done', 'canceled', 'duplicate')
                then 'closed'
            else 'open'
        end as state,
        documents.source_state,
        documents.labels,
        documents.people,
        documents.parent_document_id,
        roots.root_document_id,
        'linear:' || documents.author_id as author_identity_id,
        documents.source_metadata,
        documents.is_private,
        documents.source_created_at,
        documents.source_updated_at,
        documents.first_seen_at,
        documents.last_seen_at,
        documents.deleted_at,
        documents.deletion_reason
    from link_documents as documents
    left join roots
        on
            documents.connection_id = roots.connection_id
            and documents.document_id = roots.document_id
)

select * from describe_documents
