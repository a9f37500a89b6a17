-- An override that names nobody may be early, so it only warns; as does a split that
-- leaves the two together, because something else joins them as well.
{{ config(severity='warn') }}

with overrides as (
    select * from {{ ref('int_headwater__contact_overrides') }}
),

members as (
    select * from {{ ref('int_headwater__contact_members') }}
)

select
    overrides.action,
    overrides.identity_name,
    overrides.other_name,
    if(
        overrides.identity_id is null or overrides.other_identity_id is null,
        'names an unknown identity',
        'something else still joins the two'
    ) as reason
from overrides
left join members on overrides.identity_id = members.identity_id
left join members as others on overrides.other_identity_id = others.identity_id
where
    overrides.identity_id is null
    or overrides.other_identity_id is null
    or (
        overrides.action = 'split'
        and overrides.identity_id != overrides.other_identity_id
        and members.contact_id = others.contact_id
    )
