{#-
What one entry of an issue's history changed, as a list: how it is called, of which field, from
what to what. People are named by their id, states, labels and titles by their text, a relation by
Linear's code for it and the other issue: what the codes mean is not documented.
-#}
{% macro linear_history_changes() -%}
    list_concat(
        list_filter(
            [
                {{
                    linear_change(
                        'state', 'state_changed', 'from_state', 'to_state',
                        'from_state_id', 'to_state_id'
                    )
                }},
                {{ linear_change('title', 'renamed', 'from_title', 'to_title') }},
                {{ linear_change('priority', 'prioritized', 'from_priority', 'to_priority') }},
                {{ linear_change('estimate', 'estimated', 'from_estimate_points', 'to_estimate_points') }},
                {{ linear_change('due_date', 'scheduled', 'from_due_date', 'to_due_date') }},
                {{ linear_change('cycle', 'scheduled', 'from_cycle_id', 'to_cycle_id') }},
                {{ linear_change('project', 'moved', 'from_project_id', 'to_project_id') }},
                {{ linear_change('parent', 'moved', 'from_parent_id', 'to_parent_id') }},
                {{ linear_change('team', 'moved', 'from_team_id', 'to_team_id') }},
                {
                    'change_key': 'assignee',
                    'interaction_type': if(to_assignee_id is null, 'unassigned', 'assigned'),
                    'field': 'assignee',
                    'from_value': from_assignee_id,
                    'to_value': to_assignee_id,
                    'has_changed': from_assignee_id is distinct from to_assignee_id
                },
                {
                    'change_key': 'description',
                    'interaction_type': 'edited',
                    'field': 'description',
                    'from_value': null::varchar,
                    'to_value': null::varchar,
                    'has_changed': is_description_changed
                },
                {
                    'change_key': 'archive',
                    'interaction_type': if(is_archived, 'archived', 'unarchived'),
                    'field': 'archive',
                    'from_value': null::varchar,
                    'to_value': null::varchar,
                    'has_changed': is_archived is not null
                },
                {
                    'change_key': 'trash',
                    'interaction_type': if(is_trashed, 'trashed', 'restored'),
                    'field': 'trash',
                    'from_value': null::varchar,
                    'to_value': null::varchar,
                    'has_changed': is_trashed is not null
                }
            ],
            change -> change.has_changed
        ),
        list_concat(
            [
                {
                    'change_key': 'label:' || label,
                    'interaction_type': 'labeled',
                    'field': 'label',
                    'from_value': null::varchar,
                    'to_value': label,
                    'has_changed': true
                }
                for label in list_distinct(coalesce(added_labels, []))
            ],
            [
                {
                    'change_key': 'unlabel:' || label,
                    'interaction_type': 'unlabeled',
                    'field': 'label',
                    'from_value': label,
                    'to_value': null::varchar,
                    'has_changed': true
                }
                for label in list_distinct(coalesce(removed_labels, []))
            ],
            [
                {
                    'change_key': 'relation:' || relation,
                    'interaction_type': 'relation_changed',
                    'field': 'relation',
                    'from_value': null::varchar,
                    'to_value': relation,
                    'has_changed': true
                }
                for relation in list_distinct(coalesce(relation_changes, []))
            ]
        )
    )
{%- endmacro %}

{#- Names of labels; of those that an entry names by their id alone, the ids. -#}
{% macro linear_labels(labels, ids) -%}
    list_concat(
        [label.name for label in {{ labels }}],
        list_filter(
            {{ ids }},
            lambda id: not list_contains(
                coalesce([label.id for label in {{ labels }}], []), id
            )
        )
    )
{%- endmacro %}

{#- A change of a field, if its value (or what identifies that) is not as before. -#}
{% macro linear_change(field, how, before, after, before_key=none, after_key=none) -%}
    {
        'change_key': '{{ field }}',
        'interaction_type': '{{ how }}',
        'field': '{{ field }}',
        'from_value': {{ before }}::varchar,
        'to_value': {{ after }}::varchar,
        'has_changed': {{ before_key or before }} is distinct from {{ after_key or after }}
    }
{%- endmacro %}
