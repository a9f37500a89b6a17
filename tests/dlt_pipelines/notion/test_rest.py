"""Every listing of Notion is walked to its end: pages, splits, limits, both ends of search."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dlt_pipelines.notion.contents import fetch_blocks
from dlt_pipelines.notion.payloads import unsigned_text, without_signatures
from dlt_pipelines.notion.rest import IncompleteError
from include.sandbox import Limits
from include.sandbox.faults import Fault
from tests.dlt_pipelines.notion.conftest import ids, text_block, texts
from tests.workspaces import START, below, data_source, handbook, notion, page, paragraph

ALL = (None, None)


def test_blocks_are_read_to_any_depth_in_their_order(reader):
    top = page("Deep")
    chain = [text_block("1", below(top), has_children=True)]
    for depth in range(2, 7):
        chain.append(text_block(str(depth), below(chain[-1]), has_children=depth < 6))
    served = notion(pages=[top], blocks=[*chain, text_block("last", below(top))])
    workspace, run, sandbox = reader(served)
    assert texts(fetch_blocks(workspace, run, top["id"])) == [
        ("1", [("2", [("3", [("4", [("5", [("6", [])])])])])]),
        ("last", []),
    ]
    assert run.meter.requests_made == len(sandbox.requests) == 6


@pytest.mark.parametrize("count, requests", [(0, 1), (100, 1), (101, 2), (230, 3)])
def test_every_page_of_children_is_read(reader, count, requests):
    top = page("Long")
    blocks = [text_block(str(n), below(top)) for n in range(count)]
    workspace, run, sandbox = reader(notion(pages=[top], blocks=blocks))
    found = texts(fetch_blocks(workspace, run, top["id"]))
    assert found == [(str(n), []) for n in range(count)]
    assert len(sandbox.requests) == requests


def test_pages_below_a_page_are_not_read_as_its_content(reader):
    top = page("Top")
    child = page("Child", parent=below(top))
    block = paragraph("x", below(top), has_children=True)
    block |= {"id": child["id"], "type": "child_page", "child_page": {"title": "Child"}}
    block.pop("paragraph")
    workspace, run, sandbox = reader(notion(pages=[top, child], blocks=[block]))
    (found,) = fetch_blocks(workspace, run, top["id"])
    assert (found["child_page"], "children" in found) == ({"title": "Child"}, False)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("count, requests", [(0, 1), (100, 1), (101, 2), (250, 3)])
def test_search_is_walked_page_by_page_newest_first(reader, count, requests):
    pages = [page(f"Page {n}", n) for n in range(count)]
    workspace, run, sandbox = reader(notion(pages=pages))
    found = ids(workspace.search(run, "page"))
    assert found == [row["id"] for row in reversed(pages)]
    assert len(sandbox.requests) == requests


def test_what_lies_beyond_the_limit_of_search_is_found_from_its_other_end(reader):
    pages = [page(f"Page {n}", n) for n in range(8)]
    workspace, run, _ = reader(notion(pages=pages), limits=Limits(notion_results_per_query=5))
    found = ids(workspace.search(run, "page"))
    assert sorted(found) == sorted(row["id"] for row in pages)
    assert len(found) == 8


def test_more_pages_than_search_returns_from_both_ends_are_an_error_and_not_a_gap(reader):
    pages = [page(f"Page {n}", n) for n in range(11)]
    workspace, run, _ = reader(notion(pages=pages), limits=Limits(notion_results_per_query=5))
    with pytest.raises(IncompleteError) as caught:
        list(workspace.search(run, "page"))
    assert caught.value.code == "incomplete"
    assert str(caught.value) == (
        "notion.pages: /v1/search: request_status is incomplete; expected a complete listing;"
        " sync smaller windows with --start and --end"
    )


def rows_of(source: dict, count: int, every: float = 1) -> list[dict]:
    return [page(f"Row {n}", n * every, parent=below(source)) for n in range(count)]


def test_a_query_asks_for_edits_within_a_time(reader):
    source = data_source("Decisions")
    served = notion(pages=rows_of(source, 5), data_sources=[source])
    workspace, run, sandbox = reader(served)
    edited = (START + timedelta(minutes=1), START + timedelta(minutes=3))
    assert len(ids(workspace.query(run, source["id"], edited))) == 2
    body = json.loads(sandbox.requests[-1].request_body)
    assert body["filter"] == {
        "and": [
            {
                "timestamp": "last_edited_time",
                "last_edited_time": {"on_or_after": "2026-03-01T00:01:00.000Z"},
            },
            {
                "timestamp": "last_edited_time",
                "last_edited_time": {"before": "2026-03-01T00:03:00.000Z"},
            },
        ]
    }


@pytest.mark.parametrize("count", [6, 17, 40])
def test_more_rows_than_a_query_returns_are_asked_for_by_time_of_creation(reader, count):
    source = data_source("Decisions")
    rows = rows_of(source, count, every=90)
    served = notion(pages=rows, data_sources=[source])
    workspace, run, _ = reader(served, limits=Limits(notion_results_per_query=5))
    found = set(ids(workspace.query(run, source["id"], ALL)))
    assert found == {row["id"] for row in rows}


def test_more_rows_than_that_within_one_minute_are_an_error_and_not_a_gap(reader):
    source = data_source("Decisions")
    served = notion(pages=rows_of(source, 7, every=0), data_sources=[source])
    workspace, run, _ = reader(served, limits=Limits(notion_results_per_query=5))
    with pytest.raises(IncompleteError, match="request_status is incomplete"):
        list(workspace.query(run, source["id"], ALL))


def test_a_listing_that_says_more_follows_but_not_where_is_an_error(reader):
    workspace, run, sandbox = reader(handbook(), "users")
    sandbox.faults.add(Fault(kind="status", status=200, body={"results": [], "has_more": True}))
    with pytest.raises(IncompleteError, match="/v1/users: has_more without next_cursor"):
        list(workspace.fetch_users(run))


# What is stored of an object


def test_signatures_expiry_and_request_ids_are_left_out():
    payload = {
        "id": "x",
        "request_id": "r",
        "icon": {"type": "file", "file": {"url": "https://f/a?sig=1", "expiry_time": "t"}},
        "links": ["https://f/a?sig=1", {"url": "https://g/b?page=2"}],
        "text": "see https://s3/x.png?X-Amz-Expires=1&X-Amz-Signature=abc, and https://h/?q=1",
    }
    assert json.loads(without_signatures(json.dumps(payload).encode())) == {
        "id": "x",
        "icon": {"type": "file", "file": {"url": "https://f/a"}},
        "links": ["https://f/a?sig=1", {"url": "https://g/b?page=2"}],
        "text": "see https://s3/x.png and https://h/?q=1",
    }


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Signature=S",
        "Expires=1&Signature=S&Key-Pair-Id=K",
        "table=block&id=1&expirationTimestamp=1&signature=S&downloadName=a.pdf",
    ],
)
def test_urls_of_every_signing_host_lose_their_query(query):
    assert unsigned_text(f"[a](https://host/a.pdf?{query})") == "[a](https://host/a.pdf)"


def test_a_record_without_signatures_is_stored_as_it_came():
    raw = b'{ "id": "x",  "url": "https://f/a?b" }'
    assert without_signatures(raw) is raw
