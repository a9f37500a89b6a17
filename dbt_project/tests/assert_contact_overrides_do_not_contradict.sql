with overrides as (
    select * from {{ ref('int_headwater__contact_overrides') }}
)

select
    least(identity_id, other_identity_id) as identity_id,
    greatest(identity_id, other_identity_id) as other_identity_id
from overrides
where identity_id is not null and other_identity_id is not null
group by all
having count(distinct action) > 1
