"""Loads a Notion workspace: people, databases, data sources, pages, their content, talk and files.

    GET  /v1/users                       → raw_notion.users          complete, versioned
    POST /v1/search (data_source)        → raw_notion.data_sources   complete walk
    GET  /v1/databases/{id}              → raw_notion.databases      of new and changed data sources
    POST /v1/search (page),
         /v1/data_sources/{id}/query,
    GET  /v1/pages/{id}                  → raw_notion.pages          newest first, to the cursor
    GET  /v1/blocks/{id}/children        → raw_notion.page_contents  blocks of changed pages, nested
         (or /v1/pages/{id}/markdown, where `content` is markdown)
    GET  /v1/comments?block_id=          → raw_notion.comments       of changed pages, their blocks
                                         → raw_notion.files          what is told in all of these

`walk.py` says how all pages are found. Cursor: `last_edited_time` is rounded to the minute, so an
edit may carry a time before the last read: the overlap is two minutes, and a page counts as known
only when it was read two minutes after its last edit, with this content. A comment does not touch
its page's time: comments on pages that are otherwise unchanged arrive with a full read. Users are
listed once a day, and when somebody is named who is not known (`people.py`).

Deletion: what is in the trash is not listed. Data sources are missed at once, pages by
`reconcile.py`: each is asked for, and is `trashed` or `access_lost`. A page that was moved or
renamed out of what is included is `out_of_scope`. What comes back is as of that moment.

API: https://developers.notion.com/reference. Run it: `headwater sync notion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.http import Meter
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.notion import webhook
from dlt_pipelines.notion.access import open_client
from dlt_pipelines.notion.memory import Memory
from dlt_pipelines.notion.reconcile import reconcile
from dlt_pipelines.notion.rest import Workspace
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.notion.walk import Walk
from dlt_pipelines.pipeline import (
    EVENTS,
    LISTING,
    Known,
    Resource,
    SourceType,
    SyncRequest,
)
from dlt_pipelines.webhook import Webhook

RESOURCES: Final = {
    "users": Resource(LISTING, "workspace"),
    "pages": Resource(EVENTS, "workspace", locator="$.id"),
    "databases": Resource(EVENTS, "workspace", follows="pages", locator="$.id"),
    "data_sources": Resource(EVENTS, "workspace", follows="pages", locator="$.parent.database_id"),
    "page_contents": Resource(EVENTS, "workspace", follows="pages"),
    "comments": Resource(EVENTS, "workspace", follows="pages", locator="$.parent"),
    "files": Resource(EVENTS, "workspace", follows="pages"),
}


@contextmanager
def open_workspace(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of the workspace, or of what lies under one root."""
    with open_client(request) as client:
        workspace = Workspace(client)
        walk = Walk(workspace, Tree(workspace, request.settings), request, sync)
        found = pages(walk, request.is_live)
        yield [
            found,
            *(found | _following(name, walk) for name, r in RESOURCES.items() if r.follows),
            found | users(walk) if "pages" in sync.resources else all_users(walk),
        ]


@contextmanager
def open_reconciliation(
    request: SyncRequest, sync: SyncRun, known: Known
) -> Iterator[Iterable[DltResource]]:
    """Tombstones of what has vanished."""
    with open_client(request) as client:
        workspace = Workspace(client)
        yield reconcile(workspace, Tree(workspace, request.settings), request, sync, known)


def check(request: SyncRequest) -> str:
    """Try the credential; say which integration it belongs to."""
    with open_client(request) as client:
        me = client.get(Meter("users"), "/v1/users/me", None, dict[str, Any]).data
        return f"{(me.get('bot') or {}).get('workspace_name')}, as {me.get('name')}"


@dlt.resource(name="pages", **EVENTS)
def pages(walk: Walk, is_live: bool) -> Iterator[pa.Table]:
    """Changed pages by every way there is; what follows them is read along."""
    yield from walk.tables(Memory(dlt.current.resource_state(), is_live))


@dlt.transformer(name="users", **LISTING)
def users(changed: pa.Table, walk: Walk) -> Iterator[pa.Table]:
    """Everybody in the workspace, at the end of a walk that makes it necessary."""
    if walk.is_over and walk.people.are_due:
        yield from walk.people.listed()


@dlt.resource(name="users", **LISTING)
def all_users(walk: Walk) -> Iterator[pa.Table]:
    """Everybody in the workspace, where nobody walks through it."""
    yield from walk.people.listed()


def _following(name: str, walk: Walk) -> Any:
    """What the walk has read of another resource by the time pages are handed on."""

    @dlt.transformer(name=name, **EVENTS)
    def rows(changed: pa.Table) -> Iterator[pa.Table]:
        yield from walk.take(name)

    return rows


@contextmanager
def open_named(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The objects that deliveries name, and nothing else."""
    with open_client(request) as client:
        yield webhook.named_objects(Workspace(client), request, sync)


NOTION: Final = SourceType(
    name="notion",
    default_url="https://api.notion.com",
    resources=RESOURCES,
    open=open_workspace,
    check=check,
    reconcile=open_reconciliation,
    rows_in_memory=100,  # Of pages with all their blocks.
    webhook=Webhook(webhook.verify, webhook.subjects, open_named, webhook.handshake),
)
