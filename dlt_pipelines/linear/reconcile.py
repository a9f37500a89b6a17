"""What has been deleted at Linear for good: found by comparing what is known with what is there.

A permanent deletion leaves nothing behind that a cursor could see. So a census lists the ids of
every object of a container, 250 in a request; one that is known and not listed is asked for by id.
If it is not there, it was deleted; if it is, but in a team that is not configured, it has left the
scope. Each tombstone says so, and on what evidence. Very many at once stop the reconciliation
(`deletions.guard`).

The census sees the opposite, too: an object that is there and not known, such as the comments of an
issue that came from a team that is not configured, whose own time of change did not move. It is
read here; where a tombstone says that it was deleted, it is told as of its return.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from dlt.extract import DltResource
from graphql import FieldNode, OperationDefinitionNode, SelectionSetNode, parse, print_ast

from dlt_pipelines import deletions
from dlt_pipelines.deletions import Deleted, Gone, Reconciled
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.linear.graphql import Workspace, query_text
from dlt_pipelines.linear.scope import FOLLOWED, Places, Scope, scope_of
from dlt_pipelines.pipeline import Known, SyncRequest
from dlt_pipelines.raw_event import ReadKeys

# What a census keeps of a query: the ids, and what tells the teams behind an object.
_KEPT = {"id", "key", "hasNextPage", "endCursor", "page", "nodes", "pageInfo", *FOLLOWED}


def reconcile(
    workspace: Workspace, request: SyncRequest, sync: SyncRun, known: Known, read_keys: ReadKeys
) -> list[DltResource]:
    """One resource of tombstones, and of what was missed, for each that can be reconciled."""
    reconciled = {
        name: _reconciled(name, workspace, request, sync, known, read_keys)
        for name in sync.resources
    }
    return deletions.resources(reconciled, request, sync, known)


def _reconciled(
    name: str,
    workspace: Workspace,
    request: SyncRequest,
    sync: SyncRun,
    known: Known,
    read_keys: ReadKeys,
) -> Reconciled:
    configured = frozenset(request.siblings)
    census = Census(workspace, sync.account(name), scope_of(request), configured)
    there: set[str] = set()

    def find_gone(_: ResourceRun) -> Gone:
        there.update(census.listed())
        return census.confirmed_gone(sorted(known.objects(name).keys() - there))

    def read_back(_: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        return census.read(sorted(there - (known.objects(name).keys() - deleted.keys())))

    return Reconciled(find_gone, read_back, read_keys)


class Census:
    """The ids of one resource in one container; `configured` are the keys of all its teams."""

    def __init__(
        self, workspace: Workspace, run: ResourceRun, scope: Scope, configured: frozenset[str]
    ) -> None:
        self._workspace = workspace
        self._run = run
        self._scope = scope
        self._everywhere = Scope(scope.kind, tuple(sorted(configured)))
        self._ids_query = census_text(run.resource)

    def listed(self) -> set[str]:
        """The ids of all objects that belong to this container."""
        variables = {"filter": self._scope.filters(self._run.resource)}
        pages = self._workspace.walk(self._run, self._ids_query, variables)
        return {object_id for nodes in pages for object_id in self._belonging(self._scope, nodes)}

    def confirmed_gone(self, missing: list[str]) -> Gone:
        """Why objects are not listed; what is in any configured team is not gone."""
        filters = self._everywhere.filters(self._run.resource)
        there = {*self._belonging(self._everywhere, self._ask(missing, filters))}
        unseen = [object_id for object_id in missing if object_id not in there]
        found = dict(_places(self._ask(unseen, None)))
        gone: Gone = {}
        for object_id in unseen:
            evidence: dict[str, Any] = {"query": self._run.resource, "id": object_id, "found": None}
            if object_id in found:
                evidence["found"] = {"teams": sorted(found[object_id].keys)}
            reason = "out_of_scope" if object_id in found else "deleted"
            gone[object_id] = {"reason": reason, "evidence": evidence}
        return gone

    def _ask(self, ids: Sequence[str], filters: Mapping[str, Any] | None) -> Iterator[msgspec.Raw]:
        return self._workspace.fetch_ids(self._run, self._ids_query, ids, filters)

    def _belonging(self, scope: Scope, nodes: Iterable[msgspec.Raw]) -> Iterator[str]:
        is_checked = scope.is_checked_here(self._run.resource)
        for object_id, places in _places(nodes):
            if not is_checked or scope.has(self._workspace, self._run, places):
                yield object_id

    def read(self, ids: list[str]) -> Iterator[bytes]:
        """The whole objects with these ids."""
        filters = self._scope.filters(self._run.resource)
        text = query_text(self._run.resource)
        for node in self._workspace.fetch_ids(self._run, text, ids, filters):
            yield self._workspace.complete(self._run, self._run.resource, bytes(node))


def census_text(name: str) -> str:
    """A query that lists the same objects, but only their ids and the teams behind them."""
    document = parse(query_text(name), no_location=True)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            definition.selection_set = _pruned(definition.selection_set)
    return print_ast(document)


def _pruned(selections: SelectionSetNode) -> SelectionSetNode:
    kept = []
    for node in selections.selections:
        if isinstance(node, FieldNode) and (node.alias or node.name).value in _KEPT:
            if node.selection_set:
                node.selection_set = _pruned(node.selection_set)
            kept.append(node)
    return SelectionSetNode(selections=tuple(kept))


def _places(nodes: Iterable[msgspec.Raw]) -> Iterator[tuple[str, Places]]:
    for node in nodes:
        record = msgspec.json.decode(node, type=dict[str, Any])
        yield str(record["id"]), Places.of(record)
