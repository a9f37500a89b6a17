{{ config(materialized='table') }}

{% set user = {'node_id': 'VARCHAR', 'login': 'VARCHAR', 'type': 'VARCHAR'} %}
{% set shape = {
    'id': 'BIGINT', 'tag_name': 'VARCHAR', 'target_commitish': 'VARCHAR',
    'name': 'VARCHAR', 'body': 'VARCHAR', 'html_url': 'VARCHAR', 'draft': 'BOOLEAN',
    'prerelease': 'BOOLEAN', 'author': user, 'assets': [{
        'name': 'VARCHAR', 'content_type': 'VARCHAR', 'size': 'BIGINT',
        'download_count': 'BIGINT', 'browser_download_url': 'VARCHAR'
    }], 'created_at': 'TIMESTAMPTZ', 'published_at': 'TIMESTAMPTZ',
    'updated_at': 'TIMESTAMPTZ',
} %}

with listing as (
    {{ newest_listing('raw_github', 'releases', shape) }}
),

renamed as (
    select
        {{ envelope_ids() }},
        {{ github_person('record.author', 'author') }},
        record.tag_name as tag_name,
        record.target_commitish as target_name,
        record.name as release_name,
        record.body as body,
        record.html_url as release_url,
        case
            when record.draft then 'draft'
            when record.prerelease then 'prerelease'
            else 'release'
        end as source_state,
        [asset.name for asset in record.assets] as asset_names,
        record.id as release_number,
        list_sum([asset.size for asset in record.assets])::bigint as asset_size_bytes,
        coalesce(record.draft, false) as is_draft,
        coalesce(record.prerelease, false) as is_prerelease,
        record.created_at as source_created_at,
        record.updated_at as source_updated_at,
        record.published_at as published_at,
        {{ envelope_times() }}
    from listing
)

select * from renamed
