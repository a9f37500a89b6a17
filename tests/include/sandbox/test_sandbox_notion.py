"""The sandbox answers Notion's REST API as Notion does."""

from typing import Any

import pytest

from include.sandbox import Fault, Limits, Workspace


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def page(number: int, parent: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    title = {"id": "title", "type": "title", "title": [{"plain_text": f"Page {number}"}]}
    return {
        "object": "page",
        "id": uid(number),
        "created_time": "2026-01-01T00:00:00.000Z",
        "last_edited_time": f"2026-03-{number:02d}T00:00:00.000Z",
        "parent": parent or {"type": "workspace", "workspace": True},
        "in_trash": False,
        "properties": {"Name": title},
        **changed,
    }


def block(number: int, parent: int, **changed: Any) -> dict[str, Any]:
    parent_key = {"type": "page_id", "page_id": uid(parent)}
    return {"object": "block", "id": uid(number), "parent": parent_key, "in_trash": False} | changed


def workspace(**rows: Any) -> Workspace:
    return Workspace.from_data({"notion": rows})


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.text
    return [int(row["id"][-12:]) for row in response.json()["results"]]


SOURCE = {"object": "data_source", "id": uid(90), "title": [], "last_edited_time": "2026-01-01"} | {
    "parent": {"type": "database_id", "database_id": uid(91)}
}
IN_SOURCE = {"type": "data_source_id", "data_source_id": uid(90), "database_id": uid(91)}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Notion-Version": ""}, 400, "missing_version"),
        ({"Notion-Version": "2022-06-28"}, 400, "validation_error"),
        ({"Authorization": "Bearer wrong"}, 401, "unauthorized"),
        ({"Authorization": ""}, 401, "unauthorized"),
    ],
)
def test_requests_without_version_or_token_are_refused(serve, headers, status, code):
    _, client = serve(workspace())
    response = client.get("/notion/v1/users", headers=headers)
    assert response.status_code == status
    assert response.json()["object"] == "error"
    assert (response.json()["code"], response.json()["status"]) == (code, status)
    assert response.json()["request_id"] == response.headers["x-notion-request-id"]


def test_version_decides_whether_archived_is_there(serve):
    _, client = serve(workspace(pages=[page(1, in_trash=True)]))
    path = f"/notion/v1/pages/{uid(1)}"
    old = client.get(path, headers={"Notion-Version": "2025-09-03"}).json()
    new = client.get(path, headers={"Notion-Version": "2026-03-11"}).json()
    assert (old["in_trash"], old["archived"]) == (True, True)
    assert (new["in_trash"], "archived" in new) == (True, False)


def test_objects_are_found_with_and_without_dashes(serve):
    _, client = serve(workspace(pages=[page(1)]))
    found = client.get(f"/notion/v1/pages/{uid(1).replace('-', '')}")
    assert found.json()["id"] == uid(1)
    missing = client.get(f"/notion/v1/pages/{uid(2)}")
    assert (missing.status_code, missing.json()["code"]) == (404, "object_not_found")
    malformed = client.get("/notion/v1/pages/one")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "validation_error")
    nowhere = client.get("/notion/v1/nothing")
    assert (nowhere.status_code, nowhere.json()["code"]) == (400, "invalid_request_url")


def test_search_finds_pages_and_data_sources_last_edited_first_but_not_trash(serve):
    pages = [page(1), page(3), page(2, in_trash=True)]
    _, client = serve(workspace(pages=pages, data_sources=[SOURCE]))
    search = "/notion/v1/search"
    assert ids(client.post(search, json={})) == [3, 1, 90]
    only = {"property": "object", "value": "data_source"}
    assert ids(client.post(search, json={"filter": only})) == [90]
    ascending = {"timestamp": "last_edited_time", "direction": "ascending"}
    assert ids(client.post(search, json={"sort": ascending})) == [90, 1, 3]
    assert ids(client.post(search, json={"query": "page 3"})) == [3]


def test_following_cursors_reads_every_page_once(serve):
    _, client = serve(workspace(pages=[page(n) for n in range(1, 6)]))
    found, body = [], {"page_size": 2}
    while True:
        answer = client.post("/notion/v1/search", json=body)
        found.append(ids(answer))
        if not answer.json()["has_more"]:
            break
        body["start_cursor"] = answer.json()["next_cursor"]
    assert found == [[5, 4], [3, 2], [1]]
    assert answer.json()["next_cursor"] is None
    assert answer.json()["request_status"] == {"type": "complete"}


@pytest.mark.parametrize(
    "body",
    [
        {"page_size": 101},
        {"page_size": 0},
        {"page_size": "10"},
        {"start_cursor": "nobody"},
        {"filter": {"property": "object", "value": "database"}},
        {"sort": {"timestamp": "created", "direction": "ascending"}},
        {"sorts": []},
    ],
)
def test_malformed_searches_are_refused(serve, body):
    _, client = serve(workspace(pages=[page(1)]))
    response = client.post("/notion/v1/search", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "validation_error")


def edited(**condition: str) -> dict[str, Any]:
    return {"timestamp": "last_edited_time", "last_edited_time": condition}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (edited(on_or_after="2026-03-02T00:00:00.000Z"), [2, 3]),
        (edited(after="2026-03-02T00:00:00.000Z"), [3]),
        (edited(before="2026-03-02"), [1]),
        ({"and": [edited(on_or_after="2026-03-02"), edited(on_or_before="2026-03-02")]}, [2]),
        ({"or": [edited(equals="2026-03-01"), edited(after="2026-03-02")]}, [1, 3]),
    ],
)
def test_rows_of_a_data_source_are_filtered_by_time(serve, condition, expected):
    rows = [page(n, IN_SOURCE) for n in (1, 2, 3)] + [page(4), page(5, IN_SOURCE, in_trash=True)]
    _, client = serve(workspace(pages=rows, data_sources=[SOURCE]))
    path = f"/notion/v1/data_sources/{uid(90)}/query"
    sorts = [{"timestamp": "last_edited_time", "direction": "ascending"}]
    assert ids(client.post(path, json={"filter": condition, "sorts": sorts})) == expected


def test_trash_of_a_data_source_is_returned_if_asked_for(serve):
    rows = [page(1, IN_SOURCE), page(2, IN_SOURCE, in_trash=True)]
    _, client = serve(workspace(pages=rows, data_sources=[SOURCE]))
    path = f"/notion/v1/data_sources/{uid(90)}/query"
    assert ids(client.post(path, json={})) == [1]
    assert ids(client.post(path, json={"in_trash": True})) == [2]


def test_filter_by_a_property_that_is_not_in_the_schema_is_refused(serve):
    _, client = serve(workspace(data_sources=[SOURCE], pages=[page(1, IN_SOURCE)]))
    body = {"filter": {"property": "Done", "checkbox": {"equals": True}}}
    response = client.post(f"/notion/v1/data_sources/{uid(90)}/query", json=body)
    assert response.status_code == 400


def test_query_ends_at_the_maximum_and_says_so_only_in_its_status(serve):
    rows = [page(n, IN_SOURCE) for n in range(1, 5)]
    limits = Limits(notion_results_per_query=3)
    _, client = serve(workspace(pages=rows, data_sources=[SOURCE]), limits)
    answer = client.post(f"/notion/v1/data_sources/{uid(90)}/query", json={}).json()
    assert (len(answer["results"]), answer["has_more"], answer["next_cursor"]) == (3, False, None)
    assert answer["request_status"] == {
        "type": "incomplete",
        "incomplete_reason": "query_result_limit_reached",
    }


def test_children_are_paged_in_order_without_trash(serve):
    blocks = [block(n, 1) for n in range(10, 115)] + [block(200, 1, in_trash=True)]
    _, client = serve(workspace(pages=[page(1)], blocks=blocks))
    path = f"/notion/v1/blocks/{uid(1)}/children"
    first = client.get(path)
    rest = client.get(path, params={"start_cursor": first.json()["next_cursor"]})
    assert ids(first) + ids(rest) == list(range(10, 115))
    assert (len(ids(first)), rest.json()["has_more"]) == (100, False)
    assert client.get(path, params={"page_size": "101"}).status_code == 400
    assert client.get(f"/notion/v1/blocks/{uid(2)}/children").status_code == 404


def test_comments_are_those_of_one_page_or_block(serve):
    comments = [
        {"object": "comment", "id": uid(50), "parent": {"type": "page_id", "page_id": uid(1)}},
        {"object": "comment", "id": uid(51), "parent": {"type": "block_id", "block_id": uid(10)}},
    ]
    _, client = serve(workspace(pages=[page(1)], blocks=[block(10, 1)], comments=comments))
    assert ids(client.get(f"/notion/v1/comments?block_id={uid(1)}")) == [50]
    assert ids(client.get(f"/notion/v1/comments?block_id={uid(10)}")) == [51]
    assert client.get("/notion/v1/comments").status_code == 400


def test_page_shows_few_references_and_the_property_has_them_all(serve):
    relation = {
        "id": "%3Arel",
        "type": "relation",
        "has_more": False,
        "relation": [{"id": uid(n)} for n in range(100, 130)],
    }
    done = {"id": "done", "type": "checkbox", "checkbox": True}
    _, client = serve(workspace(pages=[page(1, properties={"Links": relation, "Done": done})]))
    path = f"/notion/v1/pages/{uid(1)}"
    shown = client.get(path).json()["properties"]["Links"]
    assert (len(shown["relation"]), shown["has_more"]) == (25, True)
    first = client.get(f"{path}/properties/%3Arel?page_size=20").json()
    cursor = first["next_cursor"]
    rest = client.get(f"{path}/properties/%3Arel", params={"start_cursor": cursor}).json()
    found = [item["relation"]["id"] for item in first["results"] + rest["results"]]
    assert found == [reference["id"] for reference in relation["relation"]]
    single = client.get(f"{path}/properties/done").json()
    del single["request_id"]
    assert single == {"object": "property_item", "id": "done", "type": "checkbox", "checkbox": True}


def test_hosted_files_are_signed_anew_at_every_read_and_others_are_not(serve):
    hosted = {"type": "file", "file": {"url": "https://files.invalid/a.png?sig=old"}}
    linked = {"type": "external", "external": {"url": "https://tidewater.example/b.png"}}
    _, client = serve(workspace(pages=[page(1, icon=hosted, cover=linked)]))
    one, two = (client.get(f"/notion/v1/pages/{uid(1)}").json() for _ in range(2))
    assert one["icon"]["file"]["url"] != two["icon"]["file"]["url"]
    assert one["icon"]["file"]["url"].startswith("https://files.invalid/a.png?")
    assert "expiry_time" in one["icon"]["file"]
    assert one["cover"] == two["cover"] == linked


def test_me_is_the_bot_and_users_are_everybody(serve):
    users = [
        {"object": "user", "id": uid(1), "type": "person"},
        {"object": "user", "id": uid(2), "type": "bot"},
    ]
    _, client = serve(workspace(users=users))
    assert client.get("/notion/v1/users/me").json()["id"] == uid(2)
    assert ids(client.get("/notion/v1/users")) == [1, 2]


def test_enforced_limit_is_429_with_retry_after(serve):
    _, client = serve(workspace(), Limits(notion_requests_per_minute=1))
    assert client.get("/notion/v1/users").status_code == 200
    refused = client.get("/notion/v1/users")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(kind="status", provider="notion", status=529), 529, "service_overload"),
        (Fault(kind="rate_limit", provider="notion", seconds=7), 429, "rate_limited"),
        (Fault(kind="blocked", provider="notion"), 429, "rate_limited"),
    ],
)
def test_scripted_faults_hit_pages_as_markdown_too(serve, fault, status, code):
    sandbox, client = serve(workspace(pages=[page(1)]))
    sandbox.faults.add(fault)
    path = f"/notion/v1/pages/{uid(1)}/markdown"
    headers = {"Notion-Version": "2026-03-11"}
    refused = client.get(path, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert client.get(path, headers=headers).json()["markdown"] == ""
