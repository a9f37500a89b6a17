"""Small Notion workspaces for tests of the sandbox: rows that the published schemas accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.sandbox import Workspace
from tests.workspaces import below, notion, page, paragraph

Json = dict[str, Any]
NEW = "2026-03-11"
OLD = "2025-09-03"
PLAIN = {"bold": False, "italic": False, "strikethrough": False} | {
    "underline": False,
    "code": False,
    "color": "default",
}


def text(content: str, href: str | None = None, **marks: Any) -> Json:
    """A run of plain text."""
    return {
        "type": "text",
        "text": {"content": content, "link": {"url": href} if href else None},
        "annotations": PLAIN | marks,
        "plain_text": content,
        "href": href,
    }


def mention(kind: str, value: Json, shown: str) -> Json:
    """A run of text that mentions something."""
    what = {"type": kind, kind: value}
    return text(shown) | {"type": "mention", "mention": what}


def block(kind: str, parent: Json, name: str = "", **value: Any) -> Json:
    """A block of any type; what has text and no text given says its type."""
    if not value and kind in ("bulleted_list_item", "numbered_list_item", "quote", "toggle"):
        value = {"rich_text": [text(name or kind)], "color": "default"}
    row = paragraph(name or f"{kind} of {parent['id']}", below(parent))
    del row["paragraph"]
    return row | {"type": kind, kind: value}


def lines(parent: Json, *names: str) -> list[Json]:
    """Paragraphs that say their names."""
    return [words(parent, name) for name in names]


def words(parent: Json, name: str, *items: Json, color: str = "default") -> Json:
    """A paragraph that says its name, or other text."""
    value = {"rich_text": list(items) or [text(name)], "color": color, "icon": None}
    return block("paragraph", parent, name, **value)


def written(*blocks: Json, **rows: Any) -> Workspace:
    """A page `Page` with these blocks on it."""
    return notion(pages=[page("Page")], blocks=mark_parents(blocks), **rows)


def mark_parents(blocks: Any) -> Iterator[Json]:
    """The blocks, each saying whether others lie below it."""
    parents = {row["parent"].get("block_id") for row in blocks}
    for row in blocks:
        yield row | {"has_children": row["id"] in parents}
