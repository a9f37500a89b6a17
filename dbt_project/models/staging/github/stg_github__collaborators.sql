{{ config(materialized='table') }}

{#-
A row is an object of GraphQL, or of REST for what GraphQL does not show. GraphQL names the
highest permission; an organization's own role is among what gives it.
-#}
{% set shape = {
    'login': 'VARCHAR', 'id': 'VARCHAR', 'node_id': 'VARCHAR',
    '__typename': 'VARCHAR', 'type': 'VARCHAR', 'url': 'VARCHAR', 'html_url': 'VARCHAR',
    'permission': 'VARCHAR', 'permissionSources': [{'roleName': 'VARCHAR'}],
    'role_name': 'VARCHAR', 'permissions': {
        'pull': 'BOOLEAN', 'triage': 'BOOLEAN', 'push': 'BOOLEAN',
        'maintain': 'BOOLEAN', 'admin': 'BOOLEAN'
    },
} %}

with listing as (
    {{
        newest_listing(
            'raw_github', 'collaborators', shape, ['connection_id', 'container', 'external_id']
        )
    }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_account('record', 'person') }},
        coalesce(record.html_url, record.url) as person_url,
        case
            when record.permission is null then record.role_name
            when record.permission = 'ADMIN' then 'admin'
            else coalesce(
                list_filter(
                    [source.roleName for source in record.permissionSources],
                    lambda role: role not in (
                        'read', 'triage', 'write', 'maintain', 'admin'
                    )
                )[1],
                lower(record.permission)
            )
        end as role_name,
        coalesce(
            record.permission in ('READ', 'TRIAGE', 'WRITE', 'MAINTAIN', 'ADMIN'),
            record.permissions.pull,
            false
        ) as is_reader,
        coalesce(
            record.permission in ('TRIAGE', 'WRITE', 'MAINTAIN', 'ADMIN'),
            record.permissions.triage,
            false
        ) as is_triager,
        coalesce(
            record.permission in ('WRITE', 'MAINTAIN', 'ADMIN'),
            record.permissions.push,
            false
        ) as is_writer,
        coalesce(
            record.permission in ('MAINTAIN', 'ADMIN'),
            record.permissions.maintain,
            false
        ) as is_maintainer,
        coalesce(
            record.permission in ('ADMIN'),
            record.permissions.admin,
            false
        ) as is_admin,
        {{ envelope_times() }}
    from listing
)

select * from renamed
