"""Linear's filters: `{updatedAt: {gte: …}, team: {key: {in: […]}}, or: […]}` on decoded objects."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.sandbox.collection import Json
from include.sandbox.linear_relations import referenced, related
from include.sandbox.linear_schema import is_object, type_of

if TYPE_CHECKING:
    from include.sandbox.stores import LinearStore

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, wanted: value in wanted,
    "nin": lambda value, wanted: value not in wanted,
    "null": lambda value, wanted: (value is None) is wanted,
    "contains": lambda value, wanted: wanted in value,
    "notContains": lambda value, wanted: wanted not in value,
    "startsWith": lambda value, wanted: value.startswith(wanted),
    "notStartsWith": lambda value, wanted: not value.startswith(wanted),
    "endsWith": lambda value, wanted: value.endswith(wanted),
    "notEndsWith": lambda value, wanted: not value.endswith(wanted),
    "eqIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "neqIgnoreCase": lambda value, wanted: value.lower() != wanted.lower(),
    "containsIgnoreCase": lambda value, wanted: wanted.lower() in value.lower(),
    "notContainsIgnoreCase": lambda value, wanted: wanted.lower() not in value.lower(),
    "startsWithIgnoreCase": lambda value, wanted: value.lower().startswith(wanted.lower()),
}
EXACT = ("eq", "neq", "in", "nin", "null")
"""Comparisons that a field without a value can fulfil."""
COLLECTION = {"some", "every", "length"}


class FilterError(ValueError):
    """A filter whose value cannot be compared."""


def matches(
    store: LinearStore, type_name: str, row: Json | None, condition: Mapping[str, Any]
) -> bool:
    """Whether an object of a type fulfils every part of a filter.

    Where there is none, only `null: true` is fulfilled.
    """
    return all(fulfils(store, type_name, row, *part) for part in condition.items())


def fulfils(store: LinearStore, type_name: str, row: Json | None, name: str, wanted: Any) -> bool:
    """Whether an object fulfils one part of a filter."""
    if name == "and":
        return all(matches(store, type_name, row, part) for part in wanted)
    if name == "or":
        return any(matches(store, type_name, row, part) for part in wanted)
    if name == "null":
        return (row is None) is wanted
    if row is None:
        return False
    found = type_of(type_name, name)
    if COLLECTION & set(wanted):
        return fulfils_collection(store, type_name, row, name, wanted)
    value = row.get(name)
    if not is_object(found):
        return all(compares(name, value, how, target) for how, target in wanted.items())
    return matches(store, found, referenced(store, found, value) if value else None, wanted)


def fulfils_collection(
    store: LinearStore, type_name: str, row: Json, name: str, wanted: Mapping[str, Any]
) -> bool:
    """Whether the objects of a nested list fulfil a filter of some, of every or of their number."""
    found = type_of(type_name, name).removesuffix("Connection")
    field = "teams" if name == "accessibleTeams" else name
    items = related(store, type_name, row, field, found)
    return (
        ("some" not in wanted or any(matches(store, found, i, wanted["some"]) for i in items))
        and ("every" not in wanted or all(matches(store, found, i, wanted["every"]) for i in items))
        and all(compares("length", len(items), *pair) for pair in wanted.get("length", {}).items())
    )


def compares(name: str, value: Any, how: str, wanted: Any) -> bool:
    """Whether a value compares as asked; null equals nothing, is never in order, has no text."""
    if value is None and how not in EXACT:
        return False
    if name.endswith(("At", "Date")) and how != "null":
        value = to_moment(value) if value else None
        wanted = [to_moment(item) for item in wanted] if how in ("in", "nin") else to_moment(wanted)
    return COMPARISONS[how](value, wanted)


def to_moment(text: str) -> datetime:
    """A point in time. Durations, which Linear also takes, are not served.

    Raises:
        FilterError: it is not an ISO timestamp.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise FilterError(f"Argument Validation Error: {text!r} is not a date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
