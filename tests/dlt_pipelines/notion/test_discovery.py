"""Every page is found, by whichever way leads to it, and the account says which ways those were."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from dlt_pipelines.notion.memory import Memory
from include.sandbox.faults import Fault
from tests.dlt_pipelines.notion.conftest import (
    minutes_until_now,
    notes,
    paths,
    stored,
    text_block,
    texts,
)
from tests.workspaces import (
    START,
    below,
    data_source,
    demo,
    notion,
    notion_comment,
    page,
    paragraph,
    uuid,
)

DAY = timedelta(days=1, minutes=1)


def child(inner: dict, parent: dict, kind: str = "child_page") -> dict:
    """The block by which a page or database lies on a page."""
    block = paragraph("x", parent, has_children=True)
    block.pop("paragraph")
    return block | {"id": inner["id"], "type": kind, kind: {"title": "Child"}}


def database(name: str, parent: dict, **changed) -> dict:
    base = json.loads(demo()["notion"]["databases"][0])
    return {**base, "id": uuid(name), "parent": parent, **changed}


@pytest.fixture
def nested():
    """A page below a page below a page, the blocks by which they lie there, and a table below."""
    top = page("Top")
    middle = page("Middle", 1, parent=below(top))
    leaf = page("Leaf", 2, parent=below(middle))
    held = database("Tasks", below(leaf))
    source = data_source(
        "Tasks rows",
        parent={"type": "database_id", "database_id": held["id"]},
        database_parent=below(leaf),
    )
    held["data_sources"] = [{"id": source["id"], "name": "Tasks"}]
    row = page("Row", 3, parent=below(source))
    blocks = [
        child(middle, below(top)),
        child(leaf, below(middle)),
        child(held, below(leaf), "child_database"),
        text_block("in the row", below(row)),
    ]
    return notion(
        pages=[top, middle, leaf, row], blocks=blocks, databases=[held], data_sources=[source]
    )


NAMES = ("Top", "Middle", "Leaf", "Row")


def test_what_search_lists_is_read_once_whatever_else_leads_to_it(synced, nested):
    installation = synced(nested)
    assert set(stored(installation, "pages")) == {uuid(name) for name in NAMES}
    assert len(installation.column("select 1 from raw_notion.pages")) == 4
    assert notes(installation, "pages") == {
        "found_by": {"child+search": 2, "query+search": 1, "search": 1}
    }


def test_what_search_does_not_list_is_found_below_other_pages(synced, nested):
    for name in (*NAMES[1:], "Tasks rows"):
        nested.notion.unlist(uuid(name))
    installation = synced(nested)
    assert set(stored(installation, "pages")) == {uuid(name) for name in NAMES}
    assert set(stored(installation, "page_contents")) == {uuid(name) for name in NAMES}
    assert set(stored(installation, "data_sources")) == {uuid("Tasks rows")}
    assert set(stored(installation, "databases")) == {uuid("Tasks")}
    assert notes(installation, "pages") == {
        "found_by": {"child": 2, "query": 1, "search": 1},
        "not_found_by_search": {
            uuid("Middle"): "child",
            uuid("Leaf"): "child",
            uuid("Row"): "query",
        },
    }


def test_what_search_hides_costs_nothing_until_a_day_has_passed(synced, nested, monkeypatch):
    for name in (*NAMES[1:], "Tasks rows"):
        nested.notion.unlist(uuid(name))
    installation = synced(nested)
    installation.sync("notion")
    assert paths(installation) == [
        "/v1/search",
        "/v1/search",
        f"/v1/data_sources/{uuid('Tasks rows')}/query",
    ]
    nested.notion.touch(uuid("Leaf"), START + timedelta(days=9))
    a_day_later(monkeypatch)
    (done,) = installation.sync("notion")
    assert done["rows_added"] == 3  # The page, its content, and its cover.
    assert stored(installation, "pages")[uuid("Leaf")]["last_edited_time"].startswith("2026-03-10")


def a_day_later(monkeypatch) -> None:
    """Let the next sync believe that a day has passed since the last one."""
    whole = Memory.__post_init__

    def later(memory: Memory) -> None:
        if "deep_at" in memory.stored:
            read_at = datetime.fromisoformat(memory.stored["deep_at"]) - DAY
            memory.stored["deep_at"] = read_at.isoformat()
        whole(memory)

    monkeypatch.setattr(Memory, "__post_init__", later)


def test_a_page_that_is_shared_long_after_its_last_edit_is_found_a_day_later(synced, monkeypatch):
    late, newest = page("Late"), page("Newest", 500)
    served = notion(pages=[late, newest], blocks=[text_block("late", below(late))])
    served.notion.unshare(late["id"])
    installation = synced(served)
    served.notion.share(late["id"])
    assert installation.sync("notion")[0]["rows_added"] == 0
    a_day_later(monkeypatch)
    assert installation.sync("notion")[0]["rows_added"] == 3
    blocks = stored(installation, "page_contents")[late["id"]]["blocks"]
    assert texts(blocks) == [("late", [])]


def test_a_comment_on_a_page_that_was_not_edited_is_found_a_day_later(synced, monkeypatch):
    recent, old = page("Recent", minutes_until_now() - 60), page("Old")
    served = notion(pages=[recent, old])
    installation = synced(served)
    for number, row in enumerate((recent, old)):
        served.notion.add_comment(notion_comment(str(number), row, minutes_until_now()))
    assert installation.sync("notion")[0]["rows_added"] == 0
    a_day_later(monkeypatch)
    installation.asked()
    assert installation.sync("notion")[0]["rows_added"] == 1
    assert set(stored(installation, "comments")) == {uuid("0")}
    assert [path for path in paths(installation) if "blocks" in path] == []


def test_old_rows_of_a_data_source_that_is_new_are_found_at_once(synced):
    source = data_source("Decisions")
    row, newest = page("Row", parent=below(source)), page("Newest", 500)
    served = notion(pages=[row, newest], data_sources=[source])
    served.notion.unshare(source["id"])
    installation = synced(served)
    served.notion.share(source["id"])
    installation.sync("notion")
    assert set(stored(installation, "pages")) == {row["id"], newest["id"]}


def test_a_child_that_moved_in_is_found_when_its_new_parent_is_read(synced):
    parent, moved = page("Parent", 500), page("Moved")
    served = notion(pages=[parent, moved])
    served.notion.unshare(moved["id"])
    installation = synced(served)
    served.notion.share(moved["id"])
    served.notion.unlist(moved["id"])
    served.notion.blocks.upsert(child(moved, below(parent)))
    served.notion.touch(parent["id"], START + timedelta(days=1))
    installation.sync("notion")
    assert set(stored(installation, "pages")) == {parent["id"], moved["id"]}


def test_a_linked_view_of_a_database_is_put_aside_and_the_rest_is_read(synced):
    top = page("Top")
    held = database("View", below(top))
    view = child(held, below(top), "child_database")
    installation = synced(notion(pages=[top], blocks=[view, text_block("text", below(top))]))
    ((resource, payload),) = installation.query(
        "select resource, payload from raw_headwater.dead_letters"
    )
    assert (resource, json.loads(payload)["id"]) == ("databases", held["id"])
    assert len(stored(installation, "page_contents")[top["id"]]["blocks"]) == 2


def test_a_data_source_that_is_gone_when_it_is_queried_stops_nothing(synced, sandbox_of):
    source = data_source("Decisions")
    row = page("Row", parent=below(source))
    served = notion(pages=[row, page("Other")], data_sources=[source])
    installation = synced(served)
    installation.sandbox.faults.add(Fault(kind="status", status=404, path="/query$"))
    installation.sync("notion")
    assert isinstance(stored(installation, "data_sources")[source["id"]], dict)


def test_meeting_notes_are_read_with_the_blocks_that_they_name(synced):
    top = page("Top")
    blocks = [text_block(name, below(top)) for name in ("summary", "transcript")]
    notes_block = paragraph("notes", below(top))
    notes_block.pop("paragraph")
    named = {"summary_block_id": blocks[0]["id"], "transcript_block_id": blocks[1]["id"]}
    title = [{**text_block("x", below(top))["paragraph"]["rich_text"][0], "plain_text": "Standup"}]
    notes_block |= {
        "type": "meeting_notes",
        "meeting_notes": {"title": title, "children": named, "status": "notes_ready"},
    }
    elsewhere = page("Elsewhere")
    moved = [{**block, "parent": below(elsewhere)} for block in blocks]
    served = notion(pages=[top, elsewhere], blocks=[notes_block, *moved])
    installation = synced(served, "api_version: '2026-03-11'")
    (found,) = stored(installation, "page_contents")[top["id"]]["blocks"]
    assert texts(found["children"]) == [("summary", []), ("transcript", [])]
    served.notion.trash(blocks[0]["id"])  # Whoever asks for it by its id is still told.
    served.notion.pages.upsert(top | {"last_edited_time": "2026-03-02T00:00:00.000Z"})
    installation.sync("notion")
    (found,) = stored(installation, "page_contents")[top["id"]]["blocks"]
    assert texts(found["children"]) == [("transcript", [])]


def test_people_are_listed_a_day_later_or_when_somebody_unknown_is_named(synced, monkeypatch):
    known, *_ = (json.loads(row) for row in demo()["notion"]["users"])
    served = notion(pages=[page("Top")])
    installation = synced(served)

    def listed() -> bool:
        return "/v1/users" in paths(installation)

    served.notion.users.upsert({**known, "name": "Renamed"})
    installation.sync("notion")
    assert (listed(), stored(installation, "users")[known["id"]]["name"]) == (False, known["name"])
    # A new colleague, and a guest, whom Notion does not list.
    for number, is_listed in enumerate((True, False)):
        person = {**known, "id": uuid(f"person {number}"), "name": "New"}
        if is_listed:
            served.notion.users.upsert(person)
        by = {"object": "user", "id": person["id"]}
        served.notion.pages.upsert(page(f"Theirs {number}", 500 + number, last_edited_by=by))
        installation.sync("notion")
        assert listed()
        assert (person["id"] in stored(installation, "users")) == is_listed
        installation.sync("notion")
        assert not listed()
    assert stored(installation, "users")[known["id"]]["name"] == "Renamed"
    served.notion.users.delete(known["id"])
    installation.sync("notion")
    assert not listed()
    a_day_later(monkeypatch)
    installation.sync("notion")
    assert listed()
    retired = "select external_id from raw_notion.users where _dlt_valid_to is not null"
    assert installation.column(retired) == [known["id"], known["id"]]
