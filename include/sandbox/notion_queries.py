"""Notion's request bodies: filters by time, sorts, page sizes, and how each is refused."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from include.sandbox.collection import Json

MAXIMUM_PAGE_SIZE = 100
TIMESTAMPS = ("created_time", "last_edited_time")
DIRECTIONS = ("ascending", "descending")

CONDITIONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "equals": operator.eq,
    "before": operator.lt,
    "after": operator.gt,
    "on_or_before": operator.le,
    "on_or_after": operator.ge,
}


class InvalidRequestError(ValueError):
    """A request that Notion answers with validation_error."""


def read_body(body: bytes) -> Json:
    """The JSON object of a request; empty if there is none."""
    if not body:
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidRequestError("Error parsing JSON body.") from error


def read_page_size(value: Any, where: str) -> int:
    """A page size between 1 and 100."""
    name = f"{where} failed validation: {where}.page_size"
    if value is None:
        return MAXIMUM_PAGE_SIZE
    if isinstance(value, str) and value.isdigit() and where == "query":
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequestError(f"{name} should be a number, instead was `{value!r}`.")
    if value > MAXIMUM_PAGE_SIZE:
        raise InvalidRequestError(f"{name} should be ≤ `100`, instead was `{value}`.")
    if value < 1:
        raise InvalidRequestError(f"{name} should be ≥ `1`, instead was `{value}`.")
    return value


def fulfils(row: Json, condition: Mapping[str, Any] | None) -> bool:
    """Whether a row fulfils a filter of a data source query.

    Raises:
        InvalidRequestError: the filter is malformed, or filters by a property, which is not served.
    """
    if not condition:
        return True
    if "and" in condition:
        return all(fulfils(row, part) for part in condition["and"])
    if "or" in condition:
        return any(fulfils(row, part) for part in condition["or"])
    timestamp = condition.get("timestamp")
    if timestamp not in TIMESTAMPS or set(condition) != {"timestamp", timestamp}:
        raise InvalidRequestError(
            "body failed validation: body.filter should be a timestamp filter, `and` or `or`; the "
            "sandbox does not serve filters by property."
        )
    comparisons = condition[timestamp]
    if not comparisons or not set(comparisons) <= set(CONDITIONS):
        raise InvalidRequestError(
            f"body failed validation: body.filter.{timestamp} should have one of "
            f"{', '.join(CONDITIONS)}."
        )
    moment = to_moment(row[timestamp])
    return all(CONDITIONS[how](moment, to_moment(wanted)) for how, wanted in comparisons.items())


def order_by(rows: list[Json], sorts: list[Mapping[str, str]]) -> list[Json]:
    """Rows sorted by times, the first sort deciding; rows of equal times are ordered by id."""
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    for sort in reversed(sorts):
        timestamp, direction = sort.get("timestamp"), sort.get("direction")
        if timestamp not in TIMESTAMPS or direction not in DIRECTIONS:
            raise InvalidRequestError(
                "body failed validation: a sort should have a timestamp and a direction; the "
                "sandbox does not serve sorts by property."
            )
        ordered.sort(key=lambda row: to_moment(row[timestamp]), reverse=direction == "descending")
    return ordered


def to_moment(text: Any) -> datetime:
    """A date or a point in time."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"body failed validation: {text!r} should be a valid ISO 8601 date string."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def search_title(row: Json) -> str:
    """The plain title of a page or data source."""
    if row["object"] == "data_source":
        texts = row["title"]
    else:
        texts = next((v["title"] for v in row["properties"].values() if v["type"] == "title"), [])
    return "".join(text["plain_text"] for text in texts)
