-- What has to be rendered to Markdown, as lists of blocks: a comment is one paragraph,
-- and what a page's properties say is one each. A page has a row though they say
-- nothing, so that what they said before goes.
with page_contents as (
    select * from {{ ref('stg_notion__page_contents') }}
),

comments as (
    select * from {{ ref('stg_notion__comments') }}
),

pages as (
    select * from {{ ref('stg_notion__pages') }}
),

-- The title is a text of its own; what it mentions is only found here.
speaking_properties as (
    select
        connection_id,
        external_id,
        property_name,
        case
            when property_type = 'url'
                then [to_json({
                    'type': 'text',
                    'plain_text': value_json ->> '$',
                    'href': value_json ->> '$'
                })]
            else rich_text_json::json[]
        end as rich_text
    from {{ ref('stg_notion__page_properties') }}
    where
        (property_type = 'url' and json_type(value_json) = 'VARCHAR')
        or (property_type = 'rich_text' and json_array_length(rich_text_json) > 0)
        or (
            property_type = 'title'
            and list_contains(rich_text_json ->> '$[*].type', 'mention')
        )
),

list_properties as (
    select
        connection_id,
        external_id,
        to_json(
            list(
                {
                    'type': 'paragraph',
                    'paragraph': {
                        'rich_text': [to_json({
                            'type': 'text', 'plain_text': property_name || ': '
                        })] || rich_text
                    }
                }
                order by property_name
            )
        ) as blocks_json
    from speaking_properties
    group by connection_id, external_id
),

unite_texts as (
    select
        connection_id,
        external_id,
        event_id,
        _dlt_load_id,
        container,
        'page_contents' as resource,
        blocks_json,
        notion_markdown,
        first_seen_at
    from page_contents
    union all by name
    select
        connection_id,
        external_id,
        event_id,
        _dlt_load_id,
        container,
        'comments' as resource,
        to_json([
            { 'type': 'paragraph', 'paragraph': { 'rich_text': rich_text_json } }
        ]) as blocks_json,
        first_seen_at
    from comments
    union all by name
    select
        pages.connection_id,
        pages.external_id,
        pages.event_id,
        pages._dlt_load_id,
        pages.container,
        'pages' as resource,
        coalesce(list_properties.blocks_json, '[]'::json) as blocks_json,
        pages.first_seen_at
    from pages
    left join list_properties
        on
            pages.connection_id = list_properties.connection_id
            and pages.external_id = list_properties.external_id
)

select * from unite_texts
