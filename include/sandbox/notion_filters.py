"""Filters and sorts of data source queries, by property and by time.

https://developers.notion.com/reference/post-database-query-filter. A condition that is not served
is an error, never a lenient guess.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from include.sandbox.collection import Json
from include.sandbox.notion_requests import InvalidRequestError

TIMESTAMPS = ("created_time", "last_edited_time")
DIRECTIONS = ("ascending", "descending")
DEPTH = 2
"""How many compound filters may lie within each other."""

Test = Callable[[Any, Any], bool]

EMPTINESS: dict[str, Test] = {
    "is_empty": lambda value, _: value in (None, "", []),
    "is_not_empty": lambda value, _: value not in (None, "", []),
}
EQUALITY: dict[str, Test] = {"equals": operator.eq, "does_not_equal": operator.ne}
MEMBERSHIP: dict[str, Test] = {
    "contains": lambda values, wanted: wanted in values,
    "does_not_contain": lambda values, wanted: wanted not in values,
} | EMPTINESS


def folded(test: Callable[[str, str], bool]) -> Test:
    """A test of texts that does not mind capitals."""
    return lambda value, wanted: test(str(value or "").lower(), str(wanted).lower())


def known(test: Test) -> Test:
    """A test that no empty value passes."""
    return lambda value, wanted: value is not None and test(value, wanted)


def of_time(test: Test) -> Test:
    """A test of points in time, or of days where only a day is asked for."""

    def compare(value: Any, wanted: Any) -> bool:
        if value is None:
            return False
        moment, limit = to_moment(value), to_moment(wanted)
        if isinstance(wanted, str) and len(wanted) == len("2026-01-01"):
            return test(moment.astimezone(UTC).date(), limit.date())
        return test(moment, limit)

    return compare


TEXT = {
    "equals": folded(operator.eq),
    "does_not_equal": folded(operator.ne),
    "contains": folded(lambda value, wanted: wanted in value),
    "does_not_contain": folded(lambda value, wanted: wanted not in value),
    "starts_with": folded(str.startswith),
    "ends_with": folded(str.endswith),
} | EMPTINESS
NUMBER = {
    **EQUALITY,
    "greater_than": known(operator.gt),
    "less_than": known(operator.lt),
    "greater_than_or_equal_to": known(operator.ge),
    "less_than_or_equal_to": known(operator.le),
} | EMPTINESS
TIME = {
    "equals": of_time(operator.eq),
    "before": of_time(operator.lt),
    "after": of_time(operator.gt),
    "on_or_before": of_time(operator.le),
    "on_or_after": of_time(operator.ge),
} | EMPTINESS
OPTION = EQUALITY | EMPTINESS

CONDITIONS: dict[str, dict[str, Test]] = {
    **dict.fromkeys(("title", "rich_text", "url", "email", "phone_number"), TEXT),
    **dict.fromkeys(("number", "unique_id"), NUMBER),
    **dict.fromkeys(("date", "created_time", "last_edited_time"), TIME),
    **dict.fromkeys(("select", "status"), OPTION),
    **dict.fromkeys(("people", "created_by", "last_edited_by", "relation"), MEMBERSHIP),
    "multi_select": MEMBERSHIP,
    "checkbox": EQUALITY,
    "files": EMPTINESS,
}
FORMULA_TYPES = {"string": "rich_text", "checkbox": "checkbox", "number": "number", "date": "date"}


def fulfils(
    row: Json,
    condition: Mapping[str, Any] | None,
    schema: Mapping[str, Json],
    depth: int = 0,
    *,
    dry: bool = False,
) -> bool:
    """Whether a row fulfils a filter; `dry` only looks at whether the filter can be one.

    Raises:
        InvalidRequestError: the filter is malformed, or of a kind that is not served.
    """
    if not condition:
        return True
    for name, decide in (("and", all), ("or", any)):
        if name in condition:
            parts = condition[name]
            if depth >= DEPTH or len(condition) != 1 or not isinstance(parts, list):
                raise invalid(f"`{name}` should stand alone and at most {DEPTH} deep")
            results = [fulfils(row, part, schema, depth + 1, dry=dry) for part in parts]
            return decide(results)
    if "timestamp" in condition:
        kind = condition["timestamp"]
        if kind not in TIMESTAMPS or set(condition) != {"timestamp", kind}:
            raise invalid("a timestamp filter should have a timestamp and its condition")
        return passes(kind, None if dry else row[kind], condition[kind], dry=dry)
    name = named(condition.get("property"), schema)
    kinds = set(condition) - {"property", "type"}
    if len(kinds) != 1:
        raise invalid("a property filter should have a property and one condition")
    kind = kinds.pop()
    if kind != schema[name]["type"]:
        raise invalid(f"property {name} is {schema[name]['type']}, not {kind}")
    value = None if dry else row["properties"].get(name)
    if kind == "formula":
        return formula_passes(value, condition[kind], dry=dry)
    plain = None if value is None else comparable(value)
    return passes(kind, plain, condition[kind], dry=dry)


def formula_passes(value: Json | None, condition: Mapping[str, Any], *, dry: bool) -> bool:
    """Whether the result of a formula passes; one of another type than asked for does not."""
    if len(condition) != 1 or not set(condition) <= set(FORMULA_TYPES):
        raise invalid(f"a formula filter should have one of {', '.join(FORMULA_TYPES)}")
    ((kind, tests),) = condition.items()
    result = (value or {}).get("formula") or {}
    found = result.get("type", "").replace("boolean", "checkbox")
    if not dry and found != kind:
        return False
    return passes(FORMULA_TYPES[kind], comparable(result) if result else None, tests, dry=dry)


def passes(kind: str, value: Any, tests: Any, *, dry: bool) -> bool:
    """Whether a value passes every test of a condition."""
    served = CONDITIONS.get(kind)
    if served is None:
        raise invalid(f"the sandbox does not serve filters by {kind}")
    if not isinstance(tests, Mapping) or not tests or not set(tests) <= set(served):
        raise invalid(f"{kind} should have one of {', '.join(served)}")
    if dry:
        if served is TIME:
            for name in set(tests) - set(EMPTINESS):
                to_moment(tests[name])
        return True
    if served is MEMBERSHIP and not isinstance(value, list):
        value = [] if value is None else [value]
    return all(served[name](value, wanted) for name, wanted in tests.items())


def comparable(value: Json) -> Any:
    """What a property's value, or a formula's result, is compared by."""
    kind = value["type"]
    plain: Any = value.get(kind)
    if kind in ("title", "rich_text"):
        return "".join(item["plain_text"] for item in plain)
    if kind in ("select", "status"):
        return None if plain is None else plain["name"]
    if kind == "multi_select":
        return [option["name"] for option in plain]
    if kind in ("people", "relation"):
        return [reference["id"] for reference in plain]
    if kind in ("created_by", "last_edited_by"):
        return plain["id"]
    if kind == "date":
        return None if plain is None else plain["start"]
    if kind == "unique_id":
        return plain["number"]
    return plain


def order_by(
    rows: list[Json], sorts: list[Mapping[str, str]], schema: Mapping[str, Json] | None = None
) -> list[Json]:
    """Rows sorted by times and properties, the first sort deciding, equal ones by their id.

    What is empty comes last in either direction.
    """
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    for sort in reversed(sorts):
        direction, timestamp = sort.get("direction"), sort.get("timestamp")
        if direction not in DIRECTIONS:
            raise invalid("a sort should have a direction", "sorts")
        if timestamp is not None and timestamp not in TIMESTAMPS:
            raise invalid(f"a sort should be by one of {', '.join(TIMESTAMPS)}", "sorts")
        name = None if timestamp else named(sort.get("property"), schema or {}, "sorts")
        keyed = [(sort_key(row, timestamp, name), row) for row in ordered]
        full = [pair for pair in keyed if pair[0] is not None]
        full.sort(key=lambda pair: pair[0], reverse=direction == "descending")
        ordered = [row for _, row in full] + [row for key, row in keyed if key is None]
    return ordered


def sort_key(row: Json, timestamp: str | None, name: str | None) -> Any:
    """What a row is sorted by; None if it has nothing."""
    if timestamp is not None:
        return to_moment(row[timestamp])
    value = row["properties"].get(name)
    if value is None:
        return None
    key = comparable(value[value["type"]] if value["type"] in ("formula", "rollup") else value)
    if key in (None, "", []):
        return None
    if value["type"] in ("date", "created_time", "last_edited_time"):
        return to_moment(key)
    return ", ".join(map(str, key)).lower() if isinstance(key, list) else key


def named(name: Any, schema: Mapping[str, Json], where: str = "filter") -> str:
    """A property's name in the schema, by its name or id."""
    for known_name, value in schema.items():
        if name is not None and (name == known_name or unquote(name) == unquote(value["id"])):
            return known_name
    raise invalid(f"Could not find property with name or id: {name}", where)


def to_moment(text: Any) -> datetime:
    """A date or a point in time."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise invalid(f"{text!r} should be a valid ISO 8601 date string") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def invalid(what: str, where: str = "filter") -> InvalidRequestError:
    """The error for a filter or sort."""
    return InvalidRequestError(f"body failed validation: body.{where}: {what}.")
