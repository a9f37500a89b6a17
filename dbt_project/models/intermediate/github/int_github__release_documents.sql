with releases as (
    select * from {{ ref('stg_github__releases') }}
),

release_documents as (
    select
        *,
        'release' as document_type,
        'github:release:' || external_id as document_id,
        container || '/releases/' || tag_name as source_id,
        coalesce(nullif(release_name, ''), tag_name) as title,
        release_url as url,
        is_draft as is_unsent,
        if(is_draft, 'draft', 'published') as state,
        to_json({
            'tag_name': tag_name,
            'target_name': target_name,
            'author_login': author_login,
            'is_prerelease': is_prerelease,
            'assets': asset_names,
            'asset_size_bytes': asset_size_bytes,
            'published_at': published_at
        }) as source_metadata
    from releases
)

select * from release_documents
