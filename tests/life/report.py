"""What happened in a life, as data/life.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def table(title: str, rows: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> str:
    """Names and numbers as a table of Markdown."""
    pairs = rows.items() if isinstance(rows, Mapping) else rows
    lines = [f"| {_name(name)} | {value} |" for name, value in pairs]
    return "\n".join([f"| {title} | |", "|---|---:|", *lines])


def _name(name: Any) -> str:
    return " ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)
