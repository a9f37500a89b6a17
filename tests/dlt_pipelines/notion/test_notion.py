"""Whole syncs of Notion: what is stored, what a second sync costs, and what is never stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from include.sandbox import Limits
from include.sandbox.faults import Fault
from tests.dlt_pipelines.notion.conftest import (
    SOURCES_YML,
    WORKSPACE,
    minutes_until_now,
    paths,
    stored,
    text_block,
    texts,
)
from tests.workspaces import (
    START,
    at_ms,
    below,
    data_source,
    demo,
    handbook,
    notion,
    notion_comment,
    page,
    paragraph,
    uuid,
)

SIGNED = {"url": "https://files.example/a.png", "expiry_time": "2026-03-01T01:00:00.000Z"}


def database(name: str, parent: dict) -> dict:
    return {**json.loads(demo()["notion"]["databases"][0]), "id": uuid(name), "parent": parent}


def contents(installation) -> list[tuple]:
    return installation.query(
        "select external_id, container, occurred_at, payload from raw_notion.page_contents"
        " order by occurred_at, observed_at"
    )


def test_a_page_becomes_one_row_of_content_with_its_blocks_nested(synced):
    top = page("Top", 3)
    outer = text_block("outer", below(top), has_children=True)
    served = notion(pages=[top], blocks=[outer, text_block("inner", below(outer))])
    ((page_id, container, occurred_at, payload),) = contents(synced(served))
    assert (page_id, container) == (top["id"], WORKSPACE)
    assert occurred_at == START + timedelta(minutes=3)
    record = json.loads(payload)
    assert set(record) == {"object", "page_id", "last_edited_time", "blocks"}
    assert (record["object"], record["page_id"]) == ("page_content", top["id"])
    assert texts(record["blocks"]) == [("outer", [("inner", [])])]


@pytest.mark.parametrize("settings", ["", "include_paths: ['*']"])
def test_a_second_sync_adds_nothing_and_costs_one_request_per_listing(synced, settings):
    installation = synced(handbook(), settings)
    before = installation.raw()
    (done,) = installation.sync("notion")
    assert (done["rows_added"], installation.raw()) == (0, before)
    assert paths(installation) == [
        "/v1/search",
        "/v1/search",
        f"/v1/data_sources/{uuid('Decisions')}/query",
    ]


def test_the_cursor_is_the_newest_edit_and_the_next_sync_reads_from_two_minutes_before(synced):
    source = data_source("Decisions")
    served = notion(pages=[page(f"Page {n}", n) for n in range(150)], data_sources=[source])
    installation = synced(served)
    newest = START + timedelta(minutes=149)
    assert installation.cursors("notion", WORKSPACE) == {"pages": newest.isoformat()}
    installation.sync("notion")
    asked = [e for e in installation.asked() if e.path.startswith(("/v1/search", "/v1/data_so"))]
    assert len(asked) == 3  # Search is not walked on to its second page.
    assert json.loads(asked[-1].request_body)["filter"] == {
        "timestamp": "last_edited_time",
        "last_edited_time": {"on_or_after": at_ms(60 * 147)},
    }


def test_nothing_signed_is_stored_and_a_new_signature_is_no_change(synced):
    top = page("Top")
    image = paragraph("picture", below(top))
    image.pop("paragraph")
    image |= {"type": "image", "image": {"type": "file", "file": SIGNED, "caption": []}}
    icon = {"type": "file", "file": SIGNED}
    installation = synced(notion(pages=[{**top, "icon": icon}], blocks=[image]))
    before = installation.raw()
    (done,) = installation.sync("notion", mode="full")
    assert (done["rows_added"], installation.raw()) == (0, before)
    for name in stored_tables(installation):
        assert (
            installation.query(
                f"select payload from raw_notion.{name} where payload ilike '%X-Amz-%'"
                " or payload ilike '%expiry_time%' or payload ilike '%request_id%'"
            )
            == []
        )
    assert "https://files.example/a.png" in contents(installation)[0][3]


def stored_tables(installation) -> list[str]:
    return installation.column(
        "select table_name from information_schema.columns"
        " where table_schema = 'raw_notion' and column_name = 'payload'"
    )


def test_nothing_signed_reaches_the_dead_letters(sandbox_of, install):
    top = {**page("Top"), "icon": {"type": "file", "file": SIGNED}}
    installation = install(sandbox_of(notion(pages=[top])), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(Fault(kind="status", status=404, path="/children$", times=None))
    installation.sync("notion")
    (payload,) = installation.column("select payload from raw_headwater.dead_letters")
    assert "files.example/a.png" in payload
    assert "Signature" not in payload


@pytest.mark.parametrize("ahead", [0, -120, 120])
def test_an_edit_in_the_minute_of_the_last_read_is_not_lost(sandbox_of, install, ahead):
    # Notion rounds its own clock, which may not be ours, down to the minute.
    top = page("Top", minutes_until_now() + ahead)
    before = text_block("before", below(top))
    served = notion(pages=[top], blocks=[before])
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(Fault(kind="clock", seconds=60 * ahead, times=None))
    installation.sync("notion")
    served.notion.blocks.upsert({**text_block("after", below(top)), "id": before["id"]})
    (done,) = installation.sync("notion")
    assert done["rows_added"] == 1
    assert [texts(json.loads(row[3])["blocks"]) for row in contents(installation)] == [
        [("before", [])],
        [("after", [])],
    ]


def test_a_new_title_in_the_minute_of_the_last_read_is_not_lost(synced):
    top = page("Top", minutes_until_now())
    served = notion(pages=[top])
    installation = synced(served)
    served.notion.pages.upsert(
        {**page("Renamed", minutes_until_now()), "id": top["id"]}
        | {"created_time": top["created_time"], "last_edited_time": top["last_edited_time"]}
    )
    installation.sync("notion")
    assert installation.column(
        "select payload ->> '$.properties.title.title[0].plain_text' from raw_notion.pages"
        " order by observed_at"
    ) == ["Top", "Renamed"]


def test_a_page_in_trash_is_kept_without_reading_its_content(sandbox_of, install):
    top = page("Top")
    installation = install(sandbox_of(notion(pages=[top])), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(
        Fault(kind="replace", key="in_trash", value=True, path="/v1/search$", after=1, times=None)
    )
    installation.sync("notion")
    assert installation.query(
        "select external_id, payload ->> 'in_trash' from raw_notion.pages"
    ) == [(top["id"], "true")]
    assert contents(installation) == []
    assert not any("/blocks/" in exchange.path for exchange in installation.asked())


def test_a_page_that_is_gone_when_its_content_is_read_is_put_aside(sandbox_of, install):
    installation = install(sandbox_of(handbook()), sources=SOURCES_YML % "")
    gone = uuid("Handbook")
    installation.sandbox.faults.add(
        Fault(kind="status", status=404, path=f"/blocks/{gone}/children$")
    )
    installation.sync("notion")
    assert [row[0] for row in contents(installation)] == [uuid("Field notes")]
    ((resource, code, message, payload),) = installation.query(
        "select resource, error_code, error_message, payload from raw_headwater.dead_letters"
    )
    assert (resource, code) == ("page_contents", "NotFoundError")
    assert f"GET /notion/v1/blocks/{gone}/children answered 404 (object_not_found" in message
    assert json.loads(payload)["id"] == gone


def test_a_page_that_vanishes_while_it_is_read_is_no_error(sandbox_of, install):
    workspace = handbook()
    installation = install(sandbox_of(workspace), sources=SOURCES_YML % "")
    installation.sync("notion")
    gone = uuid("Handbook")
    edited = {"last_edited_time": f"{datetime.now(UTC):%FT%H:%M}:00.000Z"}
    workspace.notion.pages.upsert(workspace.notion.pages.get(gone) | edited)
    for path in (f"/blocks/{gone}/children$", f"/v1/pages/{gone}$"):
        installation.sandbox.faults.add(Fault(kind="status", status=404, path=path))
    installation.sync("notion")
    newest = "select operation, payload ->> 'reason' from raw_notion.pages where external_id = $id"
    assert installation.query(f"{newest} order by observed_at desc limit 1", id=gone) == [
        ("delete", "access_lost")
    ]
    assert installation.column("select count(*) from raw_headwater.dead_letters") == [0]


def test_a_block_that_is_gone_midway_costs_no_more_than_itself(sandbox_of, install):
    top = page("Top")
    first = text_block("first", below(top), has_children=True)
    second = text_block("second", below(top), has_children=True)
    inner = [text_block("lost", below(first)), text_block("kept", below(second))]
    served = notion(pages=[top], blocks=[first, second, *inner])
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(
        Fault(kind="status", status=404, path=f"/blocks/{first['id']}/children$")
    )
    installation.sync("notion")
    assert texts(json.loads(contents(installation)[0][3])["blocks"]) == [
        ("first", []),
        ("second", [("kept", [])]),
    ]
    ((resource, payload),) = installation.query(
        "select resource, payload from raw_headwater.dead_letters"
    )
    assert (resource, json.loads(payload)["id"]) == ("page_contents", first["id"])


def test_comments_are_read_with_the_pages_and_blocks_they_are_on(synced):
    first, second = page("One"), page("Two", 1)
    block = text_block("line", below(second))
    comments = [
        notion_comment("a", first, 1),
        notion_comment("b", second, 2),
        {**notion_comment("c", second, 3), "parent": below(block)},
    ]
    served = notion(pages=[first, second], blocks=[block], comments=comments)
    installation = synced(served)
    assert installation.query(
        "select external_id, occurred_at, payload -> 'parent' ->> 'page_id',"
        " payload -> 'parent' ->> 'block_id' from raw_notion.comments order by occurred_at"
    ) == [
        (uuid("a"), START + timedelta(minutes=1), first["id"], None),
        (uuid("b"), START + timedelta(minutes=2), second["id"], None),
        (uuid("c"), START + timedelta(minutes=3), None, block["id"]),
    ]


@pytest.mark.parametrize("limit, asked, left", [(0, 0, 3), (2, 2, 1), (3, 3, None)])
def test_comments_on_blocks_cost_no_more_requests_than_is_allowed(
    synced, sandbox_of, install, limit, asked, left
):
    top = page("Top")
    blocks = [text_block(str(n), below(top)) for n in range(3)]
    served = notion(pages=[top], blocks=blocks)
    sources = SOURCES_YML % f", block_comments: {limit}"
    installation = install(sandbox_of(served), sources=sources)
    installation.sync("notion")
    assert paths(installation).count("/v1/comments") == 1 + asked
    found = installation.column(
        "select details ->> '$.notes.blocks_not_asked' from raw_headwater.sync_events"
        " where event = 'extracted' and resource = 'comments'"
    )
    assert found == [str(left) if left else None]


@pytest.mark.parametrize("resource, path", [("comments", "/v1/comments$"), ("users", "/v1/users$")])
def test_what_the_integration_may_not_read_is_said_and_costs_nothing_else(
    sandbox_of, install, resource, path
):
    installation = install(sandbox_of(handbook()), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(Fault(kind="status", status=403, path=path, times=None))
    installation.sync("notion")
    assert [row[0] for row in contents(installation)] == [uuid("Handbook"), uuid("Field notes")]
    ((code, is_complete),) = installation.query(
        "select details ->> 'error_code', details ->> 'is_complete' from raw_headwater.sync_events"
        " where event = 'extracted' and resource = $resource",
        resource=resource,
    )
    assert (code, is_complete) == ("forbidden", "false")


@pytest.mark.parametrize("version", ["2025-09-03", "2026-03-11"])
def test_both_api_versions_are_read(synced, sandbox_of, install, version):
    sources = SOURCES_YML % f", api_version: '{version}'"
    installation = install(sandbox_of(handbook()), sources=sources)
    installation.sync("notion")
    counts = {name: len(stored(installation, name)) for name in ("users", "pages", "comments")}
    assert counts == {"users": 7, "pages": 2, "comments": 1}
    assert set(stored(installation, "page_contents")) == set(stored(installation, "pages"))
    asked = installation.asked()
    assert {exchange.request_headers["notion-version"] for exchange in asked} == {version}
    has_archived = installation.column(
        "select distinct payload like '%\"archived\"%' from raw_notion.pages"
    )
    assert has_archived == [version == "2025-09-03"]


def test_a_window_reads_what_was_edited_in_it_and_leaves_the_cursor(synced):
    source = data_source("Decisions", 400)
    pages = [page(f"Page {n}", n * 60) for n in range(5)]
    row = page("Row", 130, parent=below(source))
    installation = synced(notion(pages=[*pages, row], data_sources=[source]))
    cursors, before = installation.cursors("notion", WORKSPACE), installation.raw()
    installation.sync(
        "notion", mode="window", start=START + timedelta(hours=1), end=START + timedelta(hours=3)
    )
    read = {path.split("/")[3] for path in paths(installation) if path.endswith("/children")}
    assert read == {pages[1]["id"], pages[2]["id"], row["id"]}
    assert (installation.cursors("notion", WORKSPACE), installation.raw()) == (cursors, before)


def test_a_database_is_stored_beside_its_data_source(synced):
    top = page("Handbook")
    held = database("database", below(top))
    parent = {"type": "database_id", "database_id": held["id"]}
    source = data_source("Decisions", parent=parent, database_parent=below(top))
    held["data_sources"] = [{"id": source["id"], "name": "Decisions"}]
    served = notion(pages=[top], data_sources=[source], databases=[held])
    installation = synced(served)
    assert set(stored(installation, "databases")) == {held["id"]}
    assert set(stored(installation, "data_sources")) == {source["id"]}
    installation.sync("notion")
    assert not any("/databases/" in path for path in paths(installation))


def test_a_schema_that_changes_is_one_more_event_of_its_data_source(synced):
    source = data_source("Decisions")
    served = notion(data_sources=[source])
    installation = synced(served)
    served.notion.change_schema(
        source["id"], START + timedelta(days=2), {"Risk": {"id": "r", "name": "Risk", **CHECKBOX}}
    )
    installation.sync("notion")
    assert installation.column(
        "select payload -> 'properties' ->> '$.Risk.type' from raw_notion.data_sources"
        " order by occurred_at"
    ) == [None, "checkbox"]


CHECKBOX = {"type": "checkbox", "checkbox": {}, "description": None}


def test_requests_are_paced_before_notion_has_to_refuse_them(sandbox_of, install):
    pages = [page(f"Page {n}", n) for n in range(5)]
    sandbox = sandbox_of(notion(pages=pages), limits=Limits(notion_requests_per_minute=10))
    installation = install(sandbox, sources=SOURCES_YML % ", requests_per_minute: 8")
    (error,) = installation.failing_sync("notion")  # A wait longer than tests allow.
    assert error.code == "rate_limited"
    assert "the quota of the token is used up for" in str(error)
    assert {exchange.status for exchange in installation.asked()} == {200}
    assert len(sandbox.requests) == 8
