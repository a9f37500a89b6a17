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
        connection_id,
        external_id,
        event_id,
        _dlt_load_id,
        container,
        'pages' as resource,
        to_json({{ notion_property_blocks('properties_json') }}) as blocks_json,
        first_seen_at
    from pages
)

select * from unite_texts
