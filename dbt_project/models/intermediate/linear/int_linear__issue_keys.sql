with issues as (
    select * from {{ ref('stg_linear__issues') }}
),

list_keys as (
    select
        connection_id,
        external_id,
        identifier as issue_key,
        true as is_current,
        source_updated_at
    from issues
    where identifier is not null
    union all by name
    select
        connection_id,
        external_id,
        unnest(previous_identifiers) as issue_key,
        false as is_current,
        source_updated_at
    from issues
),

-- Two issues have had the same key where a team's key was given away and taken again:
-- whoever has it now goes first.
choose_issues as (
    select
        connection_id,
        issue_key,
        is_current,
        external_id as issue_id,
        'linear:issue:' || external_id as document_id
    from list_keys
    qualify row_number() over (
        partition by connection_id, issue_key
        order by is_current desc, source_updated_at desc, external_id asc
    ) = 1
)

select * from choose_issues
