"""Finds everything in a Notion workspace, by every way there is, and reads what has changed.

Notion has no listing of all pages. Search is documented as not exhaustive; the rows of a data
source are found by querying it; and what lies below a page is among its blocks. So all three ways
are gone, until no page or database is named that was not looked at. Which pages search did not
lead to stands in the sync's account, under `notes`, and in the log.

Once a day search is walked to its end, and pages that it never lists are asked for one by one:
what was shared late or moved has no new edit that a cursor would see. Neither has a page with a new
comment: for a month after its last edit it is looked at then.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
import pyarrow as pa

from dlt_pipelines.deletions import Reason
from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.notion.contents import Child, Contents
from dlt_pipelines.notion.databases import Databases
from dlt_pipelines.notion.files import files_of_object
from dlt_pipelines.notion.memory import OVERLAP, Memory, content_mark
from dlt_pipelines.notion.people import People
from dlt_pipelines.notion.properties import complete_properties
from dlt_pipelines.notion.rest import Json, Keys, Workspace, read_keys
from dlt_pipelines.notion.rows import Rows
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.pipeline import EARLIEST, SyncRequest
from dlt_pipelines.raw_event import SCHEMA

# Contents are held until their resource takes them: a batch of pages bounds the memory.
PAGES_AT_ONCE: Final = 20
IDS_IN_NOTES: Final = 100
BLOCK_COMMENTS: Final = 500
# How long after its last edit a page is looked at every day for new comments.
TALK_AFTER_EDIT: Final = timedelta(days=30)

Found = tuple[bytes, Keys | None]

log = logging.getLogger(__name__)


class Walk:
    """One sync's walk through a workspace; `tables` drives it, `take` hands out the rest."""

    def __init__(
        self, workspace: Workspace, tree: Tree, request: SyncRequest, sync: SyncRun
    ) -> None:
        settings = request.settings
        limit = settings.get("block_comments", BLOCK_COMMENTS)
        self._workspace, self._tree, self._request, self._sync = workspace, tree, request, sync
        self._contents = Contents(workspace, sync, settings.get("content") or "blocks", limit)
        self._run = sync.account("pages")
        self.people = People(workspace, sync.account("users"))
        self.is_over = False
        self._ways: dict[str, set[str]] = defaultdict(set)
        self._children: deque[Child] = deque()
        self._seen: set[tuple[str, str]] = set()

    def take(self, resource: str) -> list[pa.Table]:
        """The rows of a resource that were read since they were last taken."""
        return self._rows.take(resource)

    def tables(self, memory: Memory) -> Iterator[pa.Table]:
        """Pages, batch by batch; what follows them can be taken after each."""
        self._memory = self.people.memory = memory
        if memory.comments_refused:
            self._ask_for_comments_again()
        self._since = self._request.start or EARLIEST
        if memory.cursor:
            self._since = memory.cursor - OVERLAP
        self._is_whole = memory.is_deep and self._request.start is None
        self._rows = Rows(self._sync, memory.told_at, self.people.meet)
        self._databases = Databases(
            self._workspace, self._tree, self._sync, self._rows, memory, self._wants
        )
        yield from self._read(self._listed())
        while self._children:
            yield from self._read(self._below(self._children.popleft()))
        self._account()
        memory.comments_refused = self._contents.comments_refused
        memory.keep()
        yield from self.take("pages")
        self.is_over = True
        yield SCHEMA.empty_table()  # Lets the others take what is left.

    def _ask_for_comments_again(self) -> None:
        """If comments may be read now that could not be last time, everything is read anew."""
        newest = next(self._workspace.search(self._run, "page"), None)
        keys = read_keys(newest) if newest else None
        if keys:
            self._contents.read_comments(keys.id)
            if not self._contents.comments_refused:
                self._memory.start_over()

    # Ways to pages

    def _listed(self) -> Iterator[Found]:
        sources = list(self._databases.discover())
        for record in self._workspace.search(self._run, "page"):
            keys = read_keys(record)
            if keys and keys.last_edited_time < self._since and not self._is_whole:
                break  # Newest first: all that follows is older.
            yield from self._chosen(record, keys, "search")
        for source_id, is_new in sources:
            yield from self._rows_of(source_id, is_new)
        if self._is_whole:
            for page_id in self._memory.hidden - self._ways.keys():
                self._children.append(("child_page", page_id, {"id": page_id}))
        for page_id in self._memory.due:
            if page_id not in self._ways:
                self._children.append(("page_in_part", page_id, {"id": page_id}))

    def _rows_of(self, source_id: str, is_new: bool) -> Iterator[Found]:
        """Rows by querying their data source; all of them where it was not known before."""
        is_all = is_new and self._request.is_live
        edited = (EARLIEST if is_all else self._since, self._request.end)
        try:
            for record in self._workspace.query(self._run, source_id, edited):
                yield from self._chosen(record, read_keys(record), "query")
        except NotFoundError:
            self._databases.lost(source_id)  # Gone since it was listed.

    def _below(self, child: Child) -> Iterator[Found]:
        """A page that another one holds, or the rows of a database that it holds."""
        kind, identifier, block = child
        if kind == "child_database":
            for source_id, is_new in self._databases.open_child(identifier, block):
                yield from self._rows_of(source_id, is_new)
            return
        memory, is_seen = self._memory, identifier in self._ways
        is_found = memory.knows(identifier) and identifier not in memory.hidden
        way = "child"
        if kind == "page_in_part":
            way = "search" if is_found else "child"
        self._ways[identifier].add(way)
        if is_seen or (is_found and way == "child"):
            return
        try:
            record = self._workspace.fetch(self._run, f"/v1/pages/{identifier}")
        except NotFoundError as error:
            if memory.knows(identifier):
                reason = {"reason": "access_lost", "evidence": {"page": identifier, "status": 404}}
                self._bury(identifier, reason)
            else:
                self._run.dead_letter(msgspec.json.encode(block), error)
            return
        yield from self._chosen(record, read_keys(record), way)

    # Which of them are read

    def _wants(self, edited_at: datetime) -> bool:
        """Whether an edit lies in what this sync reads; in a live one, everything that is found."""
        if self._request.is_live:
            return True
        end = self._request.end
        return edited_at >= self._since and (end is None or edited_at < end)

    def _chosen(self, record: bytes, keys: Keys | None, way: str) -> Iterator[Found]:
        """The record, if it is to be stored: once, and if it has not been read as it is."""
        if keys is None:
            yield record, None  # Unreadable: it goes on to the dead letters.
            return
        memory, mark = self._memory, content_mark(record, keys.last_edited_time)
        self._ways[keys.id].add(way)
        (memory.hidden.add if way == "child" else memory.hidden.discard)(keys.id)
        if (keys.id, mark) in self._seen or not self._wants(keys.last_edited_time):
            return
        self._seen.add((keys.id, mark))
        is_old = keys.last_edited_time < self._since
        is_read = memory.has_read(keys.id, keys.last_edited_time) and (
            is_old or memory.settled.get(keys.id) == mark
        )
        if is_read and self._is_whole and memory.now - keys.last_edited_time < TALK_AFTER_EDIT:
            comments = self._contents.read_comments(keys.id)
            self._rows.add("comments", comments, memory.returned_at(keys.id))
        if is_read and (self._tree.is_everything or not self._is_whole):
            return
        if not self._tree.covers(self._run, record):
            if memory.knows(keys.id):
                evidence = {"found_by": way, "last_edited_time": keys.last_edited_time}
                self._bury(keys.id, {"reason": "out_of_scope", "evidence": evidence})
        elif not is_read:
            yield record, keys

    # Reading them

    def _read(self, found: Iterator[Found]) -> Iterator[pa.Table]:
        while batch := list(islice(found, PAGES_AT_ONCE)):
            for record, keys in batch:
                self._read_page(record, keys)
            yield from self.take("pages")

    def _read_page(self, record: bytes, keys: Keys | None) -> None:
        """One page with all that follows it, into `rows`."""
        add = self._rows.add
        if keys is None or keys.is_trashed:
            add("pages", [record])
            if keys:
                self._memory.forget(keys.id, "trashed")
            return
        seen_at = self._workspace.client.now
        failed = self._run.items_failed
        whole = complete_properties(self._workspace, self._run, record)
        is_whole = failed == self._run.items_failed
        page: Json = msgspec.json.decode(whole)
        try:
            content = self._contents.read(page)
        except NotFoundError as error:  # The rest of the run is not gone.
            found = self._workspace.find_alive(self._run, f"/v1/pages/{keys.id}")
            if not isinstance(found, bytes):
                if self._memory.knows(keys.id):
                    self._bury(keys.id, found)
                return
            self._sync.account("page_contents").dead_letter(whole, error)
            add("pages", [whole])
            self._memory.note_parts(keys.id, keys.last_edited_time, is_whole=False)
            return
        self._children.extend(content.children)
        returned_at = self._memory.returned_at(keys.id)
        add("pages", [whole])
        add("page_contents", [msgspec.json.encode(content.record)])
        # They come back with their page; an edit of the page does not end that before this read.
        add("comments", content.comments, returned_at or self._memory.returned_at(keys.id))
        files = [*files_of_object(page), *content.files]
        add("files", map(msgspec.json.encode, files))
        # Read two minutes after its last edit, no other edit can hide behind the same rounded time.
        is_whole &= content.is_whole
        self._memory.note_parts(keys.id, keys.last_edited_time, is_whole=is_whole)
        is_settled = is_whole and seen_at - keys.last_edited_time > OVERLAP
        mark = content_mark(record, keys.last_edited_time) if is_settled else ""
        self._memory.learn(keys.id, keys.last_edited_time, mark)

    def _bury(self, page_id: str, reason: Reason) -> None:
        self._rows.bury("pages", {page_id: reason})
        self._memory.forget(page_id, reason["reason"])

    def _account(self) -> None:
        """Say which ways led to how many pages, and name those that search did not list."""
        found_by = Counter("+".join(sorted(ways)) for ways in self._ways.values())
        self._run.notes["found_by"] = dict(sorted(found_by.items()))
        unlisted = {i: "+".join(sorted(w)) for i, w in self._ways.items() if "search" not in w}
        if unlisted:
            named = dict(islice(sorted(unlisted.items()), IDS_IN_NOTES))
            self._run.notes["not_found_by_search"] = named
            log.info("notion.pages: %d not listed by search: %s", len(unlisted), named)
        if self._contents.blocks_not_asked:
            notes = self._sync.account("comments").notes
            notes["blocks_not_asked"] = self._contents.blocks_not_asked
