with contact_identities as (
    select * from {{ ref('contact_identities') }}
),

-- Names and addresses that a directory vouches for come before those that anybody may
-- sign a commit with.
rank_identities as (
    select
        *,
        (
            starts_with(identity_id, 'email:'), source_type = 'github', identity_id
        ) as name_rank,
        (
            ends_with(email, '@users.noreply.github.com'),
            starts_with(identity_id, 'email:') and rule = 'own',
            source_type = 'github',
            starts_with(identity_id, 'email:'),
            identity_id
        ) as email_rank
    from contact_identities
),

describe_contacts as (
    select
        contact_id,
        coalesce(
            min_by(display_name, name_rank),
            min_by(handle, name_rank),
            min_by(email, email_rank),
            min(identity_id)
        ) as display_name,
        min_by(email, email_rank) as primary_email,
        list_sort(list(distinct source_type)) as source_types,
        count(*) as identity_count,
        bool_and(is_bot) as is_bot,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from rank_identities
    group by contact_id
)

select * from describe_contacts
