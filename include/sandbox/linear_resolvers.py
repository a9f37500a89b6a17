"""How the fields of Linear's schema get their values from a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLResolveInfo, get_named_type, is_object_type

from include.sandbox.collection import Json
from include.sandbox.linear_defaults import default
from include.sandbox.linear_listings import InvalidInputError, listing_of
from include.sandbox.linear_relations import referenced, related
from include.sandbox.linear_schema import COLLECTIONS
from include.sandbox.workspace import LinearStore

VIEWER: Final[Json] = {
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

HUMAN_KEYS: Final = {
    "Document": "slugId",
    "Initiative": "slugId",
    "Issue": "identifier",
    "Project": "slugId",
    "Team": "key",
}
"""What else than the id finds one object."""

LISTS: Final = {("Customer", "needs"), ("Organization", "projectStatuses")}
"""Nested lists that are no connections."""


def resolve(source: Json, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """Any field: a connection, a reference to an object, or what the payload holds."""
    store: LinearStore = info.context
    parent, field = info.parent_type.name, info.field_name
    returned = get_named_type(info.return_type)
    if returned.name.endswith("Connection"):
        type_name = returned.name.removesuffix("Connection")
        rows = None if parent == "Query" else related(store, parent, source, field, type_name)
        return listing_of(store, type_name, rows, arguments).page(arguments)
    if parent == "Query":
        return resolve_root(store, field, returned.name, arguments)
    if (parent, field) in LISTS:
        return related(store, parent, source, field, returned.name)
    value = source.get(field)
    if value is None:
        value = default(store, parent, source, field, info.return_type)
    if value is None or not is_object_type(returned):
        return value
    if isinstance(value, list):
        return [referenced(store, returned.name, item) for item in value]
    return referenced(store, returned.name, value)


def resolve_root(
    store: LinearStore, field: str, type_name: str, arguments: Mapping[str, Any]
) -> Json:
    """A root field that is one object, by its id or by what people call it, now or formerly.

    Raises:
        InvalidInputError: there is no such object.
    """
    if field == "organization":
        return store.organization
    if field == "viewer":
        apps = (user for user in store.users.decoded().values() if user.get("app"))
        return next(apps, VIEWER)
    wanted = str(arguments.get("id"))
    collection = store.collection(COLLECTIONS[type_name])
    found = collection.decoded().get(wanted)
    if found is None and type_name in HUMAN_KEYS:
        key = HUMAN_KEYS[type_name]
        found = collection.derived(("called", key), lambda: called(collection.decoded(), key)).get(
            wanted
        )
    if found is None:
        raise InvalidInputError(
            f"Entity not found: {type_name}", f"Could not find referenced {type_name}."
        )
    return found


def called(rows: Mapping[str, Json], key: str) -> dict[str, Json]:
    """Objects by what people call them; a name in use goes before a former one."""
    former = {name: row for row in rows.values() for name in row.get("previousIdentifiers") or ()}
    return former | {str(row[key]): row for row in rows.values() if row.get(key)}
