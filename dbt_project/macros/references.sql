{#-
How people refer to documents in text. A pattern that has to tell a reference from what only
looks like one also matches the latter, and what looks like neither, word by word: so that no
match begins inside of a word, an address or a code.
-#}

{#- What creates no reference: comments, fenced and inline code, quoted lines. -#}
{% macro unspoken_pattern() -%}
    {%- set parts = [
        '<!--(?s:.*?)-->',
        '(?i:<(?:pre|code)\\b)(?s:.*?)(?i:</(?:pre|code)>)',
        '(?i:<blockquote\\b)(?s:.*?)(?i:</blockquote>)',
    ] -%}
    {#- A fence ends with one at least as long, or with the text. -#}
    {%- for mark in ['`', '~'] -%}
        {%- for length in range(8, 2, -1) -%}
            {%- do parts.append(
                '^[ \\t]*(?:[-*+] |\\d+[.)] )?[ \\t]*' ~ mark ~ '{' ~ length ~ '}[^`\\n]*'
                ~ '(?:\\n(?s:.*?))??(?:\\n[ \\t]*' ~ mark ~ '{' ~ length ~ ',}[ \\t]*$|\\z)'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do parts.append('^[ \\t]*>.*$') -%}
    {#- Inline code ends with as many backticks as it begins with, in its paragraph. -#}
    {%- set letter = '[^`\\n]|\\n[ \\t]*[^`\\s]' -%}
    {%- do parts.append('```(?:' ~ letter ~ '|`{1,2}[^`\\n])+?```') -%}
    {%- do parts.append('``(?:' ~ letter ~ '|`[^`\\n])+?``') -%}
    {%- do parts.append('`(?:' ~ letter ~ ')+`') -%}
    {%- do parts.append('`+') -%}
    {{- '(?m)' ~ parts | join('|') -}}
{%- endmacro %}

{#- An alert, or a callout: lines of a quote, the first of which says which kind. -#}
{% macro alert_pattern() -%}
    (?m)^[ \t]*>[ \t]*\[![\w-]+\][^\n]*(?:\n[ \t]*>[^\n]*)*
{%- endmacro %}

{#-
Code by indentation, after a blank line or at the beginning. Below a line of a list it may be a
paragraph of that, so it counts there as text. The group is what comes before.
-#}
{% macro indented_code_pattern() -%}
    {%- set blank = '[ \\t]*\\n' -%}
    {{-
        '(?m)(\\A(?:' ~ blank ~ ')*|^[^\\s*+>\\d-][^\\n]*\\n(?:' ~ blank ~ ')+)'
        ~ '(?:(?: {4}| {0,3}\\t)[^\\n]*(?:\\n|\\z)(?:' ~ blank ~ ')*)+'
    -}}
{%- endmacro %}

{#- What a link in HTML shows, which may name anything; the groups are its two tags. -#}
{% macro link_text_pattern() -%}
    (?is)(<a\s[^<>]*>).*?(</a>)
{%- endmacro %}

{#- Letters of scripts that part words: in others a reference follows upon one. -#}
{% macro word_letters() -%}
    \p{Latin}\p{Greek}\p{Cyrillic}\p{N}_
{%- endmacro %}

{% macro handle_pattern() -%}
    {%- set letters = word_letters() -%}
    @(?:[{{ letters }}][{{ letters }}.-]*|\p{L}+)(?:\[bot\])?
{%- endmacro %}

{#- GitHub's own words for what a pull request or commit closes. -#}
{% macro closing_keyword_pattern() -%}
    (?i:close[sd]?|fix(?:e[sd])?|resolve[sd]?)
{%- endmacro %}

{#- Addresses of the three sources, up to what cannot be part of them. -#}
{% macro source_url_pattern() -%}
    {%- set github = '(?:[\\w-]+\\.)*(?:github|ghe)\\.com|github\\.[\\w.-]+' -%}
    {%- set notion = '(?:[\\w-]+\\.)*notion\\.(?:so|site|com)' -%}
    {%- set hosts = [github, 'linear\\.app', notion] | join('|') -%}
    {{- '(?i:https?://(?:' ~ hosts ~ ')/)[^\\s<>()\\[\\]"|]*' -}}
{%- endmacro %}

{#- The references in a line, and the words that are none. -#}
{% macro reference_pattern() -%}
    {%- set keyword = '(?:' ~ closing_keyword_pattern() ~ ':?[ \\t]+)?' -%}
    {%- set repository = '[A-Za-z0-9][A-Za-z0-9-]*/[\\w.-]+' -%}
    {%- set url = source_url_pattern() -%}
    {{-
        [
            keyword ~ '\\[[^\\[\\]]*\\]\\(<?' ~ url ~ '>?[^)]*\\)',
            keyword ~ '<?' ~ url,
            '\\\\[#@\\w]',
            '(?i:[a-z][a-z0-9+.-]*://|www\\.)[^\\s<>()\\[\\]]+',
            '&#?\\w+;',
            '\\]\\(#[^()\\n]*\\)',
            '[\\w.-]+(?:/[\\w.-]+){2,}#\\d+',
            keyword ~ repository ~ '#\\d+\\b',
            repository ~ '@[0-9a-fA-F]{7,40}\\b',
            '[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+',
            keyword ~ '(?i:GH-)\\d+\\b',
            keyword ~ '#\\d+\\b',
            keyword ~ '[A-Z][A-Z0-9]{0,9}-\\d+\\b',
            '(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})',
            '[0-9a-fA-F]{7,40}\\b',
            handle_pattern() ~ '(?:/[\\w.-]+)?',
            '[' ~ word_letters() ~ ']+(?:[#@&]+[' ~ word_letters() ~ ']+)*',
        ] | join('|')
    -}}
{%- endmacro %}
