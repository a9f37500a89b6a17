-- Parsed once per text. What a key means is looked up at every build, so a reference to
-- what is not loaded yet needs nothing but the arrival of that. Row 0 says that a text
-- was read: most hold no reference, and would be read again otherwise.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='document_id',
        on_schema_change='fail',
        post_hook="
            delete from {{ this }}
            where hash(document_id) not in (
                select hash(document_id) from {{ ref('int_headwater__documents') }}
            )
        ",
    )
}}

with documents as (
    select * from {{ ref('int_headwater__documents') }}
),

new_documents as (
    select documents.* from documents
    {% if is_incremental() %}
        anti join {{ this }} as built
            on
                hash(documents.document_id, documents.text_hash)
                = hash(built.document_id, built.text_hash)
    {% endif %}
),

-- In a file that is no prose, backticks and angle brackets mean something else.
new_texts as (
    select
        document_id,
        text_hash,
        source_type,
        document_type,
        if(document_type in ('file', 'wiki_page'), null, title) as title,
        replace(
            concat_ws(chr(10) || chr(10), body, further_text), chr(13), ''
        ) as body,
        document_type != 'file' or regexp_matches(
            lower(title), '(^|/)[^./]+$|\.(md|mdx|markdown|rst|txt|adoc|asciidoc|org)$'
        ) as is_prose
    from new_documents
),

-- What an alert says is no quote, though each of its lines begins like one.
open_alerts as (
    select
        * replace (
            if(
                contains(body, '[!'),
                array_to_string(
                    list_transform(
                        list_zip(
                            regexp_split_to_array(body, '{{ alert_pattern() }}'),
                            regexp_extract_all(body, '{{ alert_pattern() }}')
                        ),
                        lambda part: part[1] || coalesce(
                            regexp_replace(part[2], '(?m)^[ \t]*>[ \t]?', '', 'g'), ''
                        )
                    ),
                    ''
                ),
                body
            ) as body
        )
    from new_texts
),

-- Only GitHub's texts hold HTML as it was written, and mean code by what is indented.
plain_texts as (
    select
        * replace (
            if(
                source_type = 'github' and is_prose,
                regexp_replace(
                    regexp_replace(
                        body, '{{ link_text_pattern() }}', '\1…\2', 'g'
                    ),
                    '{{ indented_code_pattern() }}',
                    '\1…' || chr(10),
                    'g'
                ),
                body
            ) as body
        )
    from open_alerts
),

spoken_texts as (
    select
        * replace (
            regexp_replace(title, '`+[^`]+`+', '…', 'g') as title,
            if(
                is_prose,
                regexp_replace(body, '{{ unspoken_pattern() }}', '…', 'g'),
                body
            ) as body
        )
    from plain_texts
),

-- The title is line 0.
lines as (
    select
        * exclude (title, body, written),
        unnest(written) as line,
        generate_subscripts(written, 1) - 1 as line_number
    from (
        select
            *,
            [coalesce(title, '')] || string_split(coalesce(body, ''), chr(10))
                as written
        from spoken_texts
    ) as texts
),

tokens as (
    select
        * exclude (found),
        unnest(found) as token,
        generate_subscripts(found, 1) as token_number
    from (
        select
            *,
            regexp_extract_all(line, '{{ reference_pattern() }}') as found
        from lines
        where regexp_matches(line, '[#@]|//|[A-Z0-9]-\d|[0-9a-fA-F]{7}|(?i:gh-)')
    ) as texts
),

split_tokens as (
    select
        *,
        regexp_extract(token, '^({{ closing_keyword_pattern() }}):?[ \t]', 1)
            as keyword,
        regexp_replace(token, '^{{ closing_keyword_pattern() }}:?[ \t]+', '')
            as reference
    from tokens
),

read_urls as (
    select
        *,
        rtrim(
            regexp_extract(
                reference,
                '^(?:\[[^\[\]]*\]\(<?|<)?({{ source_url_pattern() }})',
                1
            ),
            '.,;:!?*_~`'
        ) as url,
        starts_with(reference, '[') as is_link
    from split_tokens
),

-- The first that fits says what it is; what fits nothing is a word.
classify as (
    select
        *,
        case
            when regexp_matches(url, '(?i)^https?://linear\.') then 'linear_url'
            when regexp_matches(url, '(?i)^https?://[^/]*\bnotion\.')
                then if(
                    is_link and source_type = 'notion',
                    'notion_page_mention',
                    'notion_url'
                )
            when url != '' then 'github_url'
            when regexp_full_match(reference, '[\w-]+/[\w.-]+#\d+')
                then 'repository_issue_key'
            when
                source_type = 'github'
                and is_prose
                and regexp_full_match(reference, '(?i:GH-|#)\d+')
                then 'issue_key'
            when regexp_full_match(reference, '[A-Z][A-Z0-9]{0,9}-\d+')
                then 'linear_key'
            when
                source_type = 'github'
                and is_prose
                and regexp_full_match(reference, '[0-9a-fA-F]{7,40}')
                then 'commit_sha'
            when regexp_full_match(reference, '[\w-]+/[\w.-]+@[0-9a-fA-F]{7,40}')
                then 'commit_sha'
            -- GitHub has teams and registries have packages in this form: @owner/name.
            when
                source_type != 'notion'
                and document_type != 'file'
                and regexp_full_match(reference, '{{ handle_pattern() }}')
                then 'user_handle'
        end as method
    from read_urls
),

-- A key that begins with # or @ is completed with the repository that the text is in.
name_targets as (
    select
        *,
        case method
            when 'issue_key' then '#' || regexp_extract(reference, '\d+')
            when 'commit_sha'
                then if(contains(reference, '/'), 'github:', '@') || lower(reference)
            when 'repository_issue_key' then 'github:' || lower(reference)
            when 'linear_key' then 'linear:' || reference
            when 'user_handle'
                then source_type || ':@' || lower(rtrim(substr(reference, 2), '.-'))
            else {{ source_url_key('url') }}
        end as reference_key
    from classify
),

number_mentions as (
    select
        document_id,
        text_hash,
        row_number() over (
            partition by document_id order by line_number, token_number
        ) as mention_number,
        case
            when keyword = '' or method = 'user_handle' then 'mentions'
            when document_type = 'commit' then 'resolves'
            when document_type = 'pull_request' and line_number > 0 then 'resolves'
            else 'mentions'
        end as relation,
        method,
        reference_key,
        case
            when method = 'user_handle' then rtrim(reference, '.-')
            when url != '' and not is_link then url
            else reference
        end as raw_reference,
        trim(substr(line, greatest(strpos(line, token) - 80, 1), 160 + len(token)))
            as evidence
    from name_targets
    where reference_key is not null
),

unite_mentions as (
    select
        document_id,
        text_hash,
        0 as mention_number,
        null::varchar as relation,
        null::varchar as method,
        null::varchar as reference_key,
        null::varchar as raw_reference,
        null::varchar as evidence
    from new_texts
    union all by name
    select * from number_mentions
)

select * from unite_mentions
