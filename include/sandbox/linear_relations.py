"""How Linear's objects hang together: what a reference leads to, and what refers to an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from include.sandbox.collection import Collection, Json
from include.sandbox.linear_schema import COLLECTIONS

if TYPE_CHECKING:
    from include.sandbox.stores import LinearStore

REFERENCES: Final = {
    ("Comment", "children"): "parent",
    ("Comment", "createdIssues"): "sourceComment",
    ("Initiative", "subInitiatives"): "parentInitiative",
    ("Issue", "children"): "parent",
    ("Issue", "formerAttachments"): "originalIssue",
    ("Issue", "formerNeeds"): "originalIssue",
    ("Issue", "inverseRelations"): "relatedIssue",
    ("IssueLabel", "children"): "parent",
    ("User", "assignedIssues"): "assignee",
    ("User", "createdIssues"): "creator",
    ("User", "delegatedIssues"): "delegate",
    ("WorkflowState", "issues"): "state",
}
"""Nested lists whose objects refer to their parent by another name than its type's."""

LISTED: Final = {
    ("Cycle", "uncompletedIssuesUponClose"),
    ("Issue", "labels"),
    ("Issue", "subscribers"),
    ("Project", "members"),
    ("Project", "teams"),
}
"""Nested lists that the parent's own payload holds; none where it does not."""

LISTED_BY: Final = {
    ("IssueLabel", "issues"): "labels",
    ("Team", "projects"): "teams",
}
"""Nested lists of objects whose own payload lists the parent, and under which name."""

THROUGH: Final = {
    ("Initiative", "projects"): ("initiative_to_projects", "initiative", "project"),
    ("Project", "initiatives"): ("initiative_to_projects", "project", "initiative"),
    ("Team", "members"): ("team_memberships", "team", "user"),
    ("User", "teams"): ("team_memberships", "user", "team"),
}
"""Nested lists by way of objects that join two others."""

CONTENT_KINDS: Final = {
    "documents": "document",
    "issues": "issue",
    "projects": "project",
    "initiatives": "initiative",
    "project_milestones": "projectMilestone",
}
"""What has a content of its own that can be commented on, and how the content refers to it."""


def referenced(store: LinearStore, type_name: str, value: Json) -> Json:
    """The whole object behind a reference; the reference itself where there is none."""
    if type_name == "DocumentContent":
        return document_content(store, value)
    if type_name == "Organization":
        return store.organization
    kind = COLLECTIONS.get(type_name)
    whole = store.collection(kind).decoded().get(str(value.get("id"))) if kind else None
    return whole or value


def document_content(store: LinearStore, value: Json) -> Json:
    """The content of a document, project and the like, which has a time and an owner as these."""
    for kind, reference in CONTENT_KINDS.items():
        owner = by_content(store.collection(kind)).get(str(value.get("id")))
        if owner is not None:
            shared = {name: owner.get(name) for name in ("content", "createdAt", "updatedAt")}
            return shared | {reference: {"id": owner["id"]}} | value
    return value


def by_content(collection: Collection) -> dict[str, Json]:
    """Objects by the id of their content."""
    return collection.derived(
        "by content",
        lambda: {
            content: row
            for row in collection.decoded().values()
            if (content := row.get("documentContentId") or id_of(row.get("documentContent")))
        },
    )


def related(
    store: LinearStore, parent: str, source: Json, field: str, type_name: str
) -> list[Json]:
    """The objects of a nested list of a parent of some type: as listed there, or newest first."""
    collection = store.collection(COLLECTIONS[type_name])
    if field in source:
        rows = collection.decoded()
        listed = source[field]["nodes"] if isinstance(source[field], dict) else source[field]
        return [rows.get(str(node.get("id")), node) for node in listed or []]
    if (parent, field) in LISTED:
        return []
    if parent == "Organization":
        return all_newest_first(collection, "createdAt")
    if (parent, field) in THROUGH:
        joint, own, other = THROUGH[parent, field]
        rows = collection.decoded()
        joints = referring(store.collection(joint), own).get(source["id"], [])
        return [rows[row[other]["id"]] for row in joints if row[other]["id"] in rows]
    if (parent, field) in LISTED_BY:
        return listing(collection, LISTED_BY[parent, field]).get(source["id"], [])
    if (parent, field) == ("Document", "comments"):
        content = str(source.get("documentContentId"))
        return referring(collection, "documentContent").get(content, [])
    reference = REFERENCES.get((parent, field), parent[0].lower() + parent[1:])
    return referring(collection, reference).get(source["id"], [])


def referring(collection: Collection, reference: str) -> dict[str, list[Json]]:
    """Objects by the id of what they refer to, newest first."""
    return grouped(collection, reference, lambda row: [row[reference]])


def listing(collection: Collection, field: str) -> dict[str, list[Json]]:
    """Objects by the ids of what they list, newest first."""
    return grouped(collection, field, lambda row: row[field]["nodes"])


def grouped(
    collection: Collection, field: str, targets: Callable[[Json], list[Json]]
) -> dict[str, list[Json]]:
    """Objects that have a field by the ids of what it leads to, newest first."""

    def build() -> dict[str, list[Json]]:
        groups: dict[str, list[Json]] = {}
        for row in all_newest_first(collection, "createdAt"):
            for target in targets(row) if row.get(field) else ():
                groups.setdefault(str(target["id"]), []).append(row)
        return groups

    return collection.derived(("by", field), build)


def all_newest_first(collection: Collection, order: str) -> list[Json]:
    """All objects of a collection by a time, newest first."""
    return collection.derived(
        ("newest first", order),
        lambda: newest_first(list(collection.decoded().values()), order),
    )


def newest_first(rows: list[Json], order: str) -> list[Json]:
    """Rows by a time, newest first; equal times are ordered by id."""
    return sorted(rows, key=lambda row: position(row, order), reverse=True)


def position(row: Json, order: str) -> tuple[str, str]:
    """What decides the place of a row."""
    return row.get(order) or "", row["id"]


def id_of(reference: Json | None) -> str | None:
    """The id in a reference."""
    return str(reference["id"]) if reference else None
