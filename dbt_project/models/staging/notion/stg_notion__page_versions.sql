{% set key = ['connection_id', 'external_id', 'occurred_at'] %}
{{ config(unique_key=key) }}

{{ notion_versions('pages', key) }}
