"""What befalls a Notion workspace shows in the sandbox's answers as it does in Notion's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.sandbox import Workspace
from tests.include.sandbox.notion_workspaces import block, lines, text, words, written
from tests.workspaces import (
    below,
    data_source,
    demo,
    notion,
    notion_comment,
    page,
    uuid,
)

PAGE = page("Page")
CHILD = page("Child", parent=below(PAGE))
STUB = {**block("child_page", PAGE, title="Child"), "id": CHILD["id"]}
SOURCE = data_source("Rows")
DATABASE = {
    "object": "database",
    "id": SOURCE["parent"]["database_id"],
    "parent": below(PAGE),
    "data_sources": [{"id": SOURCE["id"], "name": "Rows"}],
}
ROW = page("Row", parent=below(SOURCE))
LATER = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)
MINUTE = "2026-11-01T12:34:00.000Z"


def whole_database() -> dict[str, Any]:
    return json.loads(demo()["notion"]["databases"][0]) | DATABASE


@pytest.fixture
def workspace() -> Workspace:
    inside = words(CHILD, "Inside")
    return notion(
        pages=[PAGE, CHILD, ROW],
        blocks=[*lines(PAGE, "First"), STUB, inside],
        databases=[whole_database()],
        data_sources=[SOURCE],
        comments=[notion_comment("Nice", PAGE)],
    )


def found(client: Any, path: str, body: dict[str, Any] | None = None) -> list[str]:
    """The names of what a listing has."""
    answer = client.get(path) if body is None else client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    names = {row["id"]: name for name, row in NAMED.items()}
    return [names.get(row["id"], row["id"]) for row in answer.json()["results"]]


NAMED = {"Page": PAGE, "Child": CHILD, "Row": ROW, "Rows": SOURCE, "First": words(PAGE, "First")}
QUERY = f"/data_sources/{SOURCE['id']}/query"


def test_trash_takes_along_what_lies_below_and_gives_it_back(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    assert sorted(found(client, "/search", {})) == ["Child", "Page", "Row", "Rows"]
    store.trash(PAGE["id"])
    for path in ("pages/" + CHILD["id"], "pages/" + ROW["id"], "data_sources/" + SOURCE["id"]):
        assert client.get(f"/{path}").json()["in_trash"] is True
    assert client.get(f"/databases/{DATABASE['id']}").json()["in_trash"] is True
    assert found(client, "/search", {}) == []
    assert found(client, QUERY, {}) == []
    assert found(client, QUERY, {"in_trash": True}) == ["Row"]
    store.restore(PAGE["id"])
    assert sorted(found(client, "/search", {})) == ["Child", "Page", "Row", "Rows"]
    assert client.get(f"/pages/{CHILD['id']}").json()["in_trash"] is False


def test_what_was_in_trash_itself_stays_there_when_its_parent_comes_back(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    store.trash(CHILD["id"])
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First"]
    store.trash(PAGE["id"])
    store.restore(PAGE["id"])
    assert client.get(f"/pages/{CHILD['id']}").json()["in_trash"] is True
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First"]
    store.restore(CHILD["id"])
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First", "Child"]


def test_a_block_in_trash_is_not_listed_and_can_be_asked_for(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    gone = NAMED["First"]["id"]
    store.trash(gone, at=LATER)
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["Child"]
    assert client.get(f"/blocks/{gone}").json()["in_trash"] is True
    assert client.get(f"/pages/{PAGE['id']}").json()["last_edited_time"] == MINUTE


def test_data_sources_and_databases_go_to_the_trash_with_their_rows(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    store.trash(SOURCE["id"])
    assert client.get(f"/databases/{DATABASE['id']}").json()["data_sources"] == []
    assert client.get(f"/pages/{ROW['id']}").json()["in_trash"] is True
    store.restore(SOURCE["id"])
    store.trash(DATABASE["id"])
    assert client.get(f"/data_sources/{SOURCE['id']}").json()["in_trash"] is True
    assert sorted(found(client, "/search", {})) == ["Child", "Page"]


def test_what_is_deleted_forever_is_nowhere(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    store.delete_forever(PAGE["id"])
    for path in (
        f"/pages/{PAGE['id']}",
        f"/pages/{CHILD['id']}",
        f"/blocks/{CHILD['id']}/children",
        f"/comments?block_id={PAGE['id']}",
        f"/databases/{DATABASE['id']}",
        f"/data_sources/{SOURCE['id']}",
        f"/pages/{ROW['id']}",
        f"/pages/{PAGE['id']}/markdown",
    ):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "object_not_found"), path
    kinds = ("pages", "blocks", "databases", "data_sources", "comments")
    assert [len(store.collection(kind)) for kind in kinds] == [0] * 5
    with pytest.raises(KeyError):
        store.delete_forever(PAGE["id"])


def test_what_is_no_longer_shared_is_absent_until_it_is_again(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    store.unshare(PAGE["id"])
    assert found(client, "/search", {}) == []
    for path in (
        f"/pages/{PAGE['id']}",
        f"/pages/{CHILD['id']}",
        f"/pages/{ROW['id']}/properties/title",
        f"/blocks/{CHILD['id']}",
        f"/blocks/{PAGE['id']}/children",
        f"/comments?block_id={PAGE['id']}",
        f"/databases/{DATABASE['id']}",
        f"/data_sources/{SOURCE['id']}",
    ):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "object_not_found"), path
    assert client.post(QUERY, json={}).status_code == 404
    store.share(PAGE["id"])
    assert sorted(found(client, "/search", {})) == ["Child", "Page", "Row", "Rows"]
    store.unshare(CHILD["id"])
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First"]


def test_search_leaves_out_what_it_does_not_list_and_the_rest_shows_it(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    for hidden in (CHILD, ROW, SOURCE):
        store.unlist(hidden["id"])
    assert found(client, "/search", {}) == ["Page"]
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First", "Child"]
    assert found(client, QUERY, {}) == ["Row"]
    listed = client.get(f"/databases/{DATABASE['id']}").json()["data_sources"]
    assert [source["id"] for source in listed] == [SOURCE["id"]]


def test_a_page_that_moves_is_found_below_its_new_parent_only(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    other = page("Other")
    store.upsert("pages", other)
    store.move(CHILD["id"], below(other), at=LATER)
    assert found(client, f"/blocks/{PAGE['id']}/children") == ["First"]
    assert found(client, f"/blocks/{other['id']}/children") == ["Child"]
    moved = client.get(f"/pages/{CHILD['id']}").json()
    assert (moved["parent"], moved["last_edited_time"]) == (below(other), MINUTE)
    with pytest.raises(ValueError, match="lies below"):
        store.move(other["id"], below(CHILD))


def test_an_edit_is_seen_on_the_blocks_around_it_and_their_page_by_the_minute(serve_notion):
    outer = block("bulleted_list_item", PAGE, "Outer")
    inner = words(outer, "Inner")
    beside = words(PAGE, "Beside")
    workspace = written(outer, inner, beside)
    client, store = serve_notion(workspace), workspace.notion
    store.edit_block(inner["id"], LATER, rich_text=[text("New")])
    times = {
        name: client.get(path).json()["last_edited_time"]
        for name, path in {
            "inner": f"/blocks/{inner['id']}",
            "outer": f"/blocks/{outer['id']}",
            "page": f"/pages/{PAGE['id']}",
        }.items()
    }
    assert times == dict.fromkeys(("inner", "outer", "page"), MINUTE)
    untouched = client.get(f"/blocks/{beside['id']}").json()["last_edited_time"]
    assert untouched == beside["last_edited_time"] < MINUTE
    shown = client.get(f"/blocks/{inner['id']}").json()["paragraph"]["rich_text"]
    assert [item["plain_text"] for item in shown] == ["New"]


def test_a_block_says_whether_anything_is_below_it(serve_notion):
    outer = block("toggle", PAGE, "Outer")
    client = serve_notion(workspace := written(outer))
    store, path = workspace.notion, f"/blocks/{outer['id']}"
    assert client.get(path).json()["has_children"] is False
    inner = words(outer, "Inner")
    store.add_block(inner, LATER)
    assert client.get(path).json()["has_children"] is True
    store.trash(inner["id"], LATER)
    assert client.get(path).json()["has_children"] is False
    store.restore(inner["id"])
    assert client.get(path).json()["has_children"] is True
    store.delete_forever(inner["id"])
    assert client.get(path).json()["has_children"] is False


def test_a_new_title_is_the_pages_and_that_of_its_place_in_the_parent(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    title = {"id": "title", "type": "title", "title": [text("Renamed")]}
    store.edit_page(CHILD["id"], LATER, title=title)
    assert client.get(f"/pages/{CHILD['id']}").json()["properties"]["title"] == title
    assert client.get(f"/blocks/{CHILD['id']}").json()["child_page"] == {"title": "Renamed"}
    assert client.get(f"/pages/{CHILD['id']}").json()["last_edited_time"] == MINUTE
    parent = client.get(f"/pages/{PAGE['id']}").json()
    assert parent["last_edited_time"] == PAGE["last_edited_time"]


def test_a_property_taken_out_of_the_schema_is_gone_from_the_rows(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    done = {"id": "done", "type": "checkbox", "checkbox": True}
    schema = {"id": "done", "name": "Done", "description": None} | {
        "type": "checkbox",
        "checkbox": {},
    }
    store.change_schema(SOURCE["id"], LATER, {"Done": schema})
    store.edit_page(ROW["id"], LATER - timedelta(minutes=5), Done=done)
    assert client.get(f"/pages/{ROW['id']}").json()["properties"]["Done"] == done
    store.change_schema(SOURCE["id"], LATER, {"Done": None})
    source = client.get(f"/data_sources/{SOURCE['id']}").json()
    assert ("Done" in source["properties"], source["last_edited_time"]) == (False, MINUTE)
    row = client.get(f"/pages/{ROW['id']}").json()
    assert ("Done" in row["properties"], row["last_edited_time"]) == (
        *(False, "2026-11-01T12:29:00.000Z"),
    )


def test_a_property_that_gets_another_name_keeps_its_values(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    note = {"id": "note", "type": "rich_text", "rich_text": [text("Kept")]}
    schema = {"id": "note", "description": None, "type": "rich_text", "rich_text": {}}
    store.change_schema(SOURCE["id"], LATER, {"Note": schema | {"name": "Note"}})
    store.edit_page(ROW["id"], LATER, Note=note)
    store.change_schema(SOURCE["id"], LATER, {"Note": None, "Remark": schema | {"name": "Remark"}})
    values = client.get(f"/pages/{ROW['id']}").json()["properties"]
    assert (values.get("Note"), values["Remark"]) == (None, note)


def test_resolved_discussions_are_not_listed(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    path = f"/comments?block_id={PAGE['id']}"
    reply = notion_comment("Indeed", PAGE, 1)
    other = notion_comment("Else", PAGE, 2, discussion_id=uuid("other discussion"))
    store.add_comment(reply)
    store.add_comment(other)
    assert found(client, path) == [uuid("Nice"), reply["id"], other["id"]]
    store.resolve(reply["discussion_id"])
    assert found(client, path) == [other["id"]]
    store.reopen(reply["discussion_id"])
    assert found(client, path) == [uuid("Nice"), reply["id"], other["id"]]


def test_comments_of_a_block_are_paged_and_not_those_of_its_page(serve_notion, workspace):
    client, store = serve_notion(workspace), workspace.notion
    first = NAMED["First"]
    for number in range(3):
        store.add_comment(notion_comment(f"n{number}", first))
    path = f"/comments?block_id={first['id']}&page_size=2"
    answer = client.get(path).json()
    rest = client.get(f"{path}&start_cursor={answer['next_cursor']}").json()
    assert [row["id"] for row in answer["results"] + rest["results"]] == [
        uuid(f"n{number}") for number in range(3)
    ]
    assert (answer["has_more"], rest["has_more"]) == (True, False)
    assert found(client, f"/comments?block_id={PAGE['id']}") == [uuid("Nice")]
