{#- Columns every staging model carries from the raw event: ids first, times last. -#}
{% macro envelope_ids() -%}
    connection_id,
    container,
    external_id,
    event_id,
    _dlt_load_id,
    last_load_id
{%- endmacro %}

{% macro envelope_times(deleted_at='deleted_at', deletion_reason='deletion_reason') -%}
    {{ deletion_reason }} as deletion_reason,
    occurred_at,
    first_seen_at,
    last_seen_at,
    {{ deleted_at }} as deleted_at,
    loaded_at
{%- endmacro %}

{#-
Whether a REST user object is the account `ghost`, which stands for all that were deleted, where
GraphQL says null. By its id as well: at another host than github.com the same id is somebody's.
-#}
{% macro is_github_ghost(person) -%}
    {{ person }}.node_id = 'MDQ6VXNlcjEwMTM3' and {{ person }}.login = 'ghost'
{%- endmacro %}

{#- A REST user object, or null when the account is gone. -#}
{% macro github_user(person) -%}
    if({{ is_github_ghost(person) }}, null, {{ person }})
{%- endmacro %}

{#- A GitHub user object, flattened; all null when the account is gone. -#}
{% macro github_person(person, role) -%}
    {%- set user = '(' ~ github_user(person) ~ ')' -%}
    {{ user }}.node_id as {{ role }}_id,
    {{ user }}.login as {{ role }}_login,
    {{ user }}.type = 'Bot'
    or ends_with({{ user }}.login, '[bot]') as is_{{ role }}_bot
{%- endmacro %}

{#- Every account that an object names, whatever for. -#}
{% macro github_accounts(people) -%}
    [
        {
            'account_id': person.node_id,
            'account_number': person.id,
            'login': person.login,
            'is_bot': coalesce(
                person.type = 'Bot' or ends_with(person.login, '[bot]'), false
            )
        }
        for person in {{ people }}
        if person.node_id is not null and not ({{ is_github_ghost('person') }})
    ] as named_accounts
{%- endmacro %}

{#- The same of a GraphQL actor. -#}
{% macro github_actor(actor, role) -%}
    {{ actor }}.id as {{ role }}_id,
    {{ github_login(actor) }} as {{ role }}_login,
    {{ actor }}.__typename = 'Bot' as is_{{ role }}_bot
{%- endmacro %}

{#-
A GraphQL actor's login. A bot's lacks the suffix there that REST gives it: with it, one bot has
one login.
-#}
{% macro github_login(actor) -%}
    if(
        {{ actor }}.__typename = 'Bot' and not ends_with({{ actor }}.login, '[bot]'),
        {{ actor }}.login || '[bot]',
        {{ actor }}.login
    )
{%- endmacro %}

{#- Who acted in Linear but is no user: an integration may have a type and no id. -#}
{% macro linear_bot_id(bot) -%}
    coalesce({{ bot }}.id, 'bot:' || {{ bot }}.type)
{%- endmacro %}

{#-
The same of an account in a row of either API: `node_id` is REST's. A typename says it is GraphQL's.
-#}
{% macro github_account(account, role) -%}
    {%- set user = '(' ~ github_user(account) ~ ')' -%}
    coalesce({{ user }}.node_id, {{ user }}.id) as {{ role }}_id,
    {{ github_login(user) }} as {{ role }}_login,
    coalesce(
        {{ user }}.__typename = 'Bot',
        {{ user }}.type = 'Bot' or ends_with({{ user }}.login, '[bot]')
    ) as is_{{ role }}_bot
{%- endmacro %}

{#- The trailing number of an API URL: `…/issues/12` → 12. -#}
{% macro number_of_url(url) -%}
    try_cast(regexp_extract({{ url }}, '/(\d+)$', 1) as bigint)
{%- endmacro %}

{#- A Notion parent object, flattened: what holds the object, by kind. -#}
{% macro notion_parent(parent) -%}
    {{ parent }}.page_id as parent_page_id,
    {{ parent }}.data_source_id as parent_data_source_id,
    {{ parent }}.database_id as parent_database_id,
    {{ parent }}.block_id as parent_block_id,
    {{ parent }}.type as parent_type
{%- endmacro %}

{#- The envelope's times of a Notion object, for which the trash is a deletion. -#}
{% macro notion_times() -%}
    {%- set in_trash = 'coalesce(record.in_trash, record.archived, false)' -%}
    {{
        envelope_times(
            deleted_at='coalesce(deleted_at, if(' ~ in_trash
            ~ ', record.last_edited_time, null))',
            deletion_reason='coalesce(deletion_reason, if(' ~ in_trash
            ~ ", 'trashed', null))",
        )
    }}
{%- endmacro %}
