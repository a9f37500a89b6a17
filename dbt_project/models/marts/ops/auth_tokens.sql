with sync_events as (
    select * from {{ ref('stg_headwater__sync_events') }}
),

sources as (
    select * from {{ ref('stg_headwater__sources') }}
),

used_tokens as (
    select
        connection_id,
        sync_id,
        occurred_at,
        unnest(
            json_transform(
                details -> '$.tokens',
                '[{"token_type": "VARCHAR", "fingerprint": "VARCHAR"}]'
            )
        ) as token
    from sync_events
    where event = 'started'
),

-- A later answer may tell a later end: a token can be prolonged.
told_expiries as (
    select
        connection_id,
        occurred_at,
        unnest(
            map_entries(
                from_json(details -> '$.token_expiries', '"MAP(VARCHAR, VARCHAR)"')
            )
        ) as expiry
    from sync_events
    where event = 'extracted'
),

read_expiries as (
    select
        connection_id,
        expiry.key as fingerprint,
        -- GitHub says `2026-12-19 08:00:00 UTC` or `2026-12-19 00:00:00 -0800`.
        max_by(
            try_cast(
                regexp_replace(expiry.value, ' ([+-]\d\d)(\d\d)$', '\1:\2')
                as timestamptz
            ),
            (occurred_at, expiry.value)
        ) as expires_at
    from told_expiries
    group by connection_id, expiry.key
),

sum_uses as (
    select
        connection_id,
        token.fingerprint as fingerprint,
        max_by(token.token_type, (occurred_at, sync_id)) as token_type,
        max_by(sync_id, (occurred_at, sync_id)) as last_sync_id,
        min(occurred_at) as first_used_at,
        max(occurred_at) as observed_at
    from used_tokens
    group by connection_id, token.fingerprint
),

find_newest as (
    select
        connection_id,
        max_by(sync_id, (occurred_at, sync_id)) as last_sync_id
    from used_tokens
    group by connection_id
),

describe_tokens as (
    select
        tokens.connection_id,
        tokens.fingerprint,
        sources.source_type,
        sources.secret_name,
        tokens.token_type,
        coalesce(newest.last_sync_id is not null, false) as is_current,
        tokens.first_used_at,
        tokens.observed_at,
        expiries.expires_at
    from sum_uses as tokens
    left join sources on tokens.connection_id = sources.connection_id
    left join find_newest as newest
        on
            tokens.connection_id = newest.connection_id
            and tokens.last_sync_id = newest.last_sync_id
    left join read_expiries as expiries
        on
            tokens.connection_id = expiries.connection_id
            and tokens.fingerprint = expiries.fingerprint
)

select * from describe_tokens
