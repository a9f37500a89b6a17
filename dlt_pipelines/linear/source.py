"""Loads a Linear workspace through GraphQL: people, projects, issues and comments.

    teams, users, issueLabels  → raw_linear.teams, users, labels  workspace; complete, versioned
    projects                   → raw_linear.projects              workspace; updatedAt ≥ cursor
    workflowStates             → raw_linear.workflow_states       team; complete, versioned
    issues, comments           → raw_linear.issues, comments      team; updatedAt ≥ cursor

Cursors: Linear sets `updatedAt` to the millisecond at every change; an overlap of a minute covers
late commits. Listings come newest first with opaque page cursors: an object that changes during the
walk moves to the front, past the walk, and is newer than its cursor, so the next run reads it.
Archived and trashed objects are read like any other and carry `archivedAt` and `trashed`; one that
was deleted for good is absent from the API and found by reconciliation only.

API: https://linear.app/developers/graphql, queries beside this file. Run one:
`headwater sync linear --container ENG`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.http import Client, Meter, PermanentError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import (
    CURSOR,
    EARLIEST,
    EVENTS,
    LISTING,
    Cursor,
    Resource,
    SourceType,
    SyncRequest,
)
from dlt_pipelines.raw_event import to_batches, to_empty_listing

OVERLAP_SECONDS: Final = 60
# Linear allows 10,000 points a query: 0.1 a property and 1 an object, times `first`. An issue with
# its nested labels costs some 70 points, a project as much, everything else at most 10.
PAGE_SIZES: Final = {"issues": 100, "projects": 100}
PAGE_SIZE: Final = 250

RESOURCES: Final = {
    "teams": Resource(LISTING, "workspace"),
    "users": Resource(LISTING, "workspace"),
    "labels": Resource(LISTING, "workspace"),
    "projects": Resource(EVENTS, "workspace"),
    "workflow_states": Resource(LISTING, "team"),
    "issues": Resource(EVENTS, "team"),
    "comments": Resource(EVENTS, "team"),
}
# Nested lists that may be longer than one page, and the query that reads on.
NESTED: Final = {"issues": ("labels", "issue_labels"), "projects": ("teams", "project_teams")}


T = TypeVar("T")


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Connection(msgspec.Struct, rename="camel"):
    nodes: list[msgspec.Raw]
    page_info: _PageInfo


class _Listing(msgspec.Struct):
    page: _Connection


class _Parent(msgspec.Struct):
    nested: _Connection


class _Nested(msgspec.Struct):
    parent: _Parent


class _Keys(msgspec.Struct, rename="camel"):
    id: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """One Linear workspace behind one credential."""

    client: Client

    def fetch_all(
        self, run: ResourceRun, filters: Mapping[str, Any] | None = None
    ) -> Iterator[bytes]:
        """Every node of a listing, newest change first, nested lists completed."""
        size = PAGE_SIZES.get(run.resource, PAGE_SIZE)
        variables: dict[str, Any] = {"first": size, "after": None}
        if filters is not None:
            variables["filter"] = filters
        while True:
            connection = self._query(run, run.resource, variables, _Listing).page
            for node in connection.nodes:
                yield self._complete(run, bytes(node))
            if not connection.page_info.has_next_page:
                return
            variables["after"] = _next_cursor(run, connection.page_info)

    def _complete(self, run: ResourceRun, node: bytes) -> bytes:
        """The node with all pages of its nested list; untouched where one page was enough."""
        if run.resource not in NESTED or b'"hasNextPage":true' not in node.replace(b" ", b""):
            return node
        field, query = NESTED[run.resource]
        record = msgspec.json.decode(node)
        nodes: list[Any] = []
        variables = {"id": record["id"], "after": None}
        while True:
            connection = self._query(run, query, variables, _Nested).parent.nested
            nodes += [msgspec.json.decode(item) for item in connection.nodes]
            if not connection.page_info.has_next_page:
                break
            variables["after"] = _next_cursor(run, connection.page_info)
        record[field] = {"nodes": nodes, "pageInfo": {"hasNextPage": False}}
        return msgspec.json.encode(record)

    def _query(
        self, run: ResourceRun, name: str, variables: Mapping[str, Any], shape: type[T]
    ) -> T:
        return self.client.graphql(run.meter, "/graphql", query_text(name), variables, shape)


@contextmanager
def open_workspace(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of one container: the workspace itself, or one team."""
    with _client(request) as client:
        workspace = Workspace(client)
        keys = {"in": list(request.siblings)}
        in_teams = {"or": [{"team": {"null": True}}, {"team": {"key": keys}}]}
        team = {"team": {"key": {"eq": request.container}}}
        if request.kind == "workspace":
            yield [
                listing("teams", workspace, sync, {"key": keys}),
                listing("users", workspace, sync, None),
                listing("labels", workspace, sync, in_teams),
                updated(
                    "projects",
                    workspace,
                    sync,
                    request,
                    {"accessibleTeams": {"some": {"key": keys}}},
                ),
            ]
        else:
            yield [
                listing("workflow_states", workspace, sync, team),
                updated("issues", workspace, sync, request, team),
                updated("comments", workspace, sync, request, {"issue": team}),
            ]


def check(request: SyncRequest) -> str:
    """Try the credential; say whose it is, and that the container exists."""
    with _client(request) as client:
        meter = Meter("teams")
        shape = dict[str, dict[str, Any]]
        who = client.graphql(meter, "/graphql", query_text("viewer"), {}, shape)
        if request.kind == "team":
            variables = {"first": 1, "filter": {"key": {"in": [request.container]}}}
            found = client.graphql(meter, "/graphql", query_text("teams"), variables, _Listing)
            if not found.page.nodes:
                raise _unknown_team(request.container)
        return f"{who['organization']['name']}, as {who['viewer']['name']}"


def listing(
    name: str, workspace: Workspace, sync: SyncRun, filters: Mapping[str, Any] | None
) -> Any:
    """A complete listing: rows that are absent from it are retired."""
    run = sync.resource(name)

    @dlt.resource(name=name, **LISTING)
    def rows() -> Iterator[pa.Table]:
        yield from to_batches(workspace.fetch_all(run, filters), run, _keys, listing=True)
        if run.items_processed:
            return
        if name == "workflow_states":  # Every team has states: without any there is no such team.
            raise _unknown_team(run.container)
        yield to_empty_listing(run, f"query {name}: no nodes")

    return rows()


def updated(
    name: str, workspace: Workspace, sync: SyncRun, request: SyncRequest, filters: Mapping[str, Any]
) -> Any:
    """Objects that changed since the cursor, or inside the window."""
    run = sync.resource(name)

    @dlt.resource(name=name, **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        times = {"gte": _text(occurred_at.start_value or EARLIEST)}
        if request.end:
            times["lt"] = _text(request.end)
        records = workspace.fetch_all(run, {**filters, "updatedAt": times})
        yield from to_batches(records, run, _keys)

    return rows(request.cursor(OVERLAP_SECONDS))


@cache
def query_text(name: str) -> str:
    """The text of one query file."""
    return files(__package__).joinpath("queries", f"{name}.graphql").read_text(encoding="utf-8")


_decode_keys = msgspec.json.Decoder(_Keys).decode


def _keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_keys(record)
    return keys.id, keys.updated_at


def _next_cursor(run: ResourceRun, info: _PageInfo) -> str:
    if not info.end_cursor:
        raise PermanentError(
            f"linear.{run.resource}",
            "a page says that more follow, but not where",
            "pageInfo.endCursor",
            "run again, and report this if it persists",
            code="incomplete",
        )
    return info.end_cursor


def _unknown_team(key: str) -> PermanentError:
    return PermanentError(
        "linear.teams",
        f"the team {key!r} does not exist, or the credential may not see it",
        "a team key",
        "correct `teams` in sources.yml",
        code="not_found",
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _client(request: SyncRequest) -> Client:
    # A personal key goes bare; OAuth tokens (never `lin_api_…`) need the scheme.
    is_oauth = request.secret.startswith("lin_oauth_")
    authorization = f"Bearer {request.secret}" if is_oauth else request.secret
    headers = {"Authorization": authorization}
    return Client("linear", request.base_url, headers, request.secret_name, request.retry)


LINEAR: Final = SourceType(
    name="linear",
    default_url="https://api.linear.app",
    resources=RESOURCES,
    open=open_workspace,
    check=check,
)
