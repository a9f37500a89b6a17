{#-
Before an incremental build of document_relationships: what is made again, and what a document
no longer belongs to.
-#}
{% macro delete_former_relationships() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where
            relation != 'parent'
            or rowid in (
                select built.rowid
                from {{ this }} as built
                anti join {{ ref('int_headwater__documents') }} as documents
                    on
                        built.from_document_id = documents.document_id
                        and built.reference_key = documents.parent_document_id
            )
    {%- endif -%}
{%- endmacro %}
