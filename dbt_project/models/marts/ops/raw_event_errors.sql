{#- Rows of staging that lack what they are of no use without, and what that is. -#}
{% set unreadable_fields = [
    ('github', 'issue_events', 'staged.event is null', "'name'"),
    ('github', 'branches', 'staged.branch_name is null', "'name'"),
    (
        'notion', 'pages', 'len(staged.unreadable_properties) > 0',
        "'value of ' || array_to_string(staged.unreadable_properties, ', ')"
    ),
] %}

with dead_letters as (
    select * from {{ ref('stg_headwater__dead_letters') }}
),

error_events as (
    select * from {{ ref('stg_headwater__error_events') }}
),

sync_events as (
    select * from {{ ref('stg_headwater__sync_events') }}
),

load_checks as (
    select * from {{ ref('int_headwater__load_checks') }}
),

rendered_texts as (
    select * from {{ ref('int_notion__rendered_texts') }}
),

block_texts as (
    select * from {{ ref('int_notion__block_texts') }}
),

dead_letter_errors as (
    select
        dead_letter_id as raw_event_error_id,
        max_by(sync_id, (occurred_at, dead_letter_event_id)) as sync_id,
        any_value(connection_id) as connection_id,
        any_value(external_id) as external_id,
        null::varchar as event_id,
        any_value(source_type) as source_type,
        any_value(container) as container,
        any_value(resource) as resource,
        any_value(stage) as stage,
        max_by(error_code, (occurred_at, dead_letter_event_id)) as error_code,
        max_by(error_message, (occurred_at, dead_letter_event_id)) as error_message,
        max_by(payload, (occurred_at, dead_letter_event_id)) as payload,
        count(*)::integer as attempt_count,
        min(occurred_at) as first_failed_at,
        max(occurred_at) as last_failed_at
    from dead_letters
    group by dead_letter_id
),

unreadable_payloads as (
    select
        'normalize:' || source_type || ':' || unreadable.resource || ':'
        || unreadable.event_id as raw_event_error_id,
        unreadable.sync_id as sync_id,
        unreadable.connection_id as connection_id,
        unreadable.external_id as external_id,
        unreadable.event_id as event_id,
        source_type,
        unreadable.container as container,
        unreadable.resource as resource,
        'normalize' as stage,
        'unreadable_payload' as error_code,
        source_type || '.' || unreadable.resource || ': the payload of '
        || unreadable.external_id
        || ' is not a JSON object; expected what the API documents;'
        || ' fetch the object again with a full sync' as error_message,
        unreadable.payload as payload,
        1 as attempt_count,
        unreadable.observed_at as first_failed_at,
        unreadable.observed_at as last_failed_at
    from (
        select
            source_type,
            unnest(unreadable_events) as unreadable
        from load_checks
    ) as checks
    -- The same event may have been loaded twice before the table's key saw it.
    qualify row_number() over (
        partition by raw_event_error_id order by unreadable.observed_at asc
    ) = 1
),

unrendered_texts as (
    select
        -- A page can have properties that are not readable, too.
        'normalize:notion:'
        || if(rendered_texts.resource = 'pages', 'page_texts', rendered_texts.resource)
        || ':' || rendered_texts.event_id as raw_event_error_id,
        null::varchar as sync_id,
        rendered_texts.connection_id,
        rendered_texts.external_id,
        rendered_texts.event_id,
        'notion' as source_type,
        rendered_texts.container,
        rendered_texts.resource,
        'normalize' as stage,
        rendered_texts.error_code,
        'notion.' || rendered_texts.resource || ': the text of '
        || rendered_texts.external_id || ' cannot be rendered ('
        || rendered_texts.error_message
        || '); expected the documented shapes; fix the renderer, then rebuild'
        || ' int_notion__rendered_texts' as error_message,
        block_texts.blocks_json::varchar as payload,
        1 as attempt_count,
        block_texts.first_seen_at as first_failed_at,
        block_texts.first_seen_at as last_failed_at
    from rendered_texts
    inner join block_texts using (connection_id, resource, external_id, event_id)
    where rendered_texts.error_code is not null
),

unreadable_fields as (
    {%- for source_type, resource, condition, field in unreadable_fields %}
        select
            'normalize:{{ source_type }}:{{ resource }}:' || staged.event_id
                as raw_event_error_id,
            raw.sync_id,
            staged.connection_id,
            staged.external_id,
            staged.event_id,
            '{{ source_type }}' as source_type,
            staged.container,
            '{{ resource }}' as resource,
            'normalize' as stage,
            'unreadable_field' as error_code,
            '{{ source_type }}.{{ resource }}: ' || staged.external_id
            || ' has no readable ' || {{ field }}
            || '; expected what the API documents; fetch it again with a full sync'
                as error_message,
            raw.payload,
            1 as attempt_count,
            staged.first_seen_at as first_failed_at,
            staged.first_seen_at as last_failed_at
        from {{ ref('stg_' ~ source_type ~ '__' ~ resource) }} as staged
        inner join {{ raw_rows('raw_' ~ source_type, resource) }} as raw
            on
                staged.event_id = raw.event_id
                and staged._dlt_load_id = raw._dlt_load_id
        where {{ condition }}
        {{ 'union all by name' if not loop.last }}
    {%- endfor %}
),

-- A package that could not be committed waits, and is tried again under the same sync.
failed_loads as (
    select
        'load:' || sync_id as raw_event_error_id,
        sync_id,
        any_value(connection_id) as connection_id,
        any_value(source_type) as source_type,
        any_value(container) as container,
        '*' as resource,
        'load' as stage,
        max_by(details ->> '$.error_code', (occurred_at, ledger_event_id)) filter (
            where event = 'failed'
        ) as error_code,
        max_by(details ->> '$.error_message', (occurred_at, ledger_event_id)) filter (
            where event = 'failed'
        ) as error_message,
        count(*) filter (where event = 'failed')::integer as attempt_count,
        min(occurred_at) filter (where event = 'failed') as first_failed_at,
        max(occurred_at) filter (where event = 'failed') as last_failed_at,
        max(occurred_at) filter (where event in ('loaded', 'interrupted'))
            as ended_at
    from sync_events
    group by sync_id
    having
        count(*) filter (
            where event = 'failed' and (details ->> '$.stage') = 'load'
        ) > 0
),

unite_errors as (
    select * from dead_letter_errors
    union all by name
    select * from unreadable_payloads
    union all by name
    select * from unrendered_texts
    union all by name
    select * from unreadable_fields
    union all by name
    select * from failed_loads
),

sum_events as (
    select
        error_id,
        count(*) filter (where action = 'replay')::integer as replay_count,
        count(*) filter (where outcome = 'failed')::integer as failed_replay_count,
        max(occurred_at) filter (where outcome = 'dismissed') as dismissed_at,
        max(occurred_at) filter (where outcome = 'resolved') as replayed_at,
        max_by(reason, (occurred_at, error_event_id)) as reason
    from error_events
    group by error_id
),

-- Whatever was dismissed stays so; what was resolved is open again when it fails again.
settle_errors as (
    select
        errors.*,
        coalesce(events.replay_count, 0) as replay_count,
        coalesce(events.failed_replay_count, 0) as failed_replay_count,
        case
            when events.dismissed_at is not null then 'dismissed'
            when
                events.replayed_at > errors.last_failed_at
                or errors.ended_at > errors.last_failed_at
                then 'resolved'
            else 'open'
        end as status,
        case status
            when 'dismissed' then events.dismissed_at
            when 'resolved'
                then coalesce(errors.ended_at, events.replayed_at)
        end as resolved_at,
        if(status = 'open', null, events.reason) as resolution_reason
    from unite_errors as errors
    left join sum_events as events on errors.raw_event_error_id = events.error_id
),

describe_errors as (
    select
        raw_event_error_id,
        sync_id,
        connection_id,
        external_id,
        event_id,
        source_type,
        container,
        resource,
        stage,
        status,
        error_code,
        error_message,
        resolution_reason,
        payload,
        if(stage = 'normalize', attempt_count + failed_replay_count, attempt_count)
            as attempt_count,
        replay_count,
        first_failed_at,
        last_failed_at,
        resolved_at
    from settle_errors
)

select * from describe_errors
