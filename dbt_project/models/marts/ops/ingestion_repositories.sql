with sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

repositories as (
    select * from {{ ref('stg_github__repositories') }}
),

sync_state as (
    select * from {{ ref('sync_state') }}
),

list_repositories as (
    select
        connection_id,
        is_enabled,
        observed_at,
        unnest(containers) as entry
    from sources
),

read_settings as (
    select
        connection_id,
        entry.container as repository,
        is_enabled,
        observed_at,
        json_transform(
            entry.settings,
            '{{ {
                "branches": ["VARCHAR"], "content_types": ["VARCHAR"],
                "code_filters": {
                    "include_paths": ["VARCHAR"], "exclude_paths": ["VARCHAR"],
                    "max_file_size_bytes": "BIGINT"
                }
            } | tojson }}'
        ) as settings
    from list_repositories
    where entry.kind = 'repository'
),

describe_repositories as (
    select
        settings.connection_id,
        settings.repository,
        repositories.default_branch,
        repositories.repository_url,
        sync_state.last_status,
        settings.settings.branches as branches,
        settings.settings.content_types as content_types,
        settings.settings.code_filters.include_paths as include_paths,
        settings.settings.code_filters.exclude_paths as exclude_paths,
        settings.settings.code_filters.max_file_size_bytes as max_file_size_bytes,
        settings.is_enabled,
        repositories.is_private,
        repositories.is_archived,
        sync_state.last_synced_at,
        sync_state.last_succeeded_at,
        settings.observed_at
    from read_settings as settings
    left join repositories
        on
            settings.connection_id = repositories.connection_id
            and settings.repository = repositories.container
            and repositories.deleted_at is null
    left join sync_state
        on
            settings.connection_id = sync_state.connection_id
            and settings.repository = sync_state.container
    qualify row_number() over (
        partition by settings.connection_id, settings.repository
        order by repositories.last_seen_at desc nulls last, repositories.external_id asc
    ) = 1
)

select * from describe_repositories
