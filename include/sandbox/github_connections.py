"""Relay connections as GitHub pages them.

A cursor holds the sort key and the id of the item it stands for, so that a walk neither repeats nor
loses an item when others come, go or change between two pages.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, SelectionSetNode

from include.sandbox.collection import Json

MAXIMUM_FIRST: Final = 100
CURSOR_PREFIX: Final = b"cursor:v2:"

Position = tuple[Any, ...]


class ApiError(Exception):
    """An error that GitHub puts beside the data; the field it belongs to is null."""

    def __init__(self, kind: str | None, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a connection: its place (a sort key and an id) and what it is."""

    position: Position
    value: Any


@dataclass(frozen=True, slots=True)
class Items:
    """All items of a connection in order, and how one becomes a node."""

    items: Sequence[Item]
    to_node: Callable[[Any], Any]
    descending: bool = False


def ordered(values: Sequence[Any], to_node: Callable[[Any], Any]) -> Items:
    """Items that have no other order than the one they came in."""
    return Items([Item((place,), value) for place, value in enumerate(values)], to_node)


def sorted_items(
    values: Sequence[Any],
    key: Callable[[Any], Position],
    to_node: Callable[[Any], Any],
    *,
    descending: bool = False,
) -> Items:
    """Items by a key that ends in something unique."""
    items = [Item(key(value), value) for value in values]
    items.sort(key=lambda item: item.position, reverse=descending)
    return Items(items, to_node, descending)


def connection(found: Items, info: GraphQLResolveInfo, arguments: Mapping[str, Any]) -> Json:
    """One page of a connection.

    Raises:
        ApiError: the page is not bounded, too large, or begins at no cursor of ours.
    """
    total = len(found.items)
    if asks_for_total_only(info):
        return {"totalCount": total}
    first, last = page_bounds(info.field_name, arguments)
    start, end = 0, total
    if arguments.get("after") is not None:
        start = place_of(found, from_cursor("after", arguments["after"]), after=True)
    if arguments.get("before") is not None:
        end = max(start, place_of(found, from_cursor("before", arguments["before"]), after=False))
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    page = found.items[start:end]
    nodes = [found.to_node(item.value) for item in page]
    return {
        "totalCount": total,
        "nodes": nodes,
        "edges": [
            {"cursor": to_cursor(item.position), "node": node, "value": item.value}
            for item, node in zip(page, nodes, strict=True)
        ],
        "pageInfo": {
            "hasNextPage": end < total,
            "hasPreviousPage": start > 0,
            "startCursor": to_cursor(page[0].position) if page else None,
            "endCursor": to_cursor(page[-1].position) if page else None,
        },
    }


def place_of(found: Items, position: Position, *, after: bool) -> int:
    """The index at which a cursor's position is, or would be; behind it if `after`."""

    def is_behind(item: Item) -> bool:
        if item.position == position:
            return not after
        return (item.position > position) is not found.descending

    try:
        return bisect_left(found.items, True, key=is_behind)
    except TypeError as error:
        raise ApiError("INVALID_CURSOR_ARGUMENTS", "The cursor is of another order.") from error


def page_bounds(name: str, arguments: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """`first` and `last`, one of which must be given.

    Raises:
        ApiError: neither is, or it is out of range.
    """
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        raise ApiError(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` "
            "connection.",
        )
    for argument, value in (("first", first), ("last", last)):
        if value is not None and value > MAXIMUM_FIRST:
            raise ApiError(
                "EXCESSIVE_PAGINATION",
                f"Requesting {value} records on the `{name}` connection exceeds the `{argument}` "
                f"limit of {MAXIMUM_FIRST} records.",
            )
        if value is not None and value < 0:
            raise ApiError(
                "ARGUMENT_LIMIT",
                f"`{argument}` on the `{name}` connection cannot be less than zero.",
            )
    return first, last


def to_cursor(position: Position) -> str:
    """An opaque cursor."""
    return base64.b64encode(CURSOR_PREFIX + msgspec.json.encode(position)).decode()


def from_cursor(argument: str, cursor: str) -> Position:
    """The position in a cursor.

    Raises:
        ApiError: it is none of ours.
    """
    try:
        decoded = base64.b64decode(cursor, validate=True)
        if not decoded.startswith(CURSOR_PREFIX):
            raise ValueError(cursor)
        return tuple(msgspec.json.decode(decoded.removeprefix(CURSOR_PREFIX), type=list[Any]))
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise ApiError(
            "INVALID_CURSOR_ARGUMENTS",
            f"`{cursor}` does not appear to be a valid cursor for `{argument}`.",
        ) from error


def asks_for_total_only(info: GraphQLResolveInfo) -> bool:
    """Whether nothing but `totalCount` is selected, for which GitHub wants no page size."""
    return all(
        is_total_only(node.selection_set, info) for node in info.field_nodes if node.selection_set
    )


def is_total_only(selections: SelectionSetNode, info: GraphQLResolveInfo) -> bool:
    """Whether a selection and its fragments hold nothing but `totalCount`."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            if node.name.value not in ("totalCount", "__typename"):
                return False
        elif isinstance(node, FragmentSpreadNode):
            fragment = info.fragments[node.name.value]
            if not is_total_only(fragment.selection_set, info):
                return False
        elif not is_total_only(node.selection_set, info):  # type: ignore[attr-defined]
            return False
    return True
