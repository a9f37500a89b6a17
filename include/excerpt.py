"""What of the marts goes into a published file: all of it, one store's part, what is public.

In a part, nothing is included by default: rows go in with the document or the source they are
about, and a table that is about neither is left out until a rule here says what of it may be told.
A store is told what its own connections read: where a document lies, what was done, and of people
the names and addresses they told. A public part has neither accounts of syncs, nor what joins a
person's accounts, nor what is deleted. What a public document says itself it keeps, such as the
address in a commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb

MARTS: Final = ("core", "ops", "analytics")
# Staging tables whose objects no mart holds, but analysts ask for.
STAGING: Final = (
    "stg_github__branches",
    "stg_github__deployment_statuses",
    "stg_github__deployments",
    "stg_github__labels",
    "stg_github__milestones",
    "stg_github__tags",
    "stg_github__teams",
    "stg_github__workflow_jobs",
    "stg_github__workflow_runs",
    "stg_linear__labels",
    "stg_linear__teams",
    "stg_linear__workflow_states",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose content a file holds: one store's or all, public only or all."""

    store: str | None = None
    is_public: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.store and not self.is_public


def choose(db: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """List the documents, deeds and people of a scope, for the queries that `query` returns."""
    in_store = "where $store is null or store = $store"
    visible = "where visibility = 'public' and deleted_at is null" if scope.is_public else ""
    store = {"store": scope.store}
    db.execute(
        "create or replace temp table kept_connections as"
        f" select distinct connection_id from ops.store_sources {in_store}",
        store,
    )
    documents = _OWN_DOCUMENTS if scope.store else "from core.documents"
    db.execute(
        "create or replace temp table kept_documents as"
        " select document_id, connection_id, source_id, slug, parent_document_id, root_document_id"
        f" from ({documents})"
        f" semi join (select document_id from core.documents {visible}) using (document_id)",
        store if scope.store else None,
    )
    interactions = _OWN_INTERACTIONS if scope.store else "from core.interactions"
    db.execute(
        "create or replace temp table kept_interactions as"
        " select interaction_id, connection_id, source_id, document_id"
        f" from ({interactions}) where {_is_kept('document_id')}"
        + (_UNTOLD_DEEDS if scope.is_public else " or document_id is null")
    )
    if scope.store and not scope.is_public:
        db.execute(f"create or replace temp table kept_identities as {_OWN_IDENTITIES}")


def query(scope: Scope, schema: str, table: str, columns: list[str]) -> str | None:
    """What of a table goes into the file, to be run after `choose`; None leaves the table out."""
    name = f'{schema}."{table}"'
    if scope.is_whole:
        return f"from {name}"
    if scope.is_public and (schema == "ops" or table in _ABOUT_PEOPLE):
        return None
    if rule := _RULES.get(table):
        return rule.format(
            name=name,
            is_public=scope.is_public,
            store=_text(scope.store),
            method="<> 'api_reference'" if scope.is_public else "is not null",
            values=", ".join(_told_issue(column) for column in ("from_value", "to_value")),
        )
    if "document_id" in columns:
        return _of_documents(scope, name, columns)
    if references := [column for column in columns if column.endswith("document_id")]:
        return f"from {name} where {' and '.join(map(_is_kept, references))}"
    if "connection_id" in columns and not scope.is_public:
        return f"from {name} semi join kept_connections using (connection_id)"
    return None


def _of_documents(scope: Scope, name: str, columns: list[str]) -> str:
    others = [c for c in columns if c.endswith("document_id") and c != "document_id"]
    conditions = ["kept.document_id is not null", *(f"marts.{_is_kept(c)}" for c in others)]
    replaced = []
    if scope.is_public and "contact_id" in columns:
        replaced.append("null as contact_id")
    if "source_id" in columns:
        replaced.append("coalesce(kept.source_id, marts.source_id) as source_id")
    if "connection_id" in columns:
        # An object that two sources read is told through the one that is in the store.
        replaced.append("coalesce(kept.connection_id, marts.connection_id) as connection_id")
        if not scope.is_public:
            conditions[0] = (
                "(kept.document_id is not null or (marts.document_id is null and"
                " marts.connection_id in (select connection_id from kept_connections)))"
            )
    if "store" in columns:
        conditions.append(f"marts.store = {_text(scope.store)}")
    changed = f"replace ({', '.join(replaced)})" if replaced else ""
    return (
        f"select marts.* {changed} from {name} as marts"
        " left join kept_documents as kept on marts.document_id = kept.document_id"
        f" where {' and '.join(conditions)}"
    )


def _told_issue(column: str) -> str:
    """A value of an interaction: the key of another issue only if that is in the part."""
    return (
        "if(marts.source_type = 'github'"
        " and marts.field in ('parent', 'sub_issue', 'blocked_by', 'blocking')"
        f" and lower(marts.{column}) not in (select lower(source_id) from kept_documents),"
        f" null, marts.{column}) as {column}"
    )


def _is_kept(column: str) -> str:
    return f"{column} in (select document_id from kept_documents)"


def _text(value: str | None) -> str:
    return "'" + (value or "").replace("'", "''") + "'"


# Two connections may read one document, and not the same of what it lies under: a store is told its
# own reading.
_OWN_DOCUMENTS: Final = """
    with placed as (
        select marts.*, stored.connection_id as own_connection_id
        from core.documents as marts
        inner join ops.store_documents as stored
            on marts.document_id = stored.document_id and stored.store = $store
    ),
    told as (
        select
            placed.document_id,
            placed.own_connection_id as connection_id,
            own.source_id,
            own.parent_document_id,
            own.root_document_id,
            own.source_id <> placed.source_id as is_renamed,
            if(is_renamed, own.base_slug, placed.slug) as slug
        from placed
        inner join intermediate.int_headwater__told_documents as own
            on
                placed.document_id = own.document_id
                and placed.own_connection_id = own.connection_id
    ),
    shared_slugs as (select slug from told group by slug having count(*) > 1)
    select
        told.* exclude (is_renamed) replace (
            if(
                told.is_renamed and shared_slugs.slug is not null,
                told.slug || '-' || left(sha256(told.document_id), 8),
                told.slug
            ) as slug
        )
    from told
    left join shared_slugs on told.slug = shared_slugs.slug
"""
_OWN_INTERACTIONS: Final = """
    select
        interaction_id,
        min(connection_id) as connection_id,
        min_by(document_id, connection_id) as document_id,
        min_by(source_id, connection_id) as source_id
    from intermediate.int_headwater__interaction_readings
    semi join kept_connections using (connection_id)
    group by interaction_id
"""
# Whom a store's connections met, and as what; the marts know of them what all connections tell.
_OWN_IDENTITIES: Final = """
    with told_names as (
        from intermediate.int_headwater__told_identities
        semi join kept_connections using (connection_id)
    ),
    sightings as (
        select identity_id, connection_id from core.contact_identities
        semi join kept_connections using (connection_id)
        union all
        select identity_id, connection_id from told_names
        union all
        select marts.author_identity_id, kept.connection_id
        from core.documents as marts
        inner join kept_documents as kept on marts.document_id = kept.document_id
        union all
        select marts.actor_identity_id, kept.connection_id
        from core.interactions as marts
        inner join kept_interactions as kept on marts.interaction_id = kept.interaction_id
        union all
        select marts.to_identity_id, kept.connection_id
        from core.document_relationships as marts
        inner join kept_documents as kept on marts.from_document_id = kept.document_id
        union all
        select identities.identity_id, kept.connection_id
        from analytics.open_work as marts
        inner join kept_documents as kept on marts.document_id = kept.document_id
        inner join core.contact_identities as identities
            on
                marts.contact_id = identities.contact_id
                and marts.person = coalesce(identities.handle, identities.display_name)
    ),
    seen as (
        select identity_id, min(connection_id) as connection_id
        from sightings
        group by identity_id
    ),
    names as (
        select
            identity_id,
            max_by(display_name, (told_at, display_name)) as display_name,
            max_by(email, (told_at, email)) filter (
                where starts_with(identity_id, 'email:')
                or not ends_with(email, '@users.noreply.github.com')
            ) as email,
            list(distinct display_name) as display_names,
            list(distinct email) as emails
        from told_names
        group by identity_id
    )
    select
        identities.* replace (
            if(
                identities.connection_id in (select connection_id from kept_connections),
                identities.connection_id,
                seen.connection_id
            ) as connection_id,
            if(
                list_contains(names.display_names, identities.display_name),
                identities.display_name,
                names.display_name
            ) as display_name,
            if(list_contains(names.emails, identities.email), identities.email, names.email)
                as email,
            null as evidence
        )
    from core.contact_identities as identities
    inner join seen on identities.identity_id = seen.identity_id
    left join names on identities.identity_id = names.identity_id
"""
# What was said in a comment or a review is done on the document it is about.
_UNTOLD_DEEDS: Final = """
    and regexp_replace(interaction_id, ':(commented:comment|commented|reviewed):', ':')
    not in (
        select replace(document_id, ':' || document_type || ':', ':')
        from core.documents
        anti join kept_documents using (document_id)
        where document_type in ('comment', 'review', 'review_comment')
    )
"""
_ABOUT_PEOPLE: Final = ("contacts", "contact_identities", "contact_timeline")
# What these tables sum up or refer to may lie outside of the part. What an API refers to, and is
# not known, nobody wrote into a public text: it may be private.
_RULES: Final = {
    "documents": """
        with items as (
            select
                marts.document_id,
                part.key,
                list(item.value order by item.id) filter (
                    where item.value is not null
                    and (
                        kept.document_id is not null
                        or (
                            item.value ->> '$.document_id' is null
                            and coalesce(item.value ->> '$.method', '') {method}
                        )
                    )
                ) as elements
            from {name} as marts
            semi join kept_documents using (document_id)
            cross join json_each(marts.relationships) as part
            left join json_each(part.value) as item on true
            left join kept_documents as kept on item.value ->> '$.document_id' = kept.document_id
            group by marts.document_id, part.key
        ),
        relationships as (
            select document_id, json_group_object(key, coalesce(elements, [])) as relationships
            from items
            group by document_id
        )
        select marts.* replace (
            kept.connection_id as connection_id,
            kept.source_id as source_id,
            kept.slug as slug,
            parents.document_id as parent_document_id,
            coalesce(roots.document_id, marts.document_id) as root_document_id,
            if(
                marts.document_type = 'pull_request',
                json_merge_patch(marts.source_metadata, '{{"closing_issues": null}}'),
                marts.source_metadata
            ) as source_metadata,
            relationships.relationships as relationships
        )
        from {name} as marts
        inner join kept_documents as kept on marts.document_id = kept.document_id
        left join kept_documents as parents on kept.parent_document_id = parents.document_id
        left join kept_documents as roots on kept.root_document_id = roots.document_id
        left join relationships on marts.document_id = relationships.document_id
    """,
    "content_blobs": """
        with files as (
            select
                source_metadata ->> '$.sha' as blob_sha,
                count(*) filter (where deleted_at is null) as reference_count
            from core.documents
            semi join kept_documents using (document_id)
            where document_type = 'file'
            group by blob_sha
        )
        select marts.* replace (files.reference_count as reference_count)
        from {name} as marts
        inner join files on marts.blob_sha = files.blob_sha
    """,
    "contact_identities": "from kept_identities",
    "contact_timeline": """
        select marts.* replace (kept.document_id as document_id)
        from {name} as marts
        inner join kept_interactions as kept on marts.interaction_id = kept.interaction_id
    """,
    "contacts": """
        with identities as (
            select
                contact_id,
                min_by(coalesce(display_name, handle, email), identity_id) as display_name,
                min_by(email, identity_id) as primary_email,
                list_sort(list(distinct source_type)) as source_types,
                count(*) as identity_count,
                bool_and(is_bot) as is_bot,
                min(first_seen_at) as first_seen_at,
                max(last_seen_at) as last_seen_at
            from kept_identities
            group by contact_id
        )
        select marts.* replace (
            coalesce(identities.display_name, marts.contact_id) as display_name,
            identities.primary_email as primary_email,
            identities.source_types as source_types,
            identities.identity_count as identity_count,
            identities.is_bot as is_bot,
            identities.first_seen_at as first_seen_at,
            identities.last_seen_at as last_seen_at
        )
        from {name} as marts
        inner join identities on marts.contact_id = identities.contact_id
    """,
    "document_relationships": """
        select marts.* replace (kept.connection_id as connection_id)
        from {name} as marts
        inner join kept_documents as kept on marts.from_document_id = kept.document_id
        left join kept_documents as targets on marts.to_document_id = targets.document_id
        where
            targets.document_id is not null
            or (marts.to_document_id is null and marts.method {method})
    """,
    "interactions": """
        select marts.* replace (
            kept.connection_id as connection_id,
            kept.document_id as document_id,
            kept.source_id as source_id,
            if({is_public}, null, marts.contact_id) as contact_id,
            {values}
        )
        from {name} as marts
        inner join kept_interactions as kept on marts.interaction_id = kept.interaction_id
    """,
    "ingestion_sources": """
        select marts.* replace ([{store}] as stores)
        from {name} as marts
        semi join kept_connections using (connection_id)
    """,
    "stores": "from {name} where store = {store}",
    "store_sources": "from {name} where store = {store}",
}
