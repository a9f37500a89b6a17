{#-
What identifies a row, of every model: the columns together are never null and never repeat.
After them come columns that may repeat but are never null; marts have constraints for those.
One test for all, since what dbt does around a query costs more than the query. A model that
another of the list passes on row by row is proved by that one.
-#}
{% set object_key = ['connection_id', 'external_id'] %}
{% set keys = {
    'int_github__items': [object_key],
    'stg_github__deployment_statuses': [object_key],
    'stg_github__deployments': [object_key],
    'stg_github__discussion_comments': [object_key],
    'stg_github__discussions': [object_key],
    'stg_github__issue_comments': [object_key],
    'stg_github__issue_events': [object_key],
    'stg_github__issues': [object_key],
    'stg_github__labels': [object_key],
    'stg_github__milestones': [object_key],
    'stg_github__organizations': [object_key],
    'stg_github__pull_request_commits': [object_key],
    'stg_github__pull_request_details': [object_key],
    'stg_github__pull_request_files': [object_key],
    'stg_github__pull_requests': [object_key],
    'stg_github__releases': [object_key],
    'stg_github__repositories': [object_key],
    'stg_github__review_comments': [object_key],
    'stg_github__review_threads': [object_key],
    'stg_github__reviews': [object_key],
    'stg_github__team_members': [object_key],
    'stg_github__teams': [object_key],
    'stg_github__workflow_jobs': [object_key],
    'stg_github__workflow_runs': [object_key],
    'stg_linear__attachments': [object_key],
    'stg_linear__comments': [object_key],
    'stg_linear__customer_needs': [object_key],
    'stg_linear__customers': [object_key],
    'stg_linear__cycles': [object_key],
    'stg_linear__documents': [object_key],
    'stg_linear__initiative_to_projects': [object_key],
    'stg_linear__initiative_updates': [object_key],
    'stg_linear__initiatives': [object_key],
    'stg_linear__issue_history': [object_key],
    'stg_linear__issue_relations': [object_key],
    'stg_linear__issues': [object_key],
    'stg_linear__labels': [object_key],
    'stg_linear__organizations': [object_key],
    'stg_linear__project_milestones': [object_key],
    'stg_linear__project_statuses': [object_key],
    'stg_linear__project_updates': [object_key],
    'stg_linear__projects': [object_key],
    'stg_linear__team_memberships': [object_key],
    'stg_linear__teams': [object_key],
    'stg_linear__users': [object_key],
    'stg_linear__workflow_states': [object_key],
    'stg_notion__comments': [object_key],
    'stg_notion__data_sources': [object_key],
    'stg_notion__databases': [object_key],
    'stg_notion__files': [object_key],
    'stg_notion__page_contents': [object_key],
    'stg_notion__pages': [object_key],
    'stg_notion__users': [object_key],
    'int_github__current_repositories': [['connection_id', 'full_name']],
    'int_github__discussion_documents': [['connection_id', 'document_id']],
    'int_github__discussion_interactions': [['connection_id', 'event_key']],
    'int_github__file_documents': [['connection_id', 'document_id']],
    'int_github__release_documents': [['connection_id', 'document_id']],
    'int_github__wiki_page_documents': [['connection_id', 'document_id']],
    'int_headwater__contact_identities': [['identity_id']],
    'int_headwater__contact_links': [['from_id', 'to_id', 'rule']],
    'int_headwater__contact_members': [
        ['identity_id'],
        ['contact_id', 'founder_identity_id', 'rule'],
    ],
    'int_headwater__contact_overrides': [['action', 'identity_name', 'other_name']],
    'int_headwater__document_readings': [['connection_id', 'document_id']],
    'int_headwater__frontmatter': [['document_id'], ['content_hash']],
    'int_headwater__interaction_readings': [['connection_id', 'interaction_id']],
    'int_headwater__load_checks': [['source_type', 'load_id']],
    'int_headwater__mentions': [['document_id', 'mention_number'], ['content_hash']],
    'int_headwater__syncs': [['sync_id']],
    'int_linear__issue_keys': [['connection_id', 'issue_key'], ['issue_id']],
    'int_notion__rendered_texts': [['connection_id', 'resource', 'external_id']],
    'days': [['day_date']],
    'issue_cycle_times': [['document_id']],
    'open_work': [['document_id', 'role', 'coalesce(contact_id, person)']],
    'pull_request_cycle_times': [['document_id']],
    'review_load': [['connection_id', 'contact_id', 'repository', 'week_start_date']],
    'weekly_throughput': [
        ['connection_id', 'project_key', 'document_type', 'week_start_date'],
    ],
    'contact_identities': [['identity_id']],
    'contact_timeline': [['interaction_id']],
    'contacts': [['contact_id']],
    'content_blobs': [['blob_sha']],
    'document_relationships': [['relationship_id']],
    'documents': [['document_id']],
    'interactions': [['interaction_id']],
    'auth_tokens': [['connection_id', 'fingerprint']],
    'ingestion_repositories': [['connection_id', 'repository']],
    'ingestion_sources': [['connection_id']],
    'raw_event_errors': [['raw_event_error_id']],
    'store_documents': [['store', 'document_id']],
    'store_sources': [['store', 'connection_id']],
    'stores': [['store']],
    'sync_history': [['sync_id', 'resource']],
    'sync_logs': [['sync_log_id']],
    'sync_state': [['connection_id', 'container']],
    'stg_github__blobs': [['external_id']],
    'stg_github__branches': [['connection_id', 'container', 'external_id']],
    'stg_github__collaborators': [['connection_id', 'container', 'external_id']],
    'stg_github__commit_files': [['connection_id', 'container', 'external_id']],
    'stg_github__commits': [['connection_id', 'container', 'external_id']],
    'stg_github__files': [['connection_id', 'container', 'external_id']],
    'stg_github__repository_counts': [['connection_id', 'event_id']],
    'stg_github__tags': [['connection_id', 'container', 'external_id']],
    'stg_github__wiki_pages': [['connection_id', 'container', 'external_id']],
    'stg_headwater__dead_letters': [['dead_letter_event_id'], ['dead_letter_id']],
    'stg_headwater__sources': [['connection_id']],
    'stg_headwater__sync_events': [['ledger_event_id']],
} %}

{#- There is no graph while the project is being parsed, or linted. -#}
{%- set nodes = graph.nodes.values() if execute and graph is defined else [] -%}
{%- set passed_on = ['int_headwater__documents', 'int_headwater__relationship_lists'] -%}
{%- for node in nodes | selectattr('resource_type', 'equalto', 'model') -%}
    {%- if node.config.materialized != 'view' and node.name not in keys
        and node.name not in passed_on -%}
        {{ exceptions.raise_compiler_error(node.name ~ ': say here what its key is') }}
    {%- endif -%}
{%- endfor -%}

{% for model, columns in keys.items() %}
    {%- set key = columns[0] -%}
    {%- set required = columns[1] if columns | length > 1 else [] %}
    select
        '{{ model }}' as model,
        concat_ws(' ', {{ key | join(', ') }}) as key,
        count(*) as row_count
    from {{ ref(model) }}
    group by {{ key | join(', ') }}
    having
        count(*) > 1
        {% for column in key %} or {{ column }} is null {% endfor %}
        {% for column in required %} or bool_or({{ column }} is null) {% endfor %}
    {{ 'union all' if not loop.last }}
{% endfor %}
