with wiki_pages as (
    select * from {{ ref('stg_github__wiki_pages') }}
),

repositories as (
    select * from {{ ref('int_github__current_repositories') }}
),

-- A wiki shows a page at its name, whatever folder it is in and however it is written.
wiki_page_documents as (
    select
        wiki_pages.*,
        'wiki_page' as document_type,
        'github:wiki_page:' || wiki_pages.container || ':' || wiki_pages.external_id
            as document_id,
        wiki_pages.container || '.wiki:' || wiki_pages.external_id as source_id,
        repositories.repository_url || '/wiki/' || url_encode(
            regexp_extract(wiki_pages.external_id, '([^/]+?)(\.[^./]+)?$', 1)
        ) as url,
        wiki_pages.committed_at as source_updated_at,
        to_json({
            'path': wiki_pages.page_path,
            'format': wiki_pages.format,
            'sha': wiki_pages.blob_sha,
            'size': wiki_pages.size_bytes,
            'commit_sha': wiki_pages.commit_sha,
            'commit_message': wiki_pages.commit_message,
            'author_name': wiki_pages.author_name
        }) as source_metadata
    from wiki_pages
    left join repositories
        on
            wiki_pages.connection_id = repositories.connection_id
            and wiki_pages.container = repositories.container
)

select * from wiki_page_documents
