"""Queries of data sources filter and sort by property as Notion documents it."""

from typing import Any

import pytest

from include.sandbox import Limits, Workspace
from tests.include.sandbox.notion_workspaces import text
from tests.workspaces import below, data_source, notion, page, uuid

ADA, BEN = ({"object": "user", "id": uuid(name)} for name in ("Ada", "Ben"))
OPTIONS = {
    name: {"id": uuid(name), "name": name, "color": "default"} for name in ("Red", "Blue", "Done")
}
COLUMNS = {
    "Name": ("title", {}),
    "Note": ("rich_text", {}),
    "Level": ("number", {"format": "number"}),
    "Open": ("checkbox", {}),
    "Colour": ("select", {"options": []}),
    "State": ("status", {"options": [], "groups": []}),
    "Tags": ("multi_select", {"options": []}),
    "Due": ("date", {}),
    "Who": ("people", {}),
    "See": ("relation", None),
    "Number": ("unique_id", {"prefix": "R"}),
    "Made": ("created_time", {}),
    "Edited": ("last_edited_time", {}),
    "Twice": ("formula", {"expression": "1"}),
}
SCHEMA = {
    name: {"id": f"id{name}", "name": name, "description": None, "type": kind, kind: value}
    for name, (kind, value) in COLUMNS.items()
    if value is not None
}
SOURCE = data_source("Rows")
SCHEMA["See"] = {"id": "idSee", "name": "See", "description": None, "type": "relation"} | {
    "relation": {
        "type": "single_property",
        "single_property": {},
        "data_source_id": SOURCE["id"],
        "database_id": SOURCE["parent"]["database_id"],
    }
}
SOURCE["properties"] = SCHEMA
QUERY = f"/data_sources/{SOURCE['id']}/query"


def row(number: int, **values: Any) -> dict[str, Any]:
    """A row named by its number; what no value is given for is empty."""
    made = page(str(number), number, parent=below(SOURCE))
    empty = {
        **dict.fromkeys(COLUMNS),
        **{name: [] for name in ("Note", "Tags", "Who", "See")},
        "Open": False,
        "Name": [text(f"Row {number}")],
        "Number": {"prefix": "R", "number": number},
        "Made": made["created_time"],
        "Edited": made["last_edited_time"],
        "Twice": {"type": "number", "number": 2 * number},
    }
    made["properties"] = {
        name: {"id": f"id{name}", "type": kind, kind: value}
        for name, value in (empty | values).items()
        for kind in [COLUMNS[name][0]]
    }
    return made


ROWS = [
    row(1, Note=[text("River Esk")], Level=0.5, Open=True, Colour=OPTIONS["Red"], Who=[ADA]),
    row(
        2,
        Note=[text("river "), text("Lune")],
        Level=2,
        State=OPTIONS["Done"],
        Tags=[OPTIONS["Red"], OPTIONS["Blue"]],
        Due={"start": "2026-03-05", "end": None, "time_zone": None},
        Who=[ADA, BEN],
        See=[{"id": uuid("1")}],
    ),
    row(
        3,
        Colour=OPTIONS["Blue"],
        Due={"start": "2026-03-07T10:00:00.000Z", "end": None, "time_zone": None},
    ),
]


@pytest.fixture
def client(serve_notion) -> Any:
    return serve_notion(notion(pages=ROWS, data_sources=[SOURCE]))


def found(client: Any, **body: Any) -> list[int]:
    answer = client.post(QUERY, json=body)
    assert answer.status_code == 200, answer.text
    numbers = {row["id"]: number for number, row in enumerate(ROWS, 1)}
    return [numbers[row["id"]] for row in answer.json()["results"]]


def having(name: str, **condition: Any) -> dict[str, Any]:
    """A filter by a property."""
    return {"property": name, COLUMNS[name][0]: condition}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (having("Name", equals="Row 2"), [2]),
        (having("Name", starts_with="row"), [1, 2, 3]),
        (having("Name", ends_with="3"), [3]),
        (having("Note", contains="RIVER"), [1, 2]),
        (having("Note", does_not_contain="esk"), [2, 3]),
        (having("Note", is_empty=True), [3]),
        (having("Level", greater_than=0.5), [2]),
        (having("Level", less_than_or_equal_to=2), [1, 2]),
        (having("Level", does_not_equal=2), [1, 3]),
        (having("Level", is_not_empty=True), [1, 2]),
        (having("Open", equals=True), [1]),
        (having("Open", does_not_equal=True), [2, 3]),
        (having("Colour", equals="Blue"), [3]),
        (having("Colour", is_empty=True), [2]),
        (having("State", does_not_equal="Done"), [1, 3]),
        (having("Tags", contains="Blue"), [2]),
        (having("Tags", does_not_contain="Blue"), [1, 3]),
        (having("Due", equals="2026-03-07"), [3]),
        (having("Due", before="2026-03-07"), [2]),
        (having("Due", on_or_after="2026-03-05"), [2, 3]),
        (having("Due", after="2026-03-07T09:59:00.000Z"), [3]),
        (having("Due", is_empty=True), [1]),
        (having("Who", contains=BEN["id"]), [2]),
        (having("Who", is_empty=True), [3]),
        (having("See", contains=uuid("1")), [2]),
        (having("See", is_not_empty=True), [2]),
        (having("Number", greater_than_or_equal_to=2), [2, 3]),
        (having("Made", on_or_before="2026-03-01T00:02:00.000Z"), [1, 2]),
        (having("Edited", after="2026-03-01T00:02:00.000Z"), [3]),
        (having("Twice", number={"equals": 6}), [3]),
        (having("Twice", string={"is_not_empty": True}), []),
        ({"property": "idLevel", "number": {"equals": 2}}, [2]),
        ({"and": [having("Open", equals=False), having("Colour", is_not_empty=True)]}, [3]),
        (
            {
                "or": [
                    having("Open", equals=True),
                    {"and": [having("Level", equals=2), having("Tags", contains="Red")]},
                ]
            },
            [1, 2],
        ),
    ],
)
def test_rows_are_filtered_by_every_common_property(client, condition, expected):
    assert sorted(found(client, filter=condition)) == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"property": "Nobody", "number": {"equals": 1}},
        {"property": "Level", "rich_text": {"equals": "1"}},
        {"property": "Level", "number": {"contains": 1}},
        {"property": "Level", "number": {}},
        {"property": "Level"},
        {"property": "Due", "date": {"past_week": {}}},
        {"property": "Due", "date": {"before": "yesterday"}},
        {"and": [{"or": [{"and": [having("Open", equals=True)]}]}]},
        {"and": having("Open", equals=True)},
        {"timestamp": "created_time", "last_edited_time": {"after": "2026-01-01"}},
    ],
)
def test_malformed_filters_are_refused_even_if_there_is_no_row(serve_notion, condition):
    client = serve_notion(notion(data_sources=[SOURCE]))
    refused = client.post(QUERY, json={"filter": condition})
    assert (refused.status_code, refused.json()["code"]) == (400, "validation_error")


@pytest.mark.parametrize(
    ("name", "ascending", "descending"),
    [
        ("Level", [1, 2, 3], [2, 1, 3]),
        ("Due", [2, 3, 1], [3, 2, 1]),
        ("Name", [1, 2, 3], [3, 2, 1]),
        ("Colour", [3, 1, 2], [1, 3, 2]),
        ("Edited", [1, 2, 3], [3, 2, 1]),
        ("Twice", [1, 2, 3], [3, 2, 1]),
    ],
)
def test_rows_are_sorted_by_property_and_what_is_empty_comes_last(
    client, name, ascending, descending
):
    assert found(client, sorts=[{"property": name, "direction": "ascending"}]) == ascending
    assert found(client, sorts=[{"property": name, "direction": "descending"}]) == descending


def test_the_second_sort_decides_where_the_first_does_not(client):
    sorts = [
        {"property": "Open", "direction": "descending"},
        {"property": "Number", "direction": "descending"},
    ]
    assert found(client, sorts=sorts) == [1, 3, 2]
    refused = client.post(QUERY, json={"sorts": [{"property": "No", "direction": "ascending"}]})
    assert refused.status_code == 400


def test_a_query_asks_for_pages_or_for_data_sources(client):
    assert sorted(found(client, result_type="page")) == [1, 2, 3]
    assert found(client, result_type="data_source") == []
    assert client.post(QUERY, json={"result_type": "block"}).status_code == 400


def test_a_row_that_changes_is_found_by_the_next_query(serve_notion):
    workspace = notion(pages=ROWS, data_sources=[SOURCE])
    client = serve_notion(workspace)
    assert found(client, filter=having("Level", is_empty=True)) == [3]
    level = {"id": "idLevel", "type": "number", "number": 1}
    workspace.notion.upsert(
        "pages", ROWS[2] | {"properties": ROWS[2]["properties"] | {"Level": level}}
    )
    assert found(client, filter=having("Level", is_empty=True)) == []


def test_the_maximum_ends_a_query_with_a_status_on_its_last_page(serve_notion):
    client = serve_notion(
        notion(pages=ROWS, data_sources=[SOURCE]), Limits(notion_results_per_query=2)
    )
    first = client.post(QUERY, json={"page_size": 1}).json()
    assert (first["has_more"], "request_status" in first) == (True, False)
    last = client.post(QUERY, json={"page_size": 1, "start_cursor": first["next_cursor"]}).json()
    assert (last["has_more"], last["request_status"]["type"]) == (False, "incomplete")
    assert last["request_status"]["incomplete_reason"] == "query_result_limit_reached"


def test_the_demo_is_filtered_by_its_own_schema(serve_notion):
    workspace = Workspace.demo()
    client = serve_notion(workspace)
    source = next(row for row in workspace.notion.data_sources if "State" in row["properties"])
    body = {"filter": {"property": "State", "status": {"equals": "Silent"}}}
    rows = client.post(f"/data_sources/{source['id']}/query", json=body).json()["results"]
    assert [row["properties"]["Number"]["unique_id"]["number"] for row in rows] == [10]
