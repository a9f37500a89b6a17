"""Notion's objects of one kind, with an index of which lies below which.

A workspace of 3,000 pages has several hundred thousand blocks: they stay bytes, and what is asked
for is found by its parent, without a look at all the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from sys import intern

import msgspec

from include.sandbox.collection import Collection, Json


class Parent(msgspec.Struct):
    """Where an object lies; which of the ids is meant is its type."""

    page_id: str | None = None
    block_id: str | None = None
    data_source_id: str | None = None
    database_id: str | None = None

    @property
    def id(self) -> str | None:
        """The id of what holds the object; a row's data source goes before its database."""
        return self.page_id or self.block_id or self.data_source_id or self.database_id


class Head(msgspec.Struct):
    """What the index needs to know of an object."""

    id: str
    parent: Parent = msgspec.field(default_factory=Parent)
    in_trash: bool = False
    archived: bool = False


HEAD = msgspec.json.Decoder(Head)


class NotionRows(Collection):
    """A collection that knows each object's parent, each parent's objects, and what is in trash.

    The objects of a parent stay in the order in which they came; one that is replaced keeps its
    place, and one that comes from elsewhere goes to the end.
    """

    def __init__(self, rows: Iterable[Json | bytes] = (), key: str = "id") -> None:
        self._parents: dict[str, str] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._trashed: set[str] = set()
        self.changes = 0
        super().__init__(rows, key)

    def delete(self, object_id: str | int) -> None:
        """Forget an object; what lay below it is not touched.

        Raises:
            KeyError: there is none with this id.
        """
        super().delete(object_id)
        with self._lock:
            self.changes += 1
            self._take_from_parent(str(object_id))
            self._trashed.discard(str(object_id))

    def parent_of(self, object_id: str) -> str | None:
        """The id of what holds an object; None if nothing does or the object is not here."""
        return self._parents.get(object_id)

    def below(self, parent_id: str) -> list[str]:
        """The ids of the objects that lie directly below a parent, in order."""
        with self._lock:
            return list(self._children.get(parent_id, ()))

    @property
    def trashed(self) -> Set[str]:
        """The ids of the objects that were put into the trash themselves."""
        return self._trashed

    def _put(self, row: Json | bytes) -> None:
        raw = row if isinstance(row, bytes) else msgspec.json.encode(row)
        head = HEAD.decode(raw)
        self._raw[head.id] = raw
        self.changes += 1
        (self._trashed.add if head.in_trash or head.archived else self._trashed.discard)(head.id)
        parent = head.parent.id
        if parent == self._parents.get(head.id):
            return
        self._take_from_parent(head.id)
        if parent is not None:
            parent = intern(parent)  # said by everything below it
            self._parents[head.id] = parent
            self._children.setdefault(parent, {})[head.id] = None

    def _take_from_parent(self, object_id: str) -> None:
        parent = self._parents.pop(object_id, None)
        if parent is not None:
            self._children[parent].pop(object_id)
