"""Loads a Notion workspace: its people, data sources, pages, their content and comments.

    GET  /v1/users                       → raw_notion.users          complete, versioned
    POST /v1/search (data_source)        → raw_notion.data_sources   complete walk
    POST /v1/search (page),
         /v1/data_sources/{id}/query     → raw_notion.pages          newest first, to the cursor
    GET  /v1/blocks/{id}/children        → raw_notion.page_contents  blocks of changed pages, nested
    GET  /v1/comments?block_id=          → raw_notion.comments       of changed pages

Cursor: `last_edited_time` is rounded to the minute, so an edit may carry a time before the last
read: the overlap is two minutes, and content counts as known only when it was read two minutes
after its page's last edit. A comment does not touch its page's time: comments on pages that are
otherwise unchanged arrive with a full read. Trash carries `in_trash`; a page no longer shared is
just absent.

API: https://developers.notion.com/reference. Run it: `headwater sync notion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.http import Client, Meter, NotFoundError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.notion.rest import Workspace, without_signatures
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.pipeline import (
    CURSOR,
    EARLIEST,
    EVENTS,
    LISTING,
    Cursor,
    Resource,
    SourceType,
    SyncRequest,
    keep_newest,
)
from dlt_pipelines.raw_event import to_batches, to_empty_listing

OVERLAP_SECONDS: Final = 120
API_VERSION: Final = "2025-09-03"

RESOURCES: Final = {
    "users": Resource(LISTING, "workspace"),
    "data_sources": Resource(EVENTS, "workspace"),
    "pages": Resource(EVENTS, "workspace"),
    "page_contents": Resource(EVENTS, "workspace", follows="pages"),
    "comments": Resource(EVENTS, "workspace", follows="pages"),
}


class _Id(msgspec.Struct):
    id: str


class _Edited(msgspec.Struct):
    id: str
    last_edited_time: datetime


class _Trash(msgspec.Struct):
    in_trash: bool = False
    archived: bool = False

    @property
    def is_trashed(self) -> bool:
        """`in_trash` since 2026-03-11, beside `archived` before."""
        return self.in_trash or self.archived


class _Content(msgspec.Struct):
    page_id: str
    last_edited_time: datetime


@contextmanager
def open_workspace(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of the workspace, or of what lies under one root."""
    with _client(request) as client:
        workspace = Workspace(client)
        tree = Tree(workspace, request.settings)
        changed = pages(workspace, tree, sync.resource("pages"), request.cursor(OVERLAP_SECONDS))
        live = request.mode == "incremental"
        yield [
            users(workspace, sync.resource("users")),
            data_sources(
                workspace, tree, sync.resource("data_sources"), request.cursor(OVERLAP_SECONDS)
            ),
            changed,
            changed | page_contents(workspace, sync.resource("page_contents"), live),
            changed | comments(workspace, sync.resource("comments"), live),
        ]


def check(request: SyncRequest) -> str:
    """Try the credential; say which integration it belongs to."""
    with _client(request) as client:
        me = client.get(Meter("users"), "/v1/users/me", None, dict[str, Any]).data
        return f"{(me.get('bot') or {}).get('workspace_name')}, as {me.get('name')}"


@dlt.resource(name="users", **LISTING)
def users(workspace: Workspace, run: ResourceRun) -> Iterator[pa.Table]:
    """People and bots of the workspace; whoever left is retired."""
    yield from to_batches(
        workspace.fetch_users(run), run, _user_keys, stable=without_signatures, listing=True
    )
    if not run.items_processed:
        yield to_empty_listing(run, "GET /v1/users: 200 with no results")


@dlt.resource(name="data_sources", **EVENTS)
def data_sources(
    workspace: Workspace, tree: Tree, run: ResourceRun, occurred_at: Cursor = CURSOR
) -> Iterator[pa.Table]:
    """Tables with their schemas: every one is listed, those that changed are kept."""
    found = (r for r in workspace.data_sources(run) if tree.covers(run, r))
    records = (r for r in found if _is_within(r, occurred_at))
    yield from to_batches(records, run, _edited_keys, stable=without_signatures)


@dlt.resource(name="pages", **EVENTS)
def pages(
    workspace: Workspace, tree: Tree, run: ResourceRun, occurred_at: Cursor = CURSOR
) -> Iterator[pa.Table]:
    """Changed pages: by search, and, since search is not exhaustive, by querying data sources."""
    since = occurred_at.start_value or EARLIEST
    found = (r for r in workspace.fetch_changed_pages(run, since) if tree.covers(run, r))
    records = (r for r in found if _is_within(r, occurred_at))
    yield from to_batches(records, run, _edited_keys, stable=without_signatures)


@dlt.transformer(name="page_contents", **EVENTS)
def page_contents(
    changed: pa.Table, workspace: Workspace, run: ResourceRun, skip_known: bool
) -> Iterator[pa.Table]:
    """One row per changed page: all its blocks, children nested under `children`."""

    def read(page: bytes) -> Iterable[bytes]:
        keys = msgspec.json.decode(page, type=_Edited)
        yield msgspec.json.encode(
            {
                "object": "page_content",
                "page_id": keys.id,
                "last_edited_time": keys.last_edited_time,
                "blocks": workspace.fetch_blocks(run, keys.id),
            }
        )

    settled = dlt.current.resource_state().setdefault("settled", {}) if skip_known else {}
    records = _of_each_page(changed, run, settled, read)
    yield from to_batches(records, run, _content_keys, stable=without_signatures)


@dlt.transformer(name="comments", **EVENTS)
def comments(
    changed: pa.Table, workspace: Workspace, run: ResourceRun, skip_known: bool
) -> Iterator[pa.Table]:
    """Open comments on changed pages."""

    def read(page: bytes) -> Iterable[bytes]:
        return workspace.fetch_comments(run, msgspec.json.decode(page, type=_Edited).id)

    settled = dlt.current.resource_state().setdefault("settled", {}) if skip_known else {}
    records = _of_each_page(changed, run, settled, read)
    yield from to_batches(records, run, _edited_keys, stable=without_signatures)


def _of_each_page(
    changed: pa.Table,
    run: ResourceRun,
    settled: dict[str, str],
    read: Callable[[bytes], Iterable[bytes]],
) -> Iterator[bytes]:
    """What belongs to each changed page, without pages whose present state was read before.

    The overlap lists the newest pages at every run. Once a page was read two minutes after its last
    edit, no edit can hide behind the same rounded time, and reading it again would tell nothing.
    """
    for row in changed.select(["external_id", "occurred_at", "observed_at", "payload"]).to_pylist():
        page_id, edited_at = row["external_id"], row["occurred_at"].isoformat()
        page = row["payload"].encode()
        if settled.get(page_id) == edited_at or msgspec.json.decode(page, type=_Trash).is_trashed:
            continue
        try:
            yield from list(read(page))
        except NotFoundError as error:  # Gone since it was listed; the rest of the run is not.
            run.dead_letter(page, error)
            continue
        if (row["observed_at"] - row["occurred_at"]).total_seconds() > OVERLAP_SECONDS:
            settled[page_id] = edited_at
    keep_newest(settled)


def _is_within(record: bytes, occurred_at: Cursor) -> bool:
    """Whether a record of a listing without time filters belongs into this read."""
    try:
        edited_at = msgspec.json.decode(record, type=_Edited).last_edited_time
    except msgspec.MsgspecError:
        return True  # Unreadable: it goes on to the dead letters.
    since, until = occurred_at.start_value, occurred_at.end_value
    return (since is None or edited_at >= since) and (until is None or edited_at < until)


def _user_keys(record: bytes) -> tuple[str, datetime | None]:
    return msgspec.json.decode(record, type=_Id).id, None


def _edited_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = msgspec.json.decode(record, type=_Edited)
    return keys.id, keys.last_edited_time


def _content_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = msgspec.json.decode(record, type=_Content)
    return keys.page_id, keys.last_edited_time


def _client(request: SyncRequest) -> Client:
    headers = {
        "Authorization": f"Bearer {request.secret}",
        "Notion-Version": request.settings.get("api_version") or API_VERSION,
    }
    return Client("notion", request.base_url, headers, request.secret_name, request.retry)


NOTION: Final = SourceType(
    name="notion",
    default_url="https://api.notion.com",
    resources=RESOURCES,
    open=open_workspace,
    check=check,
)
