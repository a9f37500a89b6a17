{{ config(materialized='view') }}

{% set shape = {
    'name': 'VARCHAR', 'type': 'VARCHAR', 'place': 'VARCHAR', 'url': 'VARCHAR',
    'host': 'VARCHAR', 'path': 'VARCHAR', 'caption': 'VARCHAR', 'category': 'VARCHAR',
    'page_id': 'VARCHAR', 'block_id': 'VARCHAR', 'block_type': 'VARCHAR',
    'property_id': 'VARCHAR', 'property_name': 'VARCHAR', 'comment_id': 'VARCHAR',
    'database_id': 'VARCHAR', 'data_source_id': 'VARCHAR',
    'last_edited_time': 'TIMESTAMPTZ',
} %}

{% set tables = ['pages', 'page_contents', 'databases', 'data_sources', 'comments'] %}

with events as (
    {{ newest_events('raw_notion', 'files', shape) }}
),

-- What was read last of each holder: a file that it does not name any more is removed.
holders as (
    {%- for table in tables %}
        select
            connection_id,
            external_id as holder_id,
            '{{ table }}' as resource,
            max_by(payload, (occurred_at, observed_at, event_id)) as holder,
            max(observed_at) as read_at
        from {{ raw_rows('raw_notion', table) }}
        where operation = 'upsert'
        group by connection_id, external_id
        {{ 'union all by name' if not loop.last }}
    {%- endfor %}
),

renamed as (
    select
        {{ envelope_ids() }},
        record.name as file_name,
        record.type as file_type,
        record.place as place,
        record.url as url,
        record.host as host,
        record.path as path,
        record.caption as caption,
        coalesce(record.category, record.block_type) as media_type,
        record.page_id as page_id,
        record.block_id as block_id,
        record.property_id as property_id,
        record.property_name as property_name,
        record.comment_id as comment_id,
        record.database_id as database_id,
        record.data_source_id as data_source_id,
        record.last_edited_time as source_updated_at,
        {{ envelope_times() }}
    from events
),

find_removed as (
    select
        files.*,
        case
            when files.url is null then null
            when not contains(holders.holder, files.url) then holders.read_at
            when
                files.comment_id is null and files.block_id is not null
                and not contains(holders.holder, files.block_id)
                then holders.read_at
        end as removed_at
    from renamed as files
    left join holders
        on
            files.connection_id = holders.connection_id
            and holders.resource = case
                when files.comment_id is not null then 'comments'
                when files.block_id is not null then 'page_contents'
                when files.page_id is not null then 'pages'
                when files.data_source_id is not null then 'data_sources'
                else 'databases'
            end
            and holders.holder_id = coalesce(
                files.comment_id, files.page_id, files.data_source_id, files.database_id
            )
)

select * from find_removed
