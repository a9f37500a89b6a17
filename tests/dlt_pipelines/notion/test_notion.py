"""Notion is read completely: nested blocks, rows that search hides, rounded times, signed URLs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from dlt_pipelines.http import PermanentError
from dlt_pipelines.notion.rest import Workspace, without_signatures
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.pipeline import EARLIEST
from include.sandbox import Limits
from include.sandbox.faults import Fault
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

WORKSPACE = "Tidewater Labs"
SOURCES_YML = """
sources:
- {name: notion, type: notion, owner: Tidewater Labs, secret: NOTION_TOKEN%s}
"""


@pytest.fixture
def reader(sandbox_of, client_of, resource_run):
    """A Notion workspace read through the real client, and the account of one resource."""

    def start(workspace, resource: str = "pages", **options):
        sandbox = sandbox_of(workspace, **options)
        run = resource_run("notion", WORKSPACE, resource)
        return Workspace(client_of(sandbox, "notion")), run, sandbox

    return start


def ids(records) -> list[str]:
    return [json.loads(record)["id"] for record in records]


def texts(blocks: list[dict]) -> list:
    """Blocks as (text, children) all the way down."""
    return [
        (
            "".join(part["plain_text"] for part in block["paragraph"]["rich_text"]),
            texts(block.get("children", [])),
        )
        for block in blocks
    ]


def text_block(name: str, parent: dict, **changed) -> dict:
    block = paragraph(name, parent, **changed)
    part = {**block["paragraph"]["rich_text"][0], "plain_text": name}
    block["paragraph"] = {**block["paragraph"], "rich_text": [part]}
    return block


# Blocks


def test_blocks_are_read_to_any_depth_in_their_order(reader):
    top = page("Deep")
    chain = [text_block("1", below(top), has_children=True)]
    for depth in range(2, 7):
        chain.append(text_block(str(depth), below(chain[-1]), has_children=depth < 6))
    served = notion(pages=[top], blocks=[*chain, text_block("last", below(top))])
    workspace, run, sandbox = reader(served)
    assert texts(workspace.fetch_blocks(run, top["id"])) == [
        ("1", [("2", [("3", [("4", [("5", [("6", [])])])])])]),
        ("last", []),
    ]
    assert run.meter.requests_made == len(sandbox.requests) == 6


@pytest.mark.parametrize("count, requests", [(0, 1), (100, 1), (101, 2), (230, 3)])
def test_every_page_of_children_is_read(reader, count, requests):
    top = page("Long")
    blocks = [text_block(str(n), below(top)) for n in range(count)]
    workspace, run, sandbox = reader(notion(pages=[top], blocks=blocks))
    found = texts(workspace.fetch_blocks(run, top["id"]))
    assert found == [(str(n), []) for n in range(count)]
    assert len(sandbox.requests) == requests


def test_pages_below_a_page_are_not_read_as_its_content(reader):
    top = page("Top")
    child = page("Child", parent=below(top))
    block = paragraph("x", below(top), has_children=True)
    block |= {"id": child["id"], "type": "child_page", "child_page": {"title": "Child"}}
    block.pop("paragraph")
    workspace, run, sandbox = reader(notion(pages=[top, child], blocks=[block]))
    (found,) = workspace.fetch_blocks(run, top["id"])
    assert (found["child_page"], "children" in found) == ({"title": "Child"}, False)
    assert len(sandbox.requests) == 1


# Discovery


def test_pages_are_searched_newest_first_up_to_the_first_old_one(reader):
    pages = [page(f"Page {n}", n) for n in range(250)]
    workspace, run, sandbox = reader(notion(pages=pages))
    found = ids(workspace.fetch_changed_pages(run, START + timedelta(minutes=200)))
    assert found == [row["id"] for row in reversed(pages[200:])]
    assert len(sandbox.requests) == 2  # One page of search, and which data sources there are.


@pytest.mark.parametrize("count, requests", [(0, 2), (100, 2), (101, 3), (250, 4)])
def test_a_first_read_walks_every_page_of_search(reader, count, requests):
    pages = [page(f"Page {n}", n) for n in range(count)]
    workspace, run, sandbox = reader(notion(pages=pages))
    assert sorted(ids(workspace.fetch_changed_pages(run, EARLIEST))) == sorted(
        row["id"] for row in pages
    )
    assert len(sandbox.requests) == requests


def test_a_row_that_search_does_not_list_is_found_by_querying_its_data_source(reader):
    source = data_source("Decisions")
    rows = [page(f"Row {n}", n, parent=below(source)) for n in range(3)]
    workspace, run, sandbox = reader(notion(pages=rows, data_sources=[source]))
    body = {
        "object": "list",
        "results": [],
        "has_more": False,
        "next_cursor": None,
        "type": "page_or_data_source",
        "page_or_data_source": {},
    }
    sandbox.faults.add(Fault(kind="status", status=200, body=body, path="/v1/search$"))
    found = ids(workspace.fetch_changed_pages(run, START + timedelta(minutes=1)))
    assert sorted(found) == sorted(row["id"] for row in rows[1:])
    (query,) = [e for e in sandbox.requests if e.path.endswith("/query")]
    assert json.loads(query.request_body)["filter"] == {
        "timestamp": "last_edited_time",
        "last_edited_time": {"on_or_after": "2026-03-01T00:01:00.000Z"},
    }


def test_a_row_that_both_list_is_read_once(reader):
    source = data_source("Decisions")
    row = page("Row", 1, parent=below(source))
    workspace, run, _ = reader(notion(pages=[row], data_sources=[source]))
    assert ids(workspace.fetch_changed_pages(run, EARLIEST)) == [row["id"]]


def test_more_rows_than_notion_returns_are_an_error_and_not_a_gap(reader):
    source = data_source("Decisions")
    rows = [page(f"Row {n}", n, parent=below(source)) for n in range(8)]
    served = notion(pages=rows, data_sources=[source])
    workspace, run, _ = reader(served, limits=Limits(notion_results_per_query=5))
    with pytest.raises(PermanentError) as caught:
        list(workspace.fetch_changed_pages(run, EARLIEST))
    assert caught.value.code == "incomplete"
    assert str(caught.value) == (
        "notion.pages: /v1/search: request_status is incomplete; expected a complete listing;"
        " sync smaller windows with --start and --end"
    )


def test_a_listing_that_says_more_follows_but_not_where_is_an_error(reader):
    workspace, run, sandbox = reader(handbook(), "users")
    sandbox.faults.add(Fault(kind="status", status=200, body={"results": [], "has_more": True}))
    with pytest.raises(PermanentError, match="/v1/users: has_more without next_cursor"):
        list(workspace.fetch_users(run))


# Whole syncs


def contents(installation) -> list[tuple]:
    return installation.query(
        "select external_id, container, occurred_at, payload from raw_notion.page_contents"
        " order by occurred_at, observed_at"
    )


def test_a_page_becomes_one_row_of_content_with_its_blocks_nested(sandbox_of, install):
    top = page("Top", 3)
    outer = text_block("outer", below(top), has_children=True)
    served = notion(pages=[top], blocks=[outer, text_block("inner", below(outer))])
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sync("notion")
    ((page_id, container, occurred_at, payload),) = contents(installation)
    assert (page_id, container) == (top["id"], WORKSPACE)
    assert occurred_at == START + timedelta(minutes=3)
    record = json.loads(payload)
    assert set(record) == {"object", "page_id", "last_edited_time", "blocks"}
    assert (record["object"], record["page_id"]) == ("page_content", top["id"])
    assert texts(record["blocks"]) == [("outer", [("inner", [])])]


def test_a_second_sync_adds_nothing_and_costs_one_request_per_listing(sandbox_of, install):
    installation = install(sandbox_of(handbook()), sources=SOURCES_YML % "")
    installation.sync("notion")
    before = installation.raw()
    installation.asked()
    (done,) = installation.sync("notion")
    assert (done["rows_added"], installation.raw()) == (0, before)
    assert [exchange.path for exchange in installation.asked()] == [
        "/v1/users",
        "/v1/search",
        "/v1/search",
        f"/v1/data_sources/{uuid('Decisions')}/query",
    ]


def test_signed_urls_change_at_every_read_and_no_row_is_added(sandbox_of, install):
    top = page("Top")
    image = paragraph("picture", below(top))
    image.pop("paragraph")
    file = {"url": "https://files.example/a.png", "expiry_time": "2026-03-01T01:00:00.000Z"}
    image |= {"type": "image", "image": {"type": "file", "file": file, "caption": []}}
    served = notion(pages=[{**top, "icon": {"type": "file", "file": file}}], blocks=[image])
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sync("notion")
    before = installation.raw()
    payload = contents(installation)[0][3]
    (done,) = installation.sync("notion", mode="full")
    assert (done["rows_added"], installation.raw()) == (0, before)
    assert "X-Amz-Signature" in payload


def test_an_edit_in_the_minute_of_the_last_read_is_not_lost(sandbox_of, install):
    # Notion rounds down to the minute: now and its minute are the same to it.
    minute = (datetime.now(UTC) - START) // timedelta(minutes=1)
    top = page("Top", minute)
    served = notion(pages=[top], blocks=[text_block("before", below(top))])
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sync("notion")
    served.notion.blocks.upsert(
        {**text_block("after", below(top)), "id": text_block("before", below(top))["id"]}
    )
    (done,) = installation.sync("notion")
    assert done["rows_added"] == 1
    assert [texts(json.loads(row[3])["blocks"]) for row in contents(installation)] == [
        [("before", [])],
        [("after", [])],
    ]


def test_a_page_in_trash_is_kept_without_reading_its_content(sandbox_of, install):
    top = page("Top")
    installation = install(sandbox_of(notion(pages=[top])), sources=SOURCES_YML % "")
    installation.sandbox.faults.add(
        Fault(kind="replace", key="in_trash", value=True, path="/v1/search$", after=0, times=None)
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


def test_comments_are_read_with_the_pages_they_are_on(sandbox_of, install):
    first, second = page("One"), page("Two", 1)
    comments = [notion_comment("a", first, 1), notion_comment("b", second, 2)]
    served = notion(pages=[first, second], comments=comments)
    installation = install(sandbox_of(served), sources=SOURCES_YML % "")
    installation.sync("notion")
    assert installation.query(
        "select external_id, occurred_at, payload -> 'parent' ->> 'page_id'"
        " from raw_notion.comments order by occurred_at"
    ) == [
        (uuid("a"), START + timedelta(minutes=1), first["id"]),
        (uuid("b"), START + timedelta(minutes=2), second["id"]),
    ]


@pytest.mark.parametrize("version", ["2025-09-03", "2026-03-11"])
def test_both_api_versions_are_read(sandbox_of, install, version):
    sources = SOURCES_YML % f", api_version: '{version}'"
    installation = install(sandbox_of(handbook()), sources=sources)
    (done,) = installation.sync("notion")
    assert done["rows_added"] == 7 + 1 + 2 + 2 + 1
    asked = installation.asked()
    assert {exchange.request_headers["notion-version"] for exchange in asked} == {version}
    has_archived = installation.column(
        "select distinct payload like '%\"archived\"%' from raw_notion.pages"
    )
    assert has_archived == [version == "2025-09-03"]


# Roots and paths


def tree_of(reader, settings, *pages, **rows):
    served = notion(pages=pages, **rows)
    workspace, run, sandbox = reader(served)
    tree = Tree(workspace, settings)
    covered = {
        row["properties"]["title"]["title"][0]["plain_text"]
        for row in pages
        if tree.covers(run, json.dumps(row).encode())
    }
    return covered, sandbox


@pytest.fixture
def nested():
    top = page("Handbook")
    team = page("Team", parent=below(top))
    notes = page("Notes", parent=below(team))
    other = page("Other")
    return top, team, notes, other


def test_a_root_covers_itself_and_everything_below_it(reader, nested):
    covered, _ = tree_of(reader, {"page_id": nested[1]["id"].replace("-", "")}, *nested)
    assert covered == {"Team", "Notes"}


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, {"Handbook", "Team", "Notes", "Other"}),
        ({"include_paths": ["Handbook/*"]}, {"Team", "Notes"}),
        ({"include_paths": ["Handbook", "Other"]}, {"Handbook", "Other"}),
        ({"exclude_paths": ["Handbook/Team*"]}, {"Handbook", "Other"}),
        ({"include_paths": ["Handbook*"], "exclude_paths": ["*/Notes"]}, {"Handbook", "Team"}),
    ],
)
def test_paths_are_titles_from_the_top_of_the_workspace(reader, nested, settings, expected):
    covered, _ = tree_of(reader, settings, *nested)
    assert covered == expected


def test_paths_below_a_root_begin_at_its_children(reader, nested):
    settings = {"page_id": nested[0]["id"], "include_paths": ["Team/*"]}
    covered, _ = tree_of(reader, settings, *nested)
    assert covered == {"Notes"}


def test_each_parent_is_asked_for_once(reader, nested):
    pages = [page(f"Leaf {n}", parent=below(nested[1])) for n in range(5)]
    covered, sandbox = tree_of(reader, {"page_id": nested[0]["id"]}, *nested, *pages)
    assert len(covered) == 8
    assert len(sandbox.requests) == 2


def test_a_parent_that_is_not_shared_ends_the_visible_path(reader):
    hidden = {"type": "page_id", "page_id": uuid("hidden")}
    seen = page("Seen", parent=hidden)
    covered, _ = tree_of(reader, {"include_paths": ["Seen"]}, seen)
    assert covered == {"Seen"}


def test_rows_of_a_data_source_lie_under_the_page_that_holds_it(sandbox_of, install):
    top = page("Handbook")
    database = {"type": "database_id", "database_id": uuid("database")}
    source = data_source("Decisions", parent=database, database_parent=below(top))
    row = page("Row", 1, parent={**below(source)})
    served = notion(pages=[top, row, page("Other")], data_sources=[source])
    served.notion.databases.upsert(_database(uuid("database"), below(top)))
    sources = SOURCES_YML % f", roots: [{{name: Handbook, page_id: {top['id']}}}]"
    installation = install(sandbox_of(served), sources=sources)
    installation.sync("notion")
    assert installation.query(
        "select container, external_id from raw_notion.pages order by occurred_at"
    ) == [("Handbook", top["id"]), ("Handbook", row["id"])]


def _database(identifier: str, parent: dict) -> dict:
    base = json.loads(demo()["notion"]["databases"][0])
    return {**base, "id": identifier, "parent": parent}


# Hashing


def test_only_what_is_signed_is_left_out_of_hashes():
    payload = {
        "id": "x",
        "request_id": "r",
        "icon": {"type": "file", "file": {"url": "https://f/a?sig=1", "expiry_time": "t"}},
        "links": ["https://f/a?sig=1", {"url": "https://g/b?page=2"}],
    }
    assert json.loads(without_signatures(json.dumps(payload).encode())) == {
        "id": "x",
        "icon": {"type": "file", "file": {"url": "https://f/a"}},
        "links": ["https://f/a?sig=1", {"url": "https://g/b?page=2"}],
    }


def test_a_record_without_signatures_is_hashed_as_it_came():
    raw = b'{ "id": "x",  "url": "https://f/a?b" }'
    assert without_signatures(raw) is raw


def test_times_are_asked_for_in_milliseconds_and_utc():
    assert at_ms(60) == "2026-03-01T00:01:00.000Z"
