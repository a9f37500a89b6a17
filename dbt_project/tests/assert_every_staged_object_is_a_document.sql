-- Integrity of staging against the mart: what staging holds is never lost on the way.
with staged as (
    {% for source_type, document_type, model in [
        ('github', 'comment', 'stg_github__issue_comments'),
        ('github', 'review', 'stg_github__reviews'),
        ('github', 'review_comment', 'stg_github__review_comments'),
        ('github', 'pull_request', 'stg_github__pull_requests'),
        ('github', 'discussion', 'stg_github__discussions'),
        ('github', 'comment', 'stg_github__discussion_comments'),
        ('github', 'release', 'stg_github__releases'),
        ('linear', 'issue', 'stg_linear__issues'),
        ('linear', 'comment', 'stg_linear__comments'),
        ('linear', 'project', 'stg_linear__projects'),
        ('linear', 'project_update', 'stg_linear__project_updates'),
        ('linear', 'initiative', 'stg_linear__initiatives'),
        ('linear', 'initiative_update', 'stg_linear__initiative_updates'),
        ('linear', 'document', 'stg_linear__documents'),
        ('notion', 'page', 'stg_notion__pages'),
        ('notion', 'data_source', 'stg_notion__data_sources'),
        ('notion', 'comment', 'stg_notion__comments'),
    ] %}
        select '{{ source_type }}:{{ document_type }}:' || external_id as document_id
        from {{ ref(model) }}
        union all
    {% endfor %}
    select 'github:commit:' || container || '@' || external_id as document_id
    from {{ ref('stg_github__commits') }}
    union all
    select 'github:file:' || container || '@' || external_id as document_id
    from {{ ref('stg_github__files') }}
    union all
    select 'github:wiki_page:' || container || ':' || external_id as document_id
    from {{ ref('stg_github__wiki_pages') }}
    union all
    select
        'github:' || if(is_pull_request, 'pull_request', 'issue') || ':' || external_id
            as document_id
    from {{ ref('stg_github__issues') }}
),

documents as (
    select * from {{ ref('documents') }}
)

select staged.* from staged anti join documents using (document_id)
