"""What has vanished at Notion: found by comparing what is known with what is there.

What is put into the trash, deleted, or no longer shared just is not listed any more. So everything
is listed, by search and by querying every data source, and whatever is known but missing is asked
for: the trash says so, a page that is no longer there or no longer shared answers 404, and one that
search merely hides is still there. A comment is missing where its page or block lists others than
are known: it was deleted, or its discussion was resolved, which the API does not tell apart.

Very many at once stop the reconciliation (`deletions.guard`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import dlt
import msgspec
from dlt.extract import DltResource

from dlt_pipelines import deletions
from dlt_pipelines.deletions import Gone, Reason, Reconciled
from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.notion.memory import Memory
from dlt_pipelines.notion.rest import Workspace, read_keys
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.pipeline import Known, SyncRequest


def reconcile(
    workspace: Workspace, tree: Tree, request: SyncRequest, sync: SyncRun, known: Known
) -> list[DltResource]:
    """One resource of tombstones for each that can be reconciled."""
    census = _Census(workspace, tree, known)
    reconciled = {
        "pages": Reconciled(census.pages),
        "data_sources": Reconciled(census.data_sources),
        "databases": Reconciled(census.databases),
        "comments": Reconciled(census.comments),
    }
    return deletions.resources(reconciled, request, sync, known, _forget)


def _forget(name: str, gone: Gone) -> None:
    if name != "comments":
        memory = Memory(dlt.current.resource_state("pages"), is_live=True)
        for identifier, reason in gone.items():
            memory.forget(identifier, str(reason["reason"]))
        memory.keep_forgotten()


class _Census:
    """What a container lists now, walked once, against what is known of it."""

    def __init__(self, workspace: Workspace, tree: Tree, known: Known) -> None:
        self._workspace, self._tree, self._known = workspace, tree, known
        self._sources: dict[str, bytes] | None = None
        self._gone_pages: Gone | None = None

    def pages(self, run: ResourceRun) -> Gone:
        """Pages that are not listed, or no longer in the container."""
        if self._gone_pages is None:
            listed = dict(self._listed_pages(run))
            self._gone_pages = self._missing(run, "pages", "/v1/pages/{}", listed)
        return self._gone_pages

    def data_sources(self, run: ResourceRun) -> Gone:
        """Data sources that are not listed, or no longer in the container."""
        return self._missing(run, "data_sources", "/v1/data_sources/{}", self._all_sources(run))

    def databases(self, run: ResourceRun) -> Gone:
        """Databases none of whose data sources is listed: those are asked for."""
        listed: dict[str, bytes] = {}
        for record in self._all_sources(run).values():
            parent = msgspec.json.decode(record).get("parent") or {}
            listed[parent.get("database_id") or ""] = b""
        return self._missing(run, "databases", "/v1/databases/{}", listed)

    def comments(self, run: ResourceRun) -> Gone:
        """Comments that their page or block does not list any more."""
        places: dict[str, set[str]] = defaultdict(set)
        for comment_id, locator in self._known.objects("comments").items():
            parent = msgspec.json.decode(locator or "{}")
            places[parent.get("page_id") or parent.get("block_id") or ""].add(comment_id)
        gone: Gone = {}
        for holder, known in places.items():
            evidence = {"holder": holder, "known": len(known)}
            try:
                records = list(self._workspace.fetch_comments(run, holder))
            except NotFoundError:
                reason: Reason = {"reason": "parent_deleted", "evidence": evidence}
                gone |= dict.fromkeys(known, reason)
                continue
            there = {msgspec.json.decode(record)["id"] for record in records}
            evidence["listed"] = len(there)
            reason = {"reason": "absent_from_listing", "evidence": evidence}
            gone |= dict.fromkeys(known - there, reason)
        return gone

    def _listed_pages(self, run: ResourceRun) -> Iterator[tuple[str, bytes]]:
        """Every page that is listed, with itself where the container has filters."""
        for record in self._workspace.search(run, "page"):
            yield from self._listed(record)
        for source_id in self._all_sources(run):
            try:
                for record in self._workspace.query(run, source_id, (None, None)):
                    yield from self._listed(record)
            except NotFoundError:
                continue  # Gone since it was listed: its rows are asked for one by one.

    def _listed(self, record: bytes) -> Iterator[tuple[str, bytes]]:
        keys = read_keys(record)
        if keys and not keys.is_trashed:
            yield keys.id, b"" if self._tree.is_everything else record

    def _all_sources(self, run: ResourceRun) -> dict[str, bytes]:
        if self._sources is None:
            found = {}
            for record in self._workspace.search(run, "data_source"):
                if keys := read_keys(record):
                    found[keys.id] = record
            for identifier in self._known.objects("data_sources").keys() - found.keys():
                hidden = self._workspace.find_alive(run, f"/v1/data_sources/{identifier}")
                if isinstance(hidden, bytes):
                    found[identifier] = hidden
            self._sources = found
        return self._sources

    def _missing(
        self, run: ResourceRun, resource: str, path: str, listed: dict[str, bytes]
    ) -> Gone:
        gone: Gone = {}
        for identifier in self._known.objects(resource):
            record: bytes | Reason | None = listed.get(identifier)
            if record is None:
                record = self._workspace.find_alive(run, path.format(identifier))
            if not isinstance(record, bytes):
                gone[identifier] = record
            elif record and not self._tree.covers(run, record):
                evidence = {"listed": identifier in listed}
                gone[identifier] = {"reason": "out_of_scope", "evidence": evidence}
        return gone
