"""Fixtures of the Notion reader's tests: a walk over a small workspace, and an installation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.rest import Workspace
from include.sandbox import Sandbox
from tests.installation import Installation
from tests.workspaces import START, paragraph

WORKSPACE = "Tidewater Labs"
SOURCES_YML = """
sources:
- {name: notion, type: notion, owner: Tidewater Labs, secret: NOTION_TOKEN%s}
"""
Reader = Callable[..., tuple[Workspace, ResourceRun, Sandbox]]


@pytest.fixture
def reader(sandbox_of, client_of, resource_run) -> Reader:
    """A Notion workspace read through the real client, and the account of one resource."""

    def start(workspace: Any, resource: str = "pages", **options: Any):
        sandbox = sandbox_of(workspace, **options)
        run = resource_run("notion", WORKSPACE, resource)
        return Workspace(client_of(sandbox, "notion")), run, sandbox

    return start


@pytest.fixture
def synced(sandbox_of, install) -> Callable[..., Installation]:
    """An installation that has read a workspace once, with these settings of its source."""

    def start(workspace: Any, settings: str = "", **options: Any) -> Installation:
        sources = SOURCES_YML % (f", {settings}" if settings else "")
        installation: Installation = install(sandbox_of(workspace, **options), sources=sources)
        installation.sync("notion")
        installation.asked()
        return installation

    return start


def ids(records: Iterable[bytes]) -> list[str]:
    """The ids of records."""
    return [json.loads(record)["id"] for record in records]


def texts(blocks: list[dict[str, Any]]) -> list[Any]:
    """Paragraphs as (text, children) all the way down."""
    return [
        (
            "".join(part["plain_text"] for part in block["paragraph"]["rich_text"]),
            texts(block.get("children", [])),
        )
        for block in blocks
    ]


def text_block(name: str, parent: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A paragraph that says its name."""
    block = paragraph(name, parent, **changed)
    part = {**block["paragraph"]["rich_text"][0], "plain_text": name}
    block["paragraph"] = {**block["paragraph"], "rich_text": [part]}
    return block


def minutes_until_now() -> int:
    """This minute, counted from START: Notion rounds down to it."""
    return int((datetime.now(UTC) - START).total_seconds() // 60)


def paths(installation: Installation) -> list[str]:
    """What was asked for since the last look."""
    return [exchange.path for exchange in installation.asked()]


def stored(installation: Installation, resource: str) -> dict[str, Any]:
    """The newest payload of each object of a raw table, by id; of a tombstone its reason."""
    rows = installation.query(
        f"select external_id, operation, payload from raw_notion.{resource}"
        " order by occurred_at, observed_at"
    )
    return {
        key: json.loads(payload) if operation == "upsert" else json.loads(payload)["reason"]
        for key, operation, payload in rows
    }


def notes(installation: Installation, resource: str) -> dict[str, Any]:
    """What the newest sync had to say of a resource beside the numbers."""
    found = installation.column(
        "select details -> '$.notes' from raw_headwater.sync_events"
        " where event = 'extracted' and resource = $resource order by occurred_at desc limit 1",
        resource=resource,
    )
    return json.loads(found[0]) if found and found[0] else {}
