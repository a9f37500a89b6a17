"""Linear's filters: `{updatedAt: {gte: …}, team: {key: {in: […]}}, or: […]}` on decoded objects."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from include.sandbox.collection import Json

LookUp = Callable[[str, Json], Json]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, wanted: value in wanted,
    "nin": lambda value, wanted: value not in wanted,
}
ORDERED = ("gt", "gte", "lt", "lte")


class FilterError(ValueError):
    """A filter whose value cannot be compared."""


def matches(row: Json | None, condition: Mapping[str, Any], look_up: LookUp) -> bool:
    """Whether a row fulfils every part of a filter; a missing row fulfils only `null: true`."""
    return all(fulfils(row, name, wanted, look_up) for name, wanted in condition.items())


def fulfils(row: Json | None, name: str, wanted: Any, look_up: LookUp) -> bool:
    """Whether a row fulfils one part of a filter."""
    if name == "and":
        return all(matches(row, part, look_up) for part in wanted)
    if name == "or":
        return any(matches(row, part, look_up) for part in wanted)
    if name == "null":
        return (row is None) is wanted
    if row is None:
        return False
    value = row.get(name)
    if "some" in wanted:
        return any(matches(item, wanted["some"], look_up) for item in related(row, name))
    if set(wanted) <= set(COMPARISONS):
        return all(compares(name, value, how, target) for how, target in wanted.items())
    return matches(look_up(name, value) if value else None, wanted, look_up)


def related(row: Json, name: str) -> list[Json]:
    """The objects behind a collection filter; a project is accessible to the teams it lists."""
    connection = row.get("teams" if name == "accessibleTeams" else name) or {}
    return list(connection.get("nodes") or [])


def compares(name: str, value: Any, how: str, wanted: Any) -> bool:
    """Whether a value compares as asked; null equals nothing and is never in order."""
    if name.endswith("At"):
        value = to_moment(value) if value else None
        wanted = [to_moment(item) for item in wanted] if how in ("in", "nin") else to_moment(wanted)
    if value is None and how in ORDERED:
        return False
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
