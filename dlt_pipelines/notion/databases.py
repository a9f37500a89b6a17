"""Databases and their data sources: listed by search, or found as blocks of a page.

A linked view of a database has a block of its own, but the API does not open it: the database that
it shows is listed where it belongs.
https://developers.notion.com/reference/database
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from dlt_pipelines.deletions import Reason
from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.notion.files import files_of_object
from dlt_pipelines.notion.memory import Memory, content_mark
from dlt_pipelines.notion.rest import Json, Keys, Workspace, read_keys
from dlt_pipelines.notion.rows import Rows
from dlt_pipelines.notion.tree import Tree


class _Parent(msgspec.Struct):
    database_id: str = ""


class _DataSource(msgspec.Struct):
    parent: _Parent = msgspec.field(default_factory=_Parent)


@dataclass
class Databases:
    """The data sources of a container; `wants` says which times this sync is about."""

    workspace: Workspace
    tree: Tree
    sync: SyncRun
    rows: Rows
    memory: Memory
    wants: Callable[[datetime], bool]
    _opened: set[str] = field(default_factory=set)

    def discover(self) -> Iterator[tuple[str, bool]]:
        """Every data source of the container: its id, and whether it was unknown until now."""
        run = self.sync.account("data_sources")
        known = dict(self.memory.sources)
        listed: set[str] = set()
        for record in list(self.workspace.search(run, "data_source")):
            keys = read_keys(record)
            if keys is None:
                self.rows.add("data_sources", [record])  # Unreadable: to the dead letters.
            elif keys.id not in listed:
                listed.add(keys.id)
                if self._take(record, keys, is_listed=True):
                    yield keys.id, keys.id not in known
        for identifier in known.keys() - listed:
            yield from self._unlisted(identifier)

    def open_child(self, database_id: str, block: Json) -> Iterator[tuple[str, bool]]:
        """The data sources of a database that a page holds, those that were found before left out.

        What cannot be opened is put aside with its block.
        """
        run = self.sync.account("databases")
        if database_id in self._opened:
            return
        try:
            record = self._open(database_id)
        except PermanentError as error:
            if error.code not in ("not_found", "bad_request"):
                raise
            run.dead_letter(msgspec.json.encode(block), error)
            return
        sources = msgspec.json.decode(record).get("data_sources") or []
        for identifier in (source["id"] for source in sources):
            if identifier not in self.memory.sources:
                yield from self._unlisted(identifier)

    def lost(self, source_id: str) -> None:
        """A data source that could not be queried: a tombstone, if it is really gone."""
        for _ in self._unlisted(source_id):
            return

    def _unlisted(self, identifier: str) -> Iterator[tuple[str, bool]]:
        """A data source that search does not list: hidden from it, in the trash, or gone."""
        run = self.sync.account("data_sources")
        entry = self.memory.sources.get(identifier)
        if entry and not entry[2] and not self.memory.is_deep:
            if entry[1]:
                yield identifier, False
            return
        path = f"/v1/data_sources/{identifier}"
        found = self.workspace.find_alive(run, path)
        if not isinstance(found, bytes):
            if entry:
                self._bury(identifier, found)
        elif (keys := read_keys(found)) is None:
            self.rows.add("data_sources", [found])  # Unreadable: to the dead letters.
        elif self._take(found, keys, is_listed=False):
            yield identifier, entry is None

    def _take(self, record: bytes, keys: Keys, *, is_listed: bool) -> bool:
        """Store a data source and its database if it has changed; False if out of scope."""
        mark = content_mark(record, keys.last_edited_time)
        entry = self.memory.sources.get(keys.id)
        database_id = msgspec.json.decode(record, type=_DataSource).parent.database_id
        if entry and entry[0] == mark and not self.memory.is_deep:
            self._opened.add(database_id)
            self.memory.sources[keys.id] = (mark, entry[1], is_listed)
            return entry[1]
        covered = self.tree.covers(self.sync.account("data_sources"), record)
        if entry and entry[1] and not covered:
            self._bury(keys.id, {"reason": "out_of_scope", "evidence": {"listed": is_listed}})
        self.memory.sources[keys.id] = (mark, covered, is_listed)
        if covered:
            self._store("data_sources", record, keys)
            if database_id and database_id not in self._opened:
                self._open_quietly(database_id)
        return covered

    def _open_quietly(self, database_id: str) -> None:
        """The database of a data source; it may be shared less than what it holds."""
        try:
            self._open(database_id)
        except PermanentError as error:
            if error.code not in ("not_found", "bad_request"):
                raise

    def _open(self, database_id: str) -> bytes:
        run = self.sync.account("databases")
        self._opened.add(database_id)
        record = self.workspace.fetch(run, f"/v1/databases/{database_id}")
        keys = read_keys(record)
        if keys is None:
            self.rows.add("databases", [record])
        elif self.tree.covers(run, record):
            self._store("databases", record, keys)
        return record

    def _store(self, resource: str, record: bytes, keys: Keys) -> None:
        if not self.wants(keys.last_edited_time) and not self.memory.is_gone(keys.id):
            return
        self.rows.add(resource, [record])
        files = files_of_object(msgspec.json.decode(record, type=Json))
        self.rows.add("files", map(msgspec.json.encode, files))

    def _bury(self, identifier: str, reason: Reason) -> None:
        self.rows.bury("data_sources", {identifier: reason})
        self.memory.forget(identifier, str(reason["reason"]))
