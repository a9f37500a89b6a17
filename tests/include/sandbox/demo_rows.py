"""The rows of the demo workspace as they lie in its files, and what tests ask of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "include" / "sandbox" / "workspace"
ORGANIZATION = "github/tidewater-labs"
GAUGE = "github/tidewater-labs/gauge"
HEADWATER = "github/tidewater-labs/headwater"

Row = dict[str, Any]


@cache
def rows(path: str) -> list[Row]:
    lines = (DEMO / f"{path}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def gauge(kind: str) -> list[Row]:
    return rows(f"{GAUGE}/{kind}")


def linear(kind: str) -> list[Row]:
    return rows(f"linear/{kind}")


def notion(kind: str) -> list[Row]:
    return rows(f"notion/{kind}")


def by(key: str, items: list[Row]) -> dict[Any, Row]:
    found = {item[key]: item for item in items}
    assert len(found) == len(items), f"{key} is not unique"
    return found


def number(url: str) -> int:
    return int(url.rsplit("/", 1)[1])


def login(row: Row | None) -> str | None:
    return None if row is None else str(row["login"])


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def all_rows() -> Iterator[tuple[Path, Row]]:
    for path in sorted(DEMO.rglob("*.jsonl")):
        for row in rows(str(path.relative_to(DEMO).with_suffix(""))):
            yield path, row
