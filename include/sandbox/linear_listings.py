"""Pages of Linear's connections: what is listed, in which order, from which cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from include.sandbox.collection import Collection, Json
from include.sandbox.linear_filters import matches
from include.sandbox.linear_relations import all_newest_first, newest_first, position
from include.sandbox.linear_schema import COLLECTIONS

if TYPE_CHECKING:
    from include.sandbox.stores import LinearStore

MAXIMUM_FIRST: Final = 250
DEFAULT_FIRST: Final = 50
REMEMBERED: Final = 64
PAGING: Final = ("after", "before", "first", "last")


class InvalidInputError(ValueError):
    """An argument that Linear refuses; `shown` is what it tells a person."""

    def __init__(self, message: str, shown: str = "") -> None:
        super().__init__(message)
        self.shown = shown or message


@dataclass(frozen=True)
class Listing:
    """All that a connection lists, in its order."""

    collection: Collection
    order: str
    rows: list[Json]

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of every row by its id."""
        return {row["id"]: place for place, row in enumerate(self.rows)}

    def page(self, arguments: Mapping[str, Any]) -> Json:
        """One page, from `after` on or up to `before`; the first ones, or with `last` the last.

        Raises:
            InvalidInputError: the arguments are out of range.
        """
        start, end = 0, len(self.rows)
        if arguments.get("after"):
            start = self._place_of(arguments["after"], "after", 1)
        if arguments.get("before"):
            end = max(start, self._place_of(arguments["before"], "before", 0))
        if arguments.get("last") is None:
            end = min(end, start + page_size("first", arguments.get("first")))
        elif arguments.get("first") is not None:
            raise InvalidInputError("Argument Validation Error: first and last exclude each other")
        else:
            start = max(start, end - page_size("last", arguments["last"]))
        page = self.rows[start:end]
        return {
            "nodes": page,
            "edges": [{"cursor": row["id"], "node": row} for row in page],
            "pageInfo": {
                "hasNextPage": end < len(self.rows),
                "hasPreviousPage": start > 0,
                "startCursor": page[0]["id"] if page else None,
                "endCursor": page[-1]["id"] if page else None,
            },
        }

    def _place_of(self, cursor: str, name: str, offset: int) -> int:
        """Where a cursor points, which is a row's id: beside it, or where it would be now."""
        if cursor in self.places:
            return self.places[cursor] + offset
        row = self.collection.decoded().get(cursor)
        if row is None:
            raise InvalidInputError(f"Argument Validation Error: {name} is not a valid cursor")
        return sum(position(r, self.order) > position(row, self.order) for r in self.rows)


def listing_of(
    store: LinearStore, type_name: str, rows: list[Json] | None, arguments: Mapping[str, Any]
) -> Listing:
    """What a connection lists: of these rows, or of all where there are none."""
    order = arguments.get("orderBy") or "createdAt"
    collection = store.collection(COLLECTIONS[type_name])
    if rows is not None:
        ordered = newest_first(rows, order) if "orderBy" in arguments else rows
        return Listing(collection, order, chosen(store, type_name, ordered, arguments))
    asked = {name: value for name, value in arguments.items() if name not in PAGING}
    key = (type_name, msgspec.json.encode(asked))
    state = store.state()
    known = store.listings.get(key)
    if known is not None and known[0] == state:
        remembered: Listing = known[1]
        return remembered
    candidates = in_question(collection, order, arguments)
    listing = Listing(collection, order, chosen(store, type_name, candidates, arguments))
    if len(store.listings) >= REMEMBERED:
        store.listings.clear()
    store.listings[key] = (state, listing)
    return listing


def in_question(collection: Collection, order: str, arguments: Mapping[str, Any]) -> list[Json]:
    """What a filter may let through: where it names ids, only these are looked at."""
    wanted = ((arguments.get("filter") or {}).get("id") or {}).get("in")
    if wanted is None:
        return all_newest_first(collection, order)
    known = collection.decoded()
    return newest_first([known[key] for key in dict.fromkeys(wanted) if key in known], order)


def chosen(
    store: LinearStore, type_name: str, rows: list[Json], arguments: Mapping[str, Any]
) -> list[Json]:
    """The rows that are asked for."""
    condition = arguments.get("filter") or {}
    return [
        row
        for row in rows
        if is_visible(row, type_name, arguments) and matches(store, type_name, row, condition)
    ]


def is_visible(row: Json, type_name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a row is listed: archived and disabled ones only if asked for."""
    if row.get("archivedAt") and not arguments.get("includeArchived"):
        return False
    is_disabled = type_name == "User" and row.get("active") is False
    return not is_disabled or bool(arguments.get("includeDisabled"))


def page_size(name: str, size: int | None) -> int:
    """The size of a page.

    Raises:
        InvalidInputError: it is out of range.
    """
    if size is None:
        return DEFAULT_FIRST
    if not 1 <= size <= MAXIMUM_FIRST:
        raise InvalidInputError(
            f"Argument Validation Error: {name} must be between 1 and {MAXIMUM_FIRST}"
        )
    return size
