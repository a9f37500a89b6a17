with recursive issues as (
    select * from {{ ref('stg_linear__issues') }}
),

comments as (
    select * from {{ ref('stg_linear__comments') }}
),

projects as (
    select * from {{ ref('stg_linear__projects') }}
),

teams as (
    select * from {{ ref('stg_linear__teams') }}
),

workflow_states as (
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
        coalesce(issues.creator_id, issues.bot_actor_id) as author_id,
        if(issues.assignee_id is null, [], [issues.assignee_id]) as people,
        coalesce(issues.state_type, workflow_states.state_type) as category,
        coalesce(teams.is_private, true) as is_private,
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
            and issues.container = teams.team_key
),

comment_documents as (
    select
        comments.*,
        'comment' as document_type,
        'linear:comment:' || comments.external_id as document_id,
        coalesce(issues.identifier, comments.issue_identifier, comments.container)
        || '/comments/' || left(comments.external_id, 8) as source_id,
        comments.comment_url as url,
        'linear:issue:' || issues.external_id as parent_document_id,
        coalesce(comments.user_id, comments.bot_actor_id) as author_id,
        coalesce(teams.is_private, true) as is_private,
        to_json({
            'issue_id': comments.issue_id,
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
            comments.connection_id = teams.connection_id
            and comments.container = teams.team_key
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
        if(projects.lead_id is null, [], [projects.lead_id]) as people,
        projects.state_type as category,
        project_privacy.is_private,
        to_json({
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

unite_documents as (
    select * from issue_documents
    union all by name
    select * from comment_documents
    union all by name
    select * from project_documents
),

-- From the top down, so that a cycle in the source ends nothing but its own branch.
roots as (
    select
        document_id,
        document_id as root_document_id
    from unite_documents
    where parent_document_id is null
    union all
    select
        children.document_id,
        roots.root_document_id
    from unite_documents as children
    inner join roots on children.parent_document_id = roots.document_id
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
            when documents.document_type = 'comment' then null
            when documents.category in ('completed', 'canceled') then 'closed'
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
    from unite_documents as documents
    left join roots on documents.document_id = roots.document_id
)

select * from describe_documents
