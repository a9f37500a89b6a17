{#- Letters and digits of any script, lower case, joined by hyphens; never empty. -#}
{% macro slugify(text, fallback) -%}
    coalesce(
        nullif(
            trim(
                regexp_replace(
                    lower(strip_accents({{ text }})), '[^\p{L}\p{N}]+', '-', 'g'
                ),
                '-'
            ),
            ''
        ),
        left(sha256({{ fallback }}), 8)
    )
{%- endmacro %}
