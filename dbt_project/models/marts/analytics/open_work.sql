with documents as (
    select * from {{ ref('documents') }}
),

interactions as (
    select * from {{ ref('interactions') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
),

sync_history as (
    select * from {{ ref('sync_history') }}
),

-- Work is as old as it was when its source was last read, so that the same data gives
-- the same answer whenever it is built.
find_sync_times as (
    select
        connection_id,
        max(completed_at) as observed_at
    from sync_history
    group by connection_id
),

open_documents as (
    select
        *,
        coalesce(
            source_metadata ->> '$.team', split_part(source_id, '#', 1)
        ) as project_key,
        json_transform(
            source_metadata,
            '{{ {
                "author_login": "VARCHAR", "assignees": ["VARCHAR"],
                "requested_reviewers": ["VARCHAR"], "reviewers": ["VARCHAR"],
                "assignee_id": "VARCHAR"
            } | tojson }}'
        ) as metadata
    from documents
    where
        document_type in ('issue', 'pull_request')
        and state in ('open', 'draft')
        and deleted_at is null
),

-- GitHub names assignees and reviewers by login: of the account seen last with it.
name_logins as (
    select
        source_type || ':' || lower(handle) as login_key,
        max_by(identity_id, (last_seen_at, identity_id)) as identity_id
    from contact_identities
    where handle is not null
    group by login_key
),

list_people as (
    select
        document_id,
        'assignee' as role,
        unnest(metadata.assignees) as login,
        null::varchar as identity_id
    from open_documents
    union all by name
    select
        document_id,
        'assignee' as role,
        source_type || ':' || metadata.assignee_id as identity_id
    from open_documents
    where metadata.assignee_id is not null
    union all by name
    select
        document_id,
        'reviewer' as role,
        unnest(coalesce(metadata.requested_reviewers, metadata.reviewers)) as login
    from open_documents
    where document_type = 'pull_request'
),

-- Where nobody is assigned it is its author's.
list_responsible as (
    select * from list_people
    union all by name
    select
        document_id,
        'author' as role,
        metadata.author_login as login,
        author_identity_id as identity_id
    from open_documents
    where document_id not in (
        select list_people.document_id
        from list_people
        where list_people.role = 'assignee'
    )
),

-- One person under two accounts is one person, called by either.
identify_people as (
    select
        people.document_id,
        people.role,
        identities.contact_id,
        min(
            coalesce(
                identities.handle,
                identities.display_name,
                people.login,
                people.identity_id,
                'unknown'
            )
        ) as person
    from list_responsible as people
    inner join open_documents as documents
        on people.document_id = documents.document_id
    left join name_logins as logins
        on documents.source_type || ':' || lower(people.login) = logins.login_key
    left join contact_identities as identities
        on coalesce(people.identity_id, logins.identity_id) = identities.identity_id
    group by
        people.document_id,
        people.role,
        identities.contact_id,
        coalesce(identities.contact_id, people.login, people.identity_id)
),

find_activity as (
    select
        document_id,
        max(occurred_at) as last_activity_at
    from interactions
    group by document_id
),

measure_ages as (
    select
        people.document_id,
        documents.connection_id,
        documents.source_type,
        documents.source_id,
        documents.document_type,
        documents.title,
        documents.url,
        documents.project_key,
        documents.state,
        people.role,
        people.person,
        people.contact_id,
        date_sub(
            'hour',
            documents.source_created_at,
            coalesce(sync_times.observed_at, documents.last_seen_at)
        ) // 24 as age_days,
        documents.source_created_at as opened_at,
        coalesce(activity.last_activity_at, documents.source_updated_at)
            as last_activity_at,
        coalesce(sync_times.observed_at, documents.last_seen_at) as observed_at
    from identify_people as people
    inner join open_documents as documents
        on people.document_id = documents.document_id
    left join find_activity as activity on people.document_id = activity.document_id
    left join find_sync_times as sync_times
        on documents.connection_id = sync_times.connection_id
),

group_ages as (
    select
        document_id,
        connection_id,
        contact_id,
        source_type,
        source_id,
        document_type,
        title,
        url,
        project_key,
        state,
        role,
        person,
        case
            when age_days < 7 then 'under a week'
            when age_days < 30 then 'under a month'
            when age_days < 90 then 'under a quarter'
            else 'older'
        end as age_group,
        age_days,
        opened_at,
        last_activity_at,
        observed_at
    from measure_ages
)

select * from group_ages
