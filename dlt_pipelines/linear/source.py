"""Loads a Linear workspace through GraphQL: people, plans, issues and all that is said about them.

    organization               → raw_linear.organizations          workspace; one row, versioned
    teams, users, teamMemberships, issueLabels, projectStatuses, issueRelations,
    initiativeToProjects       → raw_linear.teams, …               workspace; complete, versioned
    projects, projectMilestones, projectUpdates, initiatives, initiativeUpdates, documents,
    attachments, customers, customerNeeds, cycles
                               → raw_linear.projects, …            workspace; updatedAt ≥ cursor
    comments without an issue  → raw_linear.comments               workspace; updatedAt ≥ cursor
    workflowStates             → raw_linear.workflow_states        team; complete, versioned
    issues, comments           → raw_linear.issues, comments       team; updatedAt ≥ cursor
    issues { history }         → raw_linear.issue_history          team; of issues that changed

Cursors: Linear sets `updatedAt` to the millisecond at every change; an overlap of a minute covers
late commits. Listings come newest first with opaque page cursors: an object that changes during the
walk moves to the front, past the walk, and is newer than its cursor, so the next run reads it.
Teams that a probe finds unchanged are not visited (`probe.py`), but once a day.
Archived and trashed objects are read like any other and carry `archivedAt` and `trashed`; one that
was deleted for good is absent from the API and found by `reconcile`. What belongs to teams is
stored of the configured ones only (`scope.py`).

API: https://linear.app/developers/graphql, queries beside this file. Run one:
`headwater sync linear --container ENG`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.http import Client, Meter
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.linear import webhook
from dlt_pipelines.linear.auth import tokens_of
from dlt_pipelines.linear.graphql import Workspace, query_text
from dlt_pipelines.linear.history import issue_history
from dlt_pipelines.linear.probe import is_settled, probe
from dlt_pipelines.linear.reconcile import reconcile
from dlt_pipelines.linear.scope import Scope, scope_of, unknown_team
from dlt_pipelines.pipeline import (
    CURSOR,
    EARLIEST,
    EVENTS,
    LISTING,
    Cursor,
    Known,
    Resource,
    SourceType,
    SyncRequest,
)
from dlt_pipelines.raw_event import to_batches, to_empty_listing
from dlt_pipelines.webhook import Webhook

OVERLAP_SECONDS: Final = 60

_WORKSPACE_LISTING: Final = Resource(LISTING, "workspace")
_WORKSPACE_EVENTS: Final = Resource(EVENTS, "workspace", locator="$.id")
RESOURCES: Final = {
    "teams": _WORKSPACE_LISTING,
    "organizations": _WORKSPACE_LISTING,
    "users": _WORKSPACE_LISTING,
    "team_memberships": _WORKSPACE_LISTING,
    "labels": _WORKSPACE_LISTING,
    "project_statuses": _WORKSPACE_LISTING,
    "issue_relations": _WORKSPACE_LISTING,
    "initiative_to_projects": _WORKSPACE_LISTING,
    "projects": _WORKSPACE_EVENTS,
    "project_milestones": _WORKSPACE_EVENTS,
    "project_updates": _WORKSPACE_EVENTS,
    "initiatives": _WORKSPACE_EVENTS,
    "initiative_updates": _WORKSPACE_EVENTS,
    "documents": _WORKSPACE_EVENTS,
    "attachments": _WORKSPACE_EVENTS,
    "customers": _WORKSPACE_EVENTS,
    "customer_needs": _WORKSPACE_EVENTS,
    "cycles": _WORKSPACE_EVENTS,
    "workflow_states": Resource(LISTING, "team"),
    "issues": Resource(EVENTS, "team", locator="$.id"),
    "issue_history": Resource(EVENTS, "team", follows="issues"),
    "comments": Resource(EVENTS, "team", locator="$.id", also_in="workspace"),
}


class _Keys(msgspec.Struct, rename="camel"):
    id: str
    updated_at: datetime


class _Viewer(msgspec.Struct):
    viewer: dict[str, Any]
    organization: dict[str, Any]


class _Teams(msgspec.Struct):
    page: dict[str, Any]


@contextmanager
def open_container(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of one container: the workspace itself, or one team."""
    opened_at = datetime.now(UTC)
    with _client(request) as client:
        workspace, scope = Workspace(client), scope_of(request)
        resources: dict[str, DltResource] = {
            name: listing(name, workspace, sync, scope)
            if RESOURCES[name].strategy is LISTING
            else updated(name, workspace, sync, request, scope)
            for name in sync.resources
            if name != "issue_history"
        }
        if "issue_history" in sync.resources:
            resources["issue_history"] = issue_history(
                workspace, sync, resources["issues"], read_keys, is_live=request.is_live
            )
        yield list(resources.values())
        if request.probed:
            overlap = timedelta(seconds=OVERLAP_SECONDS)
            opened_at += client.clock_offset
            sync.is_settled &= is_settled(request.probed, overlap, opened_at)


@contextmanager
def open_reconciliation(
    request: SyncRequest, sync: SyncRun, known: Known
) -> Iterator[Iterable[DltResource]]:
    """The same container's tombstones."""
    with _client(request) as client:
        yield reconcile(Workspace(client), request, sync, known, read_keys)


def check(request: SyncRequest) -> str:
    """Try the credential; say whose it is, and that the container exists."""
    with _client(request) as client:
        ask = partial(client.graphql, Meter("teams"), "/graphql")
        who = ask(query_text("viewer"), {}, _Viewer)
        if request.kind == "team":
            variables = {"first": 1, "filter": {"key": {"in": [request.container]}}}
            if not ask(query_text("teams"), variables, _Teams).page["nodes"]:
                raise unknown_team(request.container)
        return f"{who.organization['name']}, as {who.viewer['name']}"


def listing(name: str, workspace: Workspace, sync: SyncRun, scope: Scope) -> DltResource:
    """A complete listing: rows that are absent from it are retired."""
    run = sync.account(name)

    @dlt.resource(name=name, **LISTING)
    def rows() -> Iterator[pa.Table]:
        yield from to_batches(_records(name, workspace, run, scope), run, read_keys, listing=True)
        if run.items_processed:
            return
        if name == "workflow_states":  # Every team has states: without any there is no such team.
            raise unknown_team(run.container)
        yield to_empty_listing(run, f"query {name}: no nodes")

    return rows()


def updated(
    name: str, workspace: Workspace, sync: SyncRun, request: SyncRequest, scope: Scope
) -> DltResource:
    """Objects that changed since the cursor, or inside the window."""
    run = sync.account(name)

    @dlt.resource(name=name, **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        times = {"gte": _text(occurred_at.start_value or EARLIEST)}
        if request.end:
            times["lt"] = _text(request.end)
        if not (request.is_live and scope.is_checked_here(name)):
            yield from to_batches(_records(name, workspace, run, scope, times), run, read_keys)
            return
        # What belongs to other teams moves no cursor, but need not be read again either.
        memory = dlt.current.resource_state(name)
        times["gte"] = max(times["gte"], memory.get("read_from", ""))
        seen: list[datetime] = []
        yield from to_batches(_records(name, workspace, run, scope, times, seen), run, read_keys)
        if seen:
            memory["read_from"] = _text(max(seen) - timedelta(seconds=OVERLAP_SECONDS))

    return rows(request.cursor(OVERLAP_SECONDS))


def read_keys(record: bytes) -> tuple[str, datetime | None]:
    """The id and last change that every object of Linear has."""
    keys = _decode_keys(record)
    return keys.id, keys.updated_at


_decode_keys = msgspec.json.Decoder(_Keys).decode


def _records(
    name: str,
    workspace: Workspace,
    run: ResourceRun,
    scope: Scope,
    times: Mapping[str, str] | None = None,
    seen: list[datetime] | None = None,
) -> Iterator[bytes]:
    """The objects of a resource in scope; `seen` is given the times of those outside, too."""
    if name == "organizations":
        yield workspace.fetch_one(run, name)
        return
    filters = scope.filters(name)
    if filters is not None and times:
        filters = {**filters, "updatedAt": times}
    records = workspace.fetch_all(run, name, filters)
    if seen is not None:
        records = _noting(records, seen)
    if scope.is_checked_here(name):
        records = scope.of_these_teams(workspace, run, records)
    yield from records


def _noting(records: Iterable[bytes], seen: list[datetime]) -> Iterator[bytes]:
    for record in records:
        with suppress(msgspec.MsgspecError):
            changed_at = _decode_keys(record).updated_at
            seen[:] = [max([*seen, changed_at])]
        yield record


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _client(request: SyncRequest) -> Client:
    return Client(
        "linear",
        request.base_url,
        {},
        request.secret_name,
        request.retry,
        tokens_of(request),
    )


def probe_teams(requests: Sequence[SyncRequest], meter: Meter) -> Mapping[str, bytes]:
    """What moves in teams of one workspace."""
    with _client(requests[0]) as client:
        return probe(client, [request.container for request in requests], meter)


def _team_keys(request: SyncRequest) -> Sequence[str]:
    return scope_of(request).keys


@contextmanager
def open_named(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The objects that deliveries name, and nothing else."""
    with _client(request) as client:
        yield webhook.named_objects(Workspace(client), request, sync, read_keys)


LINEAR: Final = SourceType(
    name="linear",
    default_url="https://api.linear.app",
    resources=RESOURCES,
    open=open_container,
    check=check,
    reconcile=open_reconciliation,
    probe=probe_teams,
    probed_kind="team",
    scope=_team_keys,
    webhook=Webhook(webhook.verify, webhook.subjects, open_named),
)
