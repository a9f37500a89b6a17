"""Paragraphs of many Notion pages, made when they are asked for: 360,000 of them take no memory."""

from __future__ import annotations

import json
from typing import Any

from include.sandbox.notion_rows import NotionRows

Json = dict[str, Any]

NESTED = 4
"""Of so many paragraphs the last lies below the one before it."""


def page_id(number: int) -> str:
    """The id of a page by its number."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def block_id(page: int, place: int) -> str:
    """The id of a paragraph by its page and its place on it."""
    return f"{page:08x}-0000-4000-8000-{place + 1:012x}"


def numbers_of(object_id: str) -> tuple[int, int]:
    """The page and place of an id; the place of a page is -1."""
    try:
        return int(object_id[:8], 16), int(object_id[24:], 16) - 1
    except ValueError:
        return -1, -1


class ManyParagraphs(NotionRows):
    """So many paragraphs on each of so many pages; one that is changed is kept as it then is.

    `form` is their JSON with places for `id`, `kind` and `parent`, `nests` and `text`.
    """

    def __init__(self, pages: int, blocks: int, form: str) -> None:
        super().__init__()
        self._pages = pages
        self._blocks = blocks
        self._form = form
        self._deleted: set[str] = set()

    def __len__(self) -> int:
        added = sum(1 for key in self._raw if not self._was_made(key))
        return self._pages * self._blocks - len(self._deleted - self._raw.keys()) + added

    def __contains__(self, object_id: object) -> bool:
        return super().__contains__(object_id) or self._is_made(str(object_id))

    def raw(self) -> list[bytes]:
        """All of them as JSON, which takes the memory that was spared."""
        made = (block_id(n, p) for n in range(self._pages) for p in range(self._blocks))
        return [*super().raw(), *(self._make(key) for key in made if self._is_made(key))]

    def get(self, object_id: str | int) -> Json | None:
        """One paragraph, decoded anew."""
        raw = self.raw_of(object_id)
        return None if raw is None else json.loads(raw)

    def raw_of(self, object_id: str | int) -> bytes | None:
        """One paragraph as JSON."""
        key = str(object_id)
        return self._make(key) if self._is_made(key) else super().raw_of(key)

    def delete(self, object_id: str | int) -> None:
        """Forget a paragraph."""
        key = str(object_id)
        if self._is_made(key):
            self.upsert(self._make(key))
        super().delete(key)
        if self._was_made(key):
            self._deleted.add(key)

    def parent_of(self, object_id: str) -> str | None:
        """The id of what holds a paragraph."""
        if self._is_made(object_id):
            return self._made_parent(object_id)
        return super().parent_of(object_id)

    def below(self, parent_id: str) -> list[str]:
        """The ids of the paragraphs that lie directly below a page or another one."""
        made = self._made_below(parent_id)
        if not self._raw and not self._deleted:
            return made
        below, parent_of = super().below(parent_id), super().parent_of
        changed = self._raw.keys() | self._deleted
        kept = [key for key in made if key not in changed or parent_of(key) == parent_id]
        return list(dict.fromkeys([*kept, *below]))

    def _made_below(self, parent_id: str) -> list[str]:
        page, place = numbers_of(parent_id)
        if not 0 <= page < self._pages:
            return []
        if parent_id == page_id(page):
            return [block_id(page, p) for p in range(self._blocks) if p % NESTED != NESTED - 1]
        nests = place % NESTED == NESTED - 2 and parent_id == block_id(page, place)
        return [block_id(page, place + 1)] if nests and place + 1 < self._blocks else []

    def _was_made(self, key: str) -> bool:
        page, place = numbers_of(key)
        known = 0 <= page < self._pages and 0 <= place < self._blocks
        return known and key == block_id(page, place)

    def _is_made(self, key: str) -> bool:
        return self._was_made(key) and key not in self._raw and key not in self._deleted

    def _made_parent(self, key: str) -> str:
        page, place = numbers_of(key)
        return block_id(page, place - 1) if place % NESTED == NESTED - 1 else page_id(page)

    def _make(self, key: str) -> bytes:
        page, place = numbers_of(key)
        parent = self._made_parent(key)
        nests = place % NESTED == NESTED - 2 and place + 1 < self._blocks
        values = {
            "id": key,
            "kind": "page_id" if parent == page_id(page) else "block_id",
            "parent": parent,
            "nests": "true" if nests else "false",
            "text": f"Line {place} of page {page}",
        }
        return (self._form % values).encode()
