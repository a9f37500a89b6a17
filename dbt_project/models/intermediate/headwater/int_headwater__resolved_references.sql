-- A view forgets that a CTE is not to be materialized, so keys are named directly.
{% set reference_keys = ref('int_headwater__reference_keys') %}

with mentions as (
    select * from {{ ref('int_headwater__mentions') }}
    where mention_number > 0
),

stated_references as (
    select * from {{ ref('int_headwater__stated_references') }}
),

documents as (
    select * from {{ ref('int_headwater__documents') }}
),

issue_keys as (
    select * from {{ ref('int_linear__issue_keys') }}
),

teams as (
    select * from {{ ref('stg_linear__teams') }}
),

identities as (
    select * from {{ ref('int_headwater__contact_identities') }}
),

linear_users as (
    select * from {{ ref('stg_linear__users') }}
),

text_references as (
    select
        documents.connection_id,
        mentions.document_id as from_document_id,
        mentions.relation,
        if(mentions.relation = 'mentions', 'mention', 'graph') as category,
        if(mentions.relation = 'resolves', 'closing_keyword', mentions.method)
            as method,
        mentions.raw_reference,
        mentions.evidence,
        mentions.mention_number,
        if(
            regexp_matches(mentions.reference_key, '^[#@]'),
            'github:' || lower(documents.container) || mentions.reference_key,
            mentions.reference_key
        ) as reference_key
    from mentions
    inner join documents using (document_id, text_hash)
),

unite_references as (
    select * from stated_references
    union all by name
    select * from text_references
),

-- A short SHA means the one commit of the repository that begins with it.
commits as (
    select
        document_id,
        reference_key,
        left(reference_key, strpos(reference_key, '@') + 7) as short_key
    from {{ reference_keys }}
    where starts_with(document_id, 'github:commit:')
),

short_shas as (
    select distinct
        reference_key,
        left(reference_key, strpos(reference_key, '@') + 7) as short_key
    from unite_references
    where regexp_matches(reference_key, '^github:[^:@]+@[0-9a-f]{7,39}$')
),

unique_commits as (
    select
        short_shas.reference_key,
        min(commits.document_id) as document_id
    from short_shas
    inner join commits
        on
            short_shas.short_key = commits.short_key
            and starts_with(commits.reference_key, short_shas.reference_key)
    group by short_shas.reference_key
    having count(distinct commits.document_id) = 1
),

asked_keys as (
    select distinct
        reference_key,
        connection_id
    from unite_references
),

-- One key, two documents: the better claim counts, and one read through the same
-- connection before others. Where that leaves two, nobody can say which is meant.
claims as (
    select
        asked_keys.reference_key,
        asked_keys.connection_id,
        reference_keys.document_id,
        min(reference_keys.key_rank) as key_rank,
        rank() over (
            partition by asked_keys.reference_key, asked_keys.connection_id
            order by
                min(reference_keys.key_rank) asc,
                reference_keys.connection_id = asked_keys.connection_id desc,
                any_value(reference_keys.deleted_at) is null desc
        ) as claim_rank
    from asked_keys
    inner join {{ reference_keys }} as reference_keys using (reference_key)
    group by
        asked_keys.reference_key,
        asked_keys.connection_id,
        reference_keys.document_id,
        reference_keys.connection_id
),

clear_claims as (
    select
        reference_key,
        connection_id,
        min(document_id) as document_id,
        min(key_rank) as key_rank
    from claims
    where claim_rank = 1
    group by reference_key, connection_id
    having count(*) = 1
),

-- A login can change hands; one that did proves nothing. GitHub has each login once;
-- every workspace of Linear has names of its own, which its connections list; Notion
-- names people by their id.
handles as (
    select
        reference_key,
        connection_id,
        min(identity_id) as identity_id
    from (
        select
            source_type || ':@' || if(
                source_type = 'notion', split_part(identity_id, ':', 2), lower(handle)
            ) as reference_key,
            '' as connection_id,
            identity_id
        from identities
        where source_type != 'linear'
        union all by name
        select
            'linear:@' || lower(display_name) as reference_key,
            connection_id,
            'linear:' || external_id as identity_id
        from linear_users
    ) as names
    where reference_key is not null
    group by reference_key, connection_id
    having count(distinct identity_id) = 1
),

-- UTF-8 and SHA-256 look like issues: the teams that exist tell them apart.
team_keys as (
    select team_key from teams
    where team_key is not null
    union
    select regexp_extract(issue_key, '^([A-Z][A-Z0-9]*)-\d+$', 1)
    from issue_keys
),

resolve_references as (
    select
        found.*,
        coalesce(clear_claims.document_id, unique_commits.document_id)
            as to_document_id,
        handles.identity_id as to_identity_id,
        coalesce(clear_claims.key_rank = 2, false) as is_second_key,
        regexp_extract(found.reference_key, '^linear:([A-Z][A-Z0-9]*)-', 1) as team_key
    from unite_references as found
    left join clear_claims
        on
            found.reference_key = clear_claims.reference_key
            and found.connection_id = clear_claims.connection_id
    left join unique_commits on found.reference_key = unique_commits.reference_key
    left join handles
        on
            found.reference_key = handles.reference_key
            and if(
                starts_with(found.reference_key, 'linear:'), found.connection_id, ''
            ) = handles.connection_id
),

-- What only looks like a reference is none until something has that name.
drop_lookalikes as (
    select
        found.connection_id,
        found.from_document_id,
        found.to_document_id,
        found.to_identity_id,
        found.relation,
        found.category,
        if(
            found.method = 'linear_key' and found.is_second_key,
            'linear_former_key',
            found.method
        ) as method,
        found.reference_key,
        found.raw_reference,
        found.evidence,
        found.mention_number
    from resolve_references as found
    left join team_keys on found.team_key = team_keys.team_key
    where
        found.to_document_id is not null
        or case
            when found.method = 'commit_sha' then false
            when found.team_key = '' or contains(found.raw_reference, '/') then true
            else team_keys.team_key is not null
        end
)

select * from drop_lookalikes
