"""The demo is read completely: every object by its id, at the cost that README names."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from dlt_pipelines.notion.markdown import render_markdown
from include.sandbox.workspace import DEMO_PATH, Workspace
from tests.dlt_pipelines.notion.conftest import notes, stored
from tests.workspaces import demo


@pytest.fixture
def installation(synced):
    return synced(Workspace.demo())


def rows(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in demo()["notion"][kind]]


def shown(kind: str) -> set[str]:
    """The ids of what is not in the trash."""
    return {row["id"] for row in rows(kind) if not row.get("in_trash")}


def test_every_object_of_the_demo_is_stored(installation):
    for name in ("users", "databases", "data_sources", "pages", "comments"):
        assert set(stored(installation, name)) == shown(name), name
    assert set(stored(installation, "page_contents")) == shown("pages")
    assert installation.query("from raw_headwater.dead_letters") == []


def test_every_block_of_the_demo_is_stored_and_rendered(installation):
    found: list[dict[str, Any]] = []
    for content in stored(installation, "page_contents").values():
        found += content["blocks"]
        assert "[unsupported block: " not in render_markdown(
            [b for b in content["blocks"] if "unsupported" not in json.dumps(b)]
        )
    for block in found:
        found += block.get("children", [])
    assert {block["id"] for block in found} == shown("blocks")
    assert len(Counter(block["type"] for block in found)) >= 30


def test_the_page_that_search_does_not_list_is_found_and_named(installation):
    hidden = json.loads((DEMO_PATH / "workspace.json").read_text())["notion_unlisted"]
    assert set(notes(installation, "pages")["not_found_by_search"]) == set(hidden)


def test_nothing_signed_of_the_demo_is_stored(installation):
    tables = installation.column(
        "select table_name from information_schema.columns"
        " where table_schema = 'raw_notion' and column_name = 'payload'"
    )
    assert len(tables) == 7
    for table in tables:
        assert (
            installation.query(
                f"select payload from raw_notion.{table} where payload ilike '%X-Amz-%'"
                " or payload ilike '%expiry_time%' or payload ilike '%signature=%'"
            )
            == []
        )
    hosts = {file["host"] for file in stored(installation, "files").values()}
    assert "prod-files-secure.s3.us-west-2.amazonaws.com" in hosts


def test_a_sync_without_changes_costs_the_listings_and_one_request_per_data_source(installation):
    (done,) = installation.sync("notion")
    assert done["rows_added"] == 0
    sources = len(rows("data_sources"))
    assert len(installation.asked()) == 2 + sources
