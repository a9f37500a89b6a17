{{ config(materialized='table') }}

{#- The linter does not know the clause: it reads the query without. -#}
{% set keyed = ' using key (node_id)' if this.identifier != 'this_model' else '' %}

with recursive identities as (
    select * from {{ ref('int_headwater__contact_identities') }}
),

links as (
    select * from {{ ref('int_headwater__contact_links') }}
),

steps as (
    select
        from_id,
        to_id,
        rule,
        evidence
    from links
    union all
    select
        to_id as from_id,
        from_id as to_id,
        rule,
        evidence
    from links
),

-- The smallest key founds the contact: an account rather than a signature's address. An
-- address that links (last) never does, since whoever holds it is smaller.
nodes as (
    select
        identity_id as node_id,
        if(is_address, '2:', '1:') || identity_id as node_key
    from identities
    union all
    select distinct
        to_id as node_id,
        '3:' || to_id as node_key
    from links
    where starts_with(to_id, 'address:')
),

-- Every node learns from its neighbours of the smallest founder and of the shortest way
-- to it. One row per node is kept and only what got better goes on, so cycles end by
-- themselves.
reach (node_id, founder_key, distance){{ keyed }} as (
    select
        node_id,
        node_key as founder_key,
        0::bigint as distance
    from nodes
    union
    select
        steps.to_id as node_id,
        min_by(reach.founder_key, (reach.founder_key, reach.distance)) as founder_key,
        min_by(reach.distance, (reach.founder_key, reach.distance)) + 1 as distance
    from reach
    inner join steps on reach.node_id = steps.from_id
    inner join recurring.reach as known on steps.to_id = known.node_id
    where
        reach.founder_key < known.founder_key
        or (
            reach.founder_key = known.founder_key
            and reach.distance + 1 < known.distance
        )
    group by steps.to_id
),

-- The last step of that way, from whichever neighbour is nearest to the founder, is
-- what joins an identity to its contact.
last_steps as (
    select
        steps.to_id as node_id,
        min_by(
            { 'rule': steps.rule, 'evidence': steps.evidence },
            (
                reach.distance,
                list_position(
                    [
                        'seed', 'linked_account', 'linear_github_account',
                        'verified_email', 'github_noreply'
                    ],
                    steps.rule
                ),
                steps.evidence,
                steps.from_id
            )
        ) as step
    from steps
    inner join reach on steps.from_id = reach.node_id
    group by steps.to_id
),

describe_members as (
    select
        identities.identity_id,
        substr(reach.founder_key, 3) as founder_identity_id,
        left(sha256(substr(reach.founder_key, 3)), 32) as contact_id,
        if(reach.distance = 0, 'own', last_steps.step.rule) as rule,
        if(reach.distance = 0, null, last_steps.step.evidence) as evidence
    from identities
    inner join reach on identities.identity_id = reach.node_id
    left join last_steps on identities.identity_id = last_steps.node_id
)

select * from describe_members
