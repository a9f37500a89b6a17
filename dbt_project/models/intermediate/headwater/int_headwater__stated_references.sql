-- What the sources say themselves, outside of texts or beside them; what a document
-- belongs to is a column of the document. A view forgets that a CTE is not to be
-- materialized, so documents are named directly.
{% set documents = ref('int_headwater__documents') %}

with pull_request_details as (
    select * from {{ ref('stg_github__pull_request_details') }}
),

deployments as (
    select * from {{ ref('stg_github__deployments') }}
),

issue_relations as (
    select * from {{ ref('stg_linear__issue_relations') }}
),

attachments as (
    select * from {{ ref('stg_linear__attachments') }}
),

page_properties as (
    select * from {{ ref('stg_notion__page_properties') }}
),

rendered_texts as (
    select * from {{ ref('int_notion__rendered_texts') }}
),

closed_issues as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        'resolves' as relation,
        'graph' as category,
        'api_reference' as method,
        'github:' || lower(details.issue_key) as reference_key,
        details.issue_key as raw_reference,
        'closingIssuesReferences' as evidence
    from (
        select
            external_id,
            unnest(list_distinct(closing_issue_keys)) as issue_key
        from pull_request_details
        where deleted_at is null
        qualify row_number() over (
            partition by external_id order by occurred_at desc, connection_id asc
        ) = 1
    ) as details
    inner join {{ documents }} as documents
        on documents.document_id = 'github:pull_request:' || details.external_id
),

merge_commits as (
    select
        connection_id,
        document_id as from_document_id,
        'merged_as' as relation,
        'graph' as category,
        'api_reference' as method,
        'github:' || lower(container) || '@'
        || (source_metadata ->> '$.merge_commit_sha') as reference_key,
        source_metadata ->> '$.merge_commit_sha' as raw_reference,
        'merge_commit_sha' as evidence
    from {{ documents }}
    -- Before the merge GitHub names a commit that only tries it out.
    where document_type = 'pull_request' and state = 'merged'
),

answers as (
    select
        connection_id,
        document_id as from_document_id,
        'answered_by' as relation,
        'graph' as category,
        'api_reference' as method,
        source_metadata ->> '$.answer_document_id' as reference_key,
        source_metadata ->> '$.answer_document_id' as raw_reference,
        'answer' as evidence
    from {{ documents }}
    where document_type = 'discussion'
),

-- A deployment is no document: it is named, and stays without one.
deployed_commits as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        'deployed_by' as relation,
        'temporal' as category,
        'deployment' as method,
        'github:' || lower(deployments.container) || '/deployments/'
        || deployments.deployment_number as reference_key,
        deployments.container || '/deployments/' || deployments.deployment_number
            as raw_reference,
        deployments.environment as evidence
    from deployments
    inner join {{ documents }} as documents
        on
            documents.document_id
            = 'github:commit:' || deployments.container || '@' || deployments.commit_sha
    where deployments.deleted_at is null
),

related_issues as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        case relations.relation_type
            when 'blocks' then 'blocks'
            when 'duplicate' then 'duplicates'
            when 'similar' then 'similar_to'
            else 'relates_to'
        end as relation,
        'graph' as category,
        'api_reference' as method,
        'linear:issue:' || relations.related_issue_id as reference_key,
        coalesce(relations.related_issue_identifier, relations.related_issue_id)
            as raw_reference,
        relations.relation_type as evidence
    from issue_relations as relations
    inner join {{ documents }} as documents
        on documents.document_id = 'linear:issue:' || relations.issue_id
    where relations.deleted_at is null and relations.archived_at is null
),

-- What is attached may lie anywhere; pages of the sources are known by their address.
attached_pages as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        'attachment' as relation,
        'graph' as category,
        'api_reference' as method,
        coalesce(
            {{ source_url_key('attachments.attachment_url') }},
            'url:' || attachments.attachment_url
        ) as reference_key,
        attachments.attachment_url as raw_reference,
        attachments.title as evidence
    from attachments
    inner join {{ documents }} as documents
        on documents.document_id = 'linear:issue:' || attachments.issue_id
    where attachments.deleted_at is null
),

related_pages as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        'relates_to' as relation,
        'graph' as category,
        'api_reference' as method,
        'notion:' || replace(properties.page_id, '-', '') as reference_key,
        properties.page_id as raw_reference,
        properties.property_name as evidence
    from (
        select
            connection_id,
            external_id,
            property_name,
            unnest(value_json ->> '$[*]') as page_id
        from page_properties
        where property_type = 'relation'
    ) as properties
    inner join {{ documents }} as documents
        on
            'notion:page:' || properties.external_id = documents.document_id
            and properties.connection_id = documents.connection_id
),

-- The text shows a name; whose it is, Notion says beside.
named_people as (
    select
        documents.connection_id,
        documents.document_id as from_document_id,
        'mentions' as relation,
        'mention' as category,
        'notion_user_mention' as method,
        'notion:@' || mentions.person.user_id as reference_key,
        mentions.person.shown as raw_reference,
        mentions.person.evidence as evidence
    from (
        select
            connection_id,
            if(resource = 'comments', 'notion:comment:', 'notion:page:') || external_id
                as document_id,
            unnest(user_mentions) as person
        from rendered_texts
    ) as mentions
    inner join {{ documents }} as documents using (document_id, connection_id)
),

unite_references as (
    select * from closed_issues
    union all by name
    select * from merge_commits
    union all by name
    select * from answers
    union all by name
    select * from deployed_commits
    union all by name
    select * from related_issues
    union all by name
    select * from attached_pages
    union all by name
    select * from related_pages
    union all by name
    select * from named_people
),

-- Two connections may read the same statement, two addresses may show the same page.
choose_statements as (
    select *
    from unite_references
    where reference_key is not null
    qualify row_number() over (
        partition by from_document_id, relation, reference_key
        order by raw_reference asc, evidence asc nulls last
    ) = 1
)

select * from choose_statements
