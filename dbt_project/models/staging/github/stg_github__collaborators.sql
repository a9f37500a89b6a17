{{ config(materialized='table') }}

{% set shape = {
    'login': 'VARCHAR', 'node_id': 'VARCHAR', 'type': 'VARCHAR', 'html_url': 'VARCHAR',
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
        {{ github_person('record', 'person') }},
        record.html_url as person_url,
        record.role_name as role_name,
        coalesce(record.permissions.pull, false) as is_reader,
        coalesce(record.permissions.triage, false) as is_triager,
        coalesce(record.permissions.push, false) as is_writer,
        coalesce(record.permissions.maintain, false) as is_maintainer,
        coalesce(record.permissions.admin, false) as is_admin,
        {{ envelope_times() }}
    from listing
)

select * from renamed
