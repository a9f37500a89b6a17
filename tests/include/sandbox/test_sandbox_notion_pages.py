"""The sandbox's pages, their properties, databases and users, one at a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from include.sandbox import Limits, Workspace
from tests.include.sandbox.notion_workspaces import block, mention, text, written
from tests.many_blocks import block_id, page_id
from tests.workspaces import below, data_source, many_pages, notion, notion_comment, page, uuid

PAGE = page("Page")
SOURCE = data_source("Rows")
PEOPLE = [{"object": "user", "id": uuid(f"person {number}")} for number in range(30)]
PAGES = [{"id": uuid(f"page {number}")} for number in range(30)]


def with_value(kind: str, value: Any, **more: Any) -> Workspace:
    """A row whose property `Value` has this value."""
    row = page("Row", parent=below(SOURCE))
    row["properties"]["Value"] = {"id": "v%3Al", "type": kind, kind: value, **more}
    return notion(pages=[row], data_sources=[SOURCE])


def items(client: Any, size: int = 100) -> tuple[list[Any], list[Any]]:
    """Every item of the property `Value`, and each page's own part."""
    path = f"/pages/{uuid('Row')}/properties/v%3Al"
    found, parts, cursor = [], [], None
    while True:
        parameters = {"page_size": size} | ({"start_cursor": cursor} if cursor else {})
        answer = client.get(path, params=parameters).json()
        assert (answer["object"], answer["type"]) == ("list", "property_item")
        found += answer["results"]
        parts.append(answer["property_item"])
        if not answer["has_more"]:
            assert answer["next_cursor"] is None
            return found, parts
        cursor = answer["next_cursor"]


def shown(client: Any) -> Any:
    return client.get(f"/pages/{uuid('Row')}").json()["properties"]["Value"]


@pytest.mark.parametrize("count", [0, 25, 26])
def test_relations_show_25_and_say_that_there_are_more(serve_notion, count):
    references = [{"id": uuid(f"page {number}")} for number in range(count)]
    client = serve_notion(with_value("relation", references, has_more=False))
    assert shown(client)["relation"] == references[:25]
    assert shown(client)["has_more"] is (count > 25)
    assert [item["relation"] for item in items(client, 10)[0]] == references


def test_people_show_25_and_the_property_has_all(serve_notion):
    client = serve_notion(with_value("people", PEOPLE))
    assert shown(client)["people"] == PEOPLE[:25]
    assert [item["people"] for item in items(client)[0]] == PEOPLE


@pytest.mark.parametrize("kind", ["rich_text", "title"])
def test_text_ends_after_25_mentions_and_the_property_has_all(serve_notion, kind):
    runs = [text("See ")]
    for reference in PAGES:
        runs += [mention("page", reference, "a page"), text(", ")]
    row = page("Row", parent=below(SOURCE))
    row["properties"] = {"Value": {"id": "v%3Al", "type": kind, kind: runs}}
    client = serve_notion(notion(pages=[row], data_sources=[SOURCE]))
    assert shown(client)[kind] == runs[: 1 + 24 * 2 + 1]
    assert [item[kind] for item in items(client, 7)[0]] == runs


def test_a_rollup_of_values_is_listed_and_is_incomplete_before_its_last_page(serve_notion):
    values = [{"type": "number", "number": number} for number in range(30)]
    rollup = {"type": "array", "array": values, "function": "show_original"}
    client = serve_notion(with_value("rollup", rollup))
    assert shown(client)["rollup"]["array"] == values[:25]
    found, parts = items(client, 20)
    assert [item["number"] for item in found] == list(range(30))
    incomplete = {"type": "incomplete", "incomplete": {}, "function": "show_original"}
    done = {"type": "array", "array": [], "function": "show_original"}
    assert [part["rollup"] for part in parts] == [incomplete, done]
    assert parts[0]["next_url"].startswith("https://api.notion.com/v1/pages/")
    assert parts[1]["next_url"] is None


def test_a_rollup_of_one_value_has_no_items(serve_notion):
    rollup = {"type": "number", "number": 3, "function": "count"}
    found, parts = items(serve_notion(with_value("rollup", rollup)))
    assert (found, [part["rollup"] for part in parts]) == ([], [rollup])


def test_only_the_properties_asked_for_are_shown(serve_notion):
    client = serve_notion(with_value("number", 7))
    path = f"/pages/{uuid('Row')}"
    chosen = client.get(path, params={"filter_properties": ["v:l"]}).json()["properties"]
    assert list(chosen) == ["Value"]
    query = f"/data_sources/{SOURCE['id']}/query"
    rows = client.post(query, params={"filter_properties": ["title"]}, json={}).json()["results"]
    assert [list(row["properties"]) for row in rows] == [["title"]]
    refused = client.get(path, params={"filter_properties": "nobody"})
    assert (refused.status_code, refused.json()["code"]) == (400, "validation_error")


def test_users_are_found_by_their_id(serve_notion):
    client = serve_notion(notion())
    everybody = client.get("/users").json()["results"]
    for user in everybody:
        answer = client.get(f"/users/{user['id']}").json()
        del answer["request_id"]
        assert answer == user
    assert client.get(f"/users/{uuid('nobody')}").status_code == 404


@pytest.mark.parametrize(
    ("version", "name"), [("2025-09-03", "transcription"), ("2026-03-11", "meeting_notes")]
)
def test_meeting_notes_are_called_as_the_version_calls_them(serve_notion, version, name):
    meeting = block("meeting_notes", PAGE, title=[text("Weekly")])
    client = serve_notion(written(meeting), None, version)
    answer = client.get(f"/blocks/{meeting['id']}").json()
    assert (answer["type"], answer[name]) == (name, {"title": [text("Weekly")]})


def test_files_of_notion_are_signed_anew_wherever_they_are(serve_notion):
    hosted = {"url": "https://files.example/a.png?old", "expiry_time": "2026-01-01T00:00:00.000Z"}
    own, linked = (
        {"type": "file", "file": hosted},
        {"type": "external"} | {"external": {"url": "https://a.example/b.png?v=1"}},
    )
    files = [{"name": "a", **own}, {"name": "b", **linked}]
    row = page("Row", parent=below(SOURCE), icon=own, cover=linked)
    row["properties"]["Value"] = {"id": "v", "type": "files", "files": files}
    client = serve_notion(notion(pages=[row], data_sources=[SOURCE]))
    one, two = (client.get(f"/pages/{row['id']}").json() for _ in range(2))
    for first, second in (
        (one["icon"], two["icon"]),
        (one["properties"]["Value"]["files"][0], two["properties"]["Value"]["files"][0]),
    ):
        assert first["file"]["url"].split("?")[0] == "https://files.example/a.png"
        assert first["file"]["url"] != second["file"]["url"]
        assert first["file"]["expiry_time"] > "2026-01-01"
    assert one["cover"] == two["cover"] == linked
    assert one["properties"]["Value"]["files"][1] == files[1]


def test_attachments_of_comments_are_signed_anew(serve_notion):
    hosted = {"url": "https://files.example/a.png?old", "expiry_time": "2026-01-01T00:00:00.000Z"}
    comment = notion_comment("Look", PAGE, attachments=[{"category": "image", "file": hosted}])
    client = serve_notion(written(comments=[comment]))
    one, two = (client.get(f"/comments?block_id={PAGE['id']}").json() for _ in range(2))
    first, second = (found["results"][0]["attachments"][0]["file"]["url"] for found in (one, two))
    assert first != second
    assert {url.split("?")[0] for url in (first, second)} == {"https://files.example/a.png"}


def test_a_page_can_be_asked_for_as_a_block(serve_notion):
    client = serve_notion(written(block("divider", PAGE)))
    answer = client.get(f"/blocks/{PAGE['id']}").json()
    assert (answer["type"], answer["child_page"]) == ("child_page", {"title": "Page"})
    assert (answer["parent"], answer["has_children"]) == (PAGE["parent"], True)


def test_a_burst_is_let_through_and_then_refused_for_a_moment(serve_notion):
    limits = Limits(notion_requests_per_minute=180, notion_burst=3)
    client = serve_notion(notion(), limits)
    statuses = [client.get("/users/me").status_code for _ in range(4)]
    assert statuses[:3] == [200, 200, 200]
    refused = next(r for r in iter(lambda: client.get("/users/me"), None) if r.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["code"] == "rate_limited"


@pytest.mark.parametrize("version", ["2025-09-03", "2026-03-11"])
def test_everything_in_the_demo_fits_the_contracts_as_it_is_served(serve_notion, version):
    workspace = Workspace.demo()
    client, store = serve_notion(workspace, None, version), workspace.notion
    for kind in ("users", "pages", "databases", "data_sources", "blocks"):
        for row in store.collection(kind):
            assert client.get(f"/{kind}/{row['id']}").json()["object"] == kind.removesuffix("s")
            if kind == "pages" or row.get("has_children"):
                assert client.get(f"/blocks/{row['id']}/children").status_code == 200
    for holder in {row["parent"][row["parent"]["type"]] for row in store.comments}:
        assert client.get(f"/comments?block_id={holder}").json()["results"] != []
    for source in store.data_sources:
        rows = client.post(f"/data_sources/{source['id']}/query", json={}).json()["results"]
        for value in rows[0]["properties"].values():
            path = f"/pages/{rows[0]['id']}/properties/{value['id']}"
            assert client.get(path).status_code == 200, path


def test_many_pages_are_served_without_looking_at_all_of_them(serve_notion):
    workspace = many_pages(40, 6)
    client = serve_notion(workspace)
    assert len(workspace.notion.blocks) == 240
    found = client.post("/search", json={}).json()["results"]
    assert [row["id"] for row in found] == [page_id(number) for number in reversed(range(40))]
    listed = client.get(f"/blocks/{page_id(7)}/children").json()["results"]
    assert [row["id"] for row in listed] == [block_id(7, place) for place in (0, 1, 2, 4, 5)]
    assert [row["has_children"] for row in listed] == [False, False, True, False, False]
    nested = client.get(f"/blocks/{block_id(7, 2)}/children").json()["results"]
    assert [row["id"] for row in nested] == [block_id(7, 3)]
    shown = client.get(f"/pages/{page_id(7)}/markdown").json()["markdown"].split("\n")
    assert shown[2:4] == ["Line 2 of page 7", "\tLine 3 of page 7"]


def test_what_befalls_one_of_many_paragraphs_is_kept(serve_notion):
    workspace = many_pages(3, 6)
    client, store = serve_notion(workspace), workspace.notion
    at = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    store.edit_block(block_id(1, 3), at, rich_text=[text("Changed")])
    store.trash(block_id(1, 0))
    store.delete_forever(block_id(1, 1))
    store.move(block_id(1, 4), {"type": "page_id", "page_id": page_id(2)})
    shown = {
        number: client.get(f"/pages/{page_id(number)}/markdown").json()["markdown"].split("\n")
        for number in (0, 1, 2)
    }
    assert shown[0] == [
        *("Line 0 of page 0", "Line 1 of page 0", "Line 2 of page 0"),
        *("\tLine 3 of page 0", "Line 4 of page 0", "Line 5 of page 0"),
    ]
    assert shown[1] == ["Line 2 of page 1", "\tChanged", "Line 5 of page 1"]
    assert shown[2][-1] == "Line 4 of page 1"
    assert client.get(f"/blocks/{block_id(1, 2)}").json()["last_edited_time"] == (
        "2026-11-01T12:00:00.000Z"
    )
    assert client.get(f"/blocks/{block_id(1, 1)}").status_code == 404
    assert (len(store.blocks), len(store.blocks.raw())) == (17, 17)
