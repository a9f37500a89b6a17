-- What deliveries name says nothing about where a container stands.
with sync_history as (
    select * from {{ ref('sync_history') }}
    where mode != 'webhook'
),

branches as (
    select * from {{ ref('stg_github__branches') }}
),

live_resources as (
    select distinct
        connection_id,
        container,
        resource
    from sync_history
    where mode = 'incremental'
),

-- A window, a full read or a reconciliation beside the live sync says nothing about how
-- that stands. It counts where there is no live sync.
resource_syncs as (
    select sync_history.*
    from sync_history
    anti join live_resources
        on
            sync_history.connection_id = live_resources.connection_id
            and sync_history.container = live_resources.container
            and if(sync_history.mode = 'incremental', null, sync_history.resource)
            = live_resources.resource
),

container_syncs as (
    select sync_history.*
    from sync_history
    anti join live_resources
        on
            sync_history.connection_id = live_resources.connection_id
            and if(sync_history.mode = 'incremental', null, sync_history.container)
            = live_resources.container
),

-- Windows and reconciliations leave the live cursor where it was; a failed sync has not
-- moved it.
newest_cursors as (
    select
        connection_id,
        container,
        resource,
        max_by(cursor_after, (completed_at, sync_id)) filter (
            where
            mode not in ('window', 'reconcile')
            and status in ('completed', 'completed_with_errors')
            and cursor_after is not null
        ) as cursor,
        max_by(status, (completed_at, sync_id)) as last_status,
        max_by(is_complete, (completed_at, sync_id)) as is_complete,
        max(completed_at) filter (
            where status in ('completed', 'completed_with_errors')
        ) as last_succeeded_at
    from resource_syncs
    group by connection_id, container, resource
),

collect_resources as (
    select
        connection_id,
        container,
        map_from_entries(
            list(
                (
                    resource,
                    {
                        'cursor': cursor,
                        'last_status': last_status,
                        'is_complete': is_complete,
                        'last_succeeded_at': last_succeeded_at
                    }
                )
                order by resource
            )
        ) as resources
    from newest_cursors
    group by connection_id, container
),

collect_branches as (
    select
        connection_id,
        container,
        map_from_entries(list((branch_name, commit_sha) order by branch_name))
            as branches
    from branches
    where deleted_at is null and branch_name is not null
    group by connection_id, container
),

-- One status per sync: the worst of its resources.
sum_syncs as (
    select
        connection_id,
        source_type,
        container,
        sync_id,
        max(completed_at) as completed_at,
        case
            when bool_or(status = 'failed') then 'failed'
            when bool_or(status = 'interrupted') then 'interrupted'
            when bool_or(status = 'completed_with_errors') then 'completed_with_errors'
            else 'completed'
        end as status
    from container_syncs
    group by connection_id, source_type, container, sync_id
),

mark_successes as (
    select
        *,
        max(completed_at) filter (
            where status in ('completed', 'completed_with_errors')
        ) over (partition by connection_id, container) as last_succeeded_at
    from sum_syncs
),

sum_containers as (
    select
        connection_id,
        any_value(source_type) as source_type,
        container,
        max_by(sync_id, (completed_at, sync_id)) as last_sync_id,
        max_by(status, (completed_at, sync_id)) as last_status,
        count(*) filter (
            where completed_at > coalesce(last_succeeded_at, '-infinity')
        )::integer as consecutive_failure_count,
        max(completed_at) as last_synced_at,
        any_value(last_succeeded_at) as last_succeeded_at
    from mark_successes
    group by connection_id, container
),

describe_state as (
    select
        containers.connection_id,
        containers.last_sync_id,
        containers.source_type,
        containers.container,
        containers.last_status,
        to_json({
            'branches': coalesce(branches.branches, map()),
            'resources': resources.resources
        }) as state,
        containers.consecutive_failure_count,
        containers.last_synced_at,
        containers.last_succeeded_at
    from sum_containers as containers
    inner join collect_resources as resources using (connection_id, container)
    left join collect_branches as branches using (connection_id, container)
)

select * from describe_state
