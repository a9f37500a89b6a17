"""How the fields of Linear's schema get their values from a workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLResolveInfo, get_named_type, is_object_type

from include.sandbox.collection import Collection, Json
from include.sandbox.linear_filters import matches
from include.sandbox.workspace import LinearStore

MAXIMUM_FIRST = 250
DEFAULT_FIRST = 50
VIEWER: Json = {
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "Headwater sandbox",
    "displayName": "headwater",
    "email": "headwater@sandbox.invalid",
    "active": True,
    "admin": False,
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
    "url": "https://linear.app/profiles/headwater",
}
"""Who a token belongs to in a workspace without an app user."""
PRIORITY_LABELS = ("No priority", "Urgent", "High", "Medium", "Low")

COLLECTIONS = {
    "Team": "teams",
    "User": "users",
    "WorkflowState": "workflow_states",
    "IssueLabel": "labels",
    "Issue": "issues",
    "Comment": "comments",
    "Project": "projects",
}
"""Type to the collection that holds its objects."""


class InvalidInputError(ValueError):
    """An argument that Linear refuses."""


def resolve(source: Json, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """Any field: a connection, a reference to an object, or what the payload holds."""
    store: LinearStore = info.context
    name = info.field_name
    returned = get_named_type(info.return_type)
    if returned.name.endswith("Connection"):
        type_name = returned.name.removesuffix("Connection")
        rows = related(store, info.parent_type.name, source, name, COLLECTIONS[type_name])
        return to_connection(store, type_name, rows, arguments)
    if info.parent_type.name == "Query":
        return resolve_root(store, name, arguments)
    value = source.get(name)
    if value is None:
        default = DEFAULTS.get((info.parent_type.name, name))
        return default(source) if default else None
    if is_object_type(returned) and isinstance(value, dict):
        return referenced(store, returned.name, value)
    return value


def resolve_root(store: LinearStore, name: str, arguments: Mapping[str, Any]) -> Json:
    """A root field that is one object."""
    if name == "organization":
        return store.organization
    if name == "viewer":
        apps = (user for user in store.users.decoded().values() if user.get("app"))
        return next(apps, VIEWER)
    kind, human_key = {
        "issue": ("issues", "identifier"),
        "project": ("projects", "slugId"),
        "team": ("teams", "key"),
    }[name]
    wanted = arguments["id"]
    for row in store.collection(kind).decoded().values():
        if wanted in (row["id"], row.get(human_key)):
            return row
    raise InvalidInputError(f"Entity not found: {name.title()}")


def referenced(store: LinearStore, type_name: str, value: Json) -> Json:
    """The whole object behind a reference; the reference itself where there is none."""
    kind = COLLECTIONS.get(type_name)
    whole = store.collection(kind).decoded().get(str(value.get("id"))) if kind else None
    return whole or value


def related(
    store: LinearStore, parent_type: str, source: Json, name: str, kind: str
) -> list[Json] | None:
    """The objects of a nested connection; None means all of the collection."""
    if parent_type == "Query":
        return None
    if name in source:
        rows = store.collection(kind).decoded()
        return [rows.get(str(node.get("id")), node) for node in source[name]["nodes"]]
    if (parent_type, name) in (("Issue", "labels"), ("Project", "teams")):
        return []
    reference = {"Team": "team", "Issue": "parent" if name == "children" else "issue"}[parent_type]
    return children(store.collection(kind), reference).get(source["id"], [])


def children(collection: Collection, reference: str) -> dict[str, list[Json]]:
    """Objects by the id of what they refer to, newest first."""

    def build() -> dict[str, list[Json]]:
        groups: dict[str, list[Json]] = {}
        for row in all_newest_first(collection, "createdAt"):
            if row.get(reference):
                groups.setdefault(row[reference]["id"], []).append(row)
        return groups

    return collection.derived(("children", reference), build)


def to_connection(
    store: LinearStore, type_name: str, rows: list[Json] | None, arguments: Mapping[str, Any]
) -> Json:
    """One page of a connection, newest first."""
    order = arguments.get("orderBy") or "createdAt"
    collection = store.collection(COLLECTIONS[type_name])
    if rows is None:
        rows = all_newest_first(collection, order)
    elif "orderBy" in arguments:
        rows = newest_first(rows, order)
    condition = arguments.get("filter") or {}
    chosen = [
        row
        for row in rows
        if is_visible(row, type_name, arguments) and matches(row, condition, look_up(store))
    ]
    start = position_after(chosen, arguments.get("after"), collection, order)
    return to_page(chosen, start, page_size(arguments.get("first")))


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


def is_visible(row: Json, type_name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a row is listed: archived and disabled ones only if asked for."""
    if row.get("archivedAt") and not arguments.get("includeArchived"):
        return False
    is_disabled = type_name == "User" and row.get("active") is False
    return not is_disabled or bool(arguments.get("includeDisabled"))


def look_up(store: LinearStore) -> Callable[[str, Json], Json]:
    """How filters follow a reference to the whole object."""
    types = {"team": "Team", "state": "WorkflowState", "issue": "Issue", "user": "User"}
    return lambda name, value: referenced(store, types.get(name, ""), value)


def position_after(rows: list[Json], cursor: str | None, collection: Collection, order: str) -> int:
    """Where a page begins. A cursor is the id of the last row of the page before; if that row is
    no longer listed, the page begins where it would be.

    Raises:
        InvalidInputError: the cursor is no id of a known object.
    """
    if cursor is None:
        return 0
    for index, row in enumerate(rows):
        if row["id"] == cursor:
            return index + 1
    last = collection.decoded().get(cursor)
    if last is None:
        raise InvalidInputError("Argument Validation Error: after is not a valid cursor")
    return sum(position(row, order) > position(last, order) for row in rows)


def to_page(rows: list[Json], start: int, first: int) -> Json:
    """A connection with one page of rows."""
    page = rows[start : start + first]
    return {
        "nodes": page,
        "edges": [{"cursor": row["id"], "node": row} for row in page],
        "pageInfo": {
            "hasNextPage": start + first < len(rows),
            "hasPreviousPage": start > 0,
            "startCursor": page[0]["id"] if page else None,
            "endCursor": page[-1]["id"] if page else None,
        },
    }


def page_size(first: int | None) -> int:
    """The size of a page.

    Raises:
        InvalidInputError: it is out of range.
    """
    if first is None:
        return DEFAULT_FIRST
    if not 1 <= first <= MAXIMUM_FIRST:
        raise InvalidInputError(
            f"Argument Validation Error: first must be between 1 and {MAXIMUM_FIRST}"
        )
    return first


DEFAULTS: dict[tuple[str, str], Callable[[Json], Any]] = {
    ("Issue", "previousIdentifiers"): lambda issue: [],
    ("Issue", "priorityLabel"): lambda issue: PRIORITY_LABELS[int(issue.get("priority") or 0)],
    ("Issue", "number"): lambda issue: int(issue["identifier"].split("-")[1]),
    ("Issue", "branchName"): lambda issue: issue["identifier"].lower(),
    ("IssueLabel", "isGroup"): lambda label: False,
    ("Team", "private"): lambda team: False,
    ("User", "app"): lambda user: False,
    ("User", "guest"): lambda user: False,
}
"""Non-null fields that follow from others or are nearly always the same."""
