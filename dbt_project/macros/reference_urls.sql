{#-
An address on GitHub as the key of what it shows: owner/repo#12 and what hangs on it,
owner/repo@sha, owner/repo/releases/tag, owner/repo:path for a file as it was in a commit.
A file of a branch and a wiki page are known by their address. Null for every other page.
-#}
{% macro github_url_key(url) -%}
    {%- set part -%}
        regexp_extract(
            {{ url }},
            '^https?://[^/]+/([^/]+/[^/]+?)(?:\.git)?(/.*)$',
            ['repository', 'path']
        )
    {%- endset -%}
    {%- set repository = 'lower(' ~ part ~ '.repository)' -%}
    {%- set path = part ~ '.path' -%}
    {%- set number -%}
        regexp_extract({{ path }}, '^/(?:issues|pull|discussions)/(\d+)', 1)
    {%- endset -%}
    case
        when regexp_matches({{ path }}, '^/pull/\d+/commits/[0-9a-f]{7,40}\b')
            then {{ repository }} || '@'
                || regexp_extract({{ path }}, '/commits/(\w+)', 1)
        when {{ number }} != ''
            then {{ repository }} || '#' || {{ number }} || case
                when regexp_matches({{ path }}, '#(issue|discussion)comment-\d+')
                    then '/comments/'
                when regexp_matches({{ path }}, '#(discussion_)?r\d+')
                    then '/review_comments/'
                when regexp_matches({{ path }}, '#pullrequestreview-\d+') then '/reviews/'
                else ''
            end || regexp_extract(
                {{ path }},
                '#(?:(?:issue|discussion)comment-|(?:discussion_)?r|pullrequestreview-)(\d+)',
                1
            )
        when regexp_matches({{ path }}, '^/commit/[0-9a-f]{7,40}\b')
            then {{ repository }} || '@'
                || regexp_extract({{ path }}, '^/commit/(\w+)', 1)
        when regexp_matches({{ path }}, '^/releases/tag/[^?#]')
            then {{ repository }} || '/releases/' || url_decode(
                regexp_extract({{ path }}, '^/releases/tag/([^?#]+)', 1)
            )
        when regexp_matches({{ path }}, '^/(?:blob|blame|raw)/[0-9a-f]{40}/[^?#]')
            then {{ repository }} || ':' || url_decode(
                regexp_extract({{ path }}, '^/\w+/\w{40}/([^?#]+)', 1)
            )
        when regexp_matches({{ path }}, '^/(?:blob|tree|wiki)/[^?#]')
            then {{ page_key(url) }}
    end
{%- endmacro %}

{#- A page by its address: host and repository in any case, no query or anchor. -#}
{% macro page_key(url) -%}
    lower(regexp_extract({{ url }}, '^https?://([^/]+/[^/]+/[^/]+)', 1))
    || url_decode(regexp_extract({{ url }}, '^https?://[^/]+/[^/]+/[^/]+([^?#]*)', 1))
{%- endmacro %}

{#-
An address in Linear as the key of what it shows: ENG-123 and a comment on it,
projects/<slug id>, documents/<slug id> and the like. Null for every other page.
-#}
{% macro linear_url_key(url) -%}
    {%- set issue -%}
        upper(
            regexp_extract(
                {{ url }}, '^https?://[^/]+/[^/]+/issue/([A-Za-z]\w*-\d+)\b', 1
            )
        )
    {%- endset -%}
    {%- set page -%}
        regexp_extract(
            {{ url }},
            '^https?://[^/]+/[^/]+/(project|document|initiative)/'
            || '(?:[^/?#]*-)?([0-9a-f]{8,})(?:[/?#]|$)',
            ['kind', 'id']
        )
    {%- endset -%}
    case
        when {{ issue }} != '' and regexp_matches({{ url }}, '#comment-[0-9a-f]{8}')
            then {{ issue }} || '/comments/'
                || regexp_extract({{ url }}, '#comment-([0-9a-f]{8})', 1)
        when {{ issue }} != '' then {{ issue }}
        when {{ page }}.id != '' then {{ page }}.kind || 's/' || {{ page }}.id
    end
{%- endmacro %}

{#-
An address in Notion as the id of the page it shows, without hyphens: of the page that is
opened on top, else of the last one in the path. Null for every other page.
-#}
{% macro notion_url_key(url) -%}
    {%- set id = '[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}' -%}
    nullif(
        replace(
            lower(
                coalesce(
                    nullif(regexp_extract({{ url }}, '(?i)[?&]p=({{ id }})', 1), ''),
                    regexp_extract({{ url }}, '(?i)^[^?#]*?({{ id }})/?(?:[?#].*)?$', 1)
                )
            ),
            '-',
            ''
        ),
        ''
    )
{%- endmacro %}

{#- An address at any of the three sources as a key; null for every other one. -#}
{% macro source_url_key(url) -%}
    case
        when regexp_matches({{ url }}, '(?i)^https?://linear\.app/')
            then 'linear:' || {{ linear_url_key(url) }}
        when regexp_matches({{ url }}, '(?i)^https?://[^/]*\bnotion\.(so|site|com)/')
            then 'notion:' || {{ notion_url_key(url) }}
        when regexp_matches({{ url }}, '^{{ source_url_pattern() }}')
            then 'github:' || {{ github_url_key(url) }}
    end
{%- endmacro %}
