{#-
How sure it is that a relationship is meant, by how it was found. What an API or an address
says is certain; what people type may be a slip, or look like a reference by chance.
-#}
{% macro relationship_confidence(method) -%}
    case {{ method }}
        when 'hierarchy' then 1.0
        when 'api_reference' then 1.0
        when 'deployment' then 1.0
        when 'github_url' then 1.0
        when 'linear_url' then 1.0
        when 'notion_url' then 1.0
        when 'notion_page_mention' then 1.0
        when 'notion_user_mention' then 1.0
        when 'repository_issue_key' then 0.95
        when 'closing_keyword' then 0.95
        when 'issue_key' then 0.9
        when 'linear_key' then 0.9
        when 'user_handle' then 0.9
        when 'commit_sha' then 0.9
        when 'linear_former_key' then 0.8
    end::double
{%- endmacro %}
