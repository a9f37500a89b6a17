"""Notion's raw tables are staged: typed properties, files that are removed, reasons of deletion."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.dbt_project.conftest import read, read_rows, run_dbt
from tests.raw_warehouse import Event, RawWarehouse

WORKSPACE: Final = "Tidewater Labs"
URL: Final = "https://files.example/a.png"


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def said(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "plain_text": text} for text in texts]


def event(external_id: str, payload: dict[str, Any] | str, day: int, **changed: Any) -> Event:
    if isinstance(payload, dict) and "reason" not in payload:
        payload = {"id": external_id, "last_edited_time": at(day).isoformat(), **payload}
    return Event(external_id, payload, at(day), container=WORKSPACE, **changed)


def tombstone(external_id: str, reason: str, day: int) -> Event:
    return event(external_id, {"reason": reason, "evidence": {}}, day, operation="delete")


def value(kind: str, held: Any) -> dict[str, Any]:
    return {"id": kind[:3], "type": kind, kind: held}


RANGE: Final = {"start": "2026-03-01", "end": "2026-03-05", "time_zone": None}
NUMBERS: Final = [{"type": "number", "number": 3}, {"type": "title", "title": said("a", "b")}]
# Each type as Notion sends it, and what it is in staging.
PROPERTIES: Final[dict[str, tuple[Any, Any]]] = {
    "title": (said("Tide ", "table"), "Tide table"),
    "rich_text": (said("some", " text"), "some text"),
    "number": (4.5, 4.5),
    "select": ({"id": "x", "name": "High", "color": "red"}, "High"),
    "status": ({"id": "x", "name": "Done", "color": "green"}, "Done"),
    "multi_select": ([{"name": "a"}, {"name": "b"}], ["a", "b"]),
    "date": (RANGE, RANGE),
    "people": ([{"object": "user", "id": "u1"}, {"object": "user", "id": "u2"}], ["u1", "u2"]),
    "files": (
        [
            {"name": "a.png", "type": "file", "file": {"url": URL}},
            {"name": "b", "type": "external", "external": {"url": "https://x.example/b"}},
        ],
        [{"name": "a.png", "url": URL}, {"name": "b", "url": "https://x.example/b"}],
    ),
    "checkbox": (True, True),
    "url": ("https://x.example", "https://x.example"),
    "email": ("ada@example.org", "ada@example.org"),
    "phone_number": ("+44 1", "+44 1"),
    "formula": ({"type": "number", "number": 7}, 7),
    "relation": ([{"id": "p2"}, {"id": "p3"}], ["p2", "p3"]),
    "rollup": ({"type": "array", "array": NUMBERS, "function": "show_original"}, [3, "ab"]),
    "created_time": ("2026-03-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
    "created_by": ({"object": "user", "id": "u1"}, "u1"),
    "last_edited_time": ("2026-03-02T00:00:00.000Z", "2026-03-02T00:00:00.000Z"),
    "last_edited_by": ({"object": "user", "id": "u2"}, "u2"),
    "unique_id": ({"prefix": "TIDE", "number": 12}, "TIDE-12"),
    "verification": ({"state": "verified"}, {"state": "verified"}),
    "button": ({}, None),
    "place": ({"lat": 1.5, "lon": 2.5, "name": "Pier"}, {"lat": 1.5, "lon": 2.5, "name": "Pier"}),
    "not_known_yet": ({"anything": 1}, {"anything": 1}),
}


@pytest.fixture(scope="module")
def staged(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a little of everything in Notion, staged and rendered."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    raw = RawWarehouse(path)
    properties = {f'{kind} "it"': value(kind, held) for kind, (held, _) in PROPERTIES.items()}
    sums = {
        "Sum": value("rollup", {"type": "number", "number": 9, "function": "sum"}),
        "Nothing": value("select", None),
        "No number": value("number", None),
        "No prefix": value("unique_id", {"prefix": None, "number": 3}),
    }
    image = {"id": "b1", "type": "image", "image": {"type": "file", "file": {"url": URL}}}
    file = {"object": "file", "type": "file", "place": "block", "url": URL, "page_id": "p1"}
    raw.load(
        "raw_notion",
        {
            "databases": [
                event(
                    "d1",
                    {
                        "title": said("Tasks"),
                        "parent": {"type": "page_id", "page_id": "p1"},
                        "data_sources": [{"id": "s1", "name": "Tasks"}],
                        "in_trash": False,
                    },
                    1,
                ),
            ],
            "pages": [
                event("p1", {"properties": properties}, 1),
                event("p2", {"properties": sums, "in_trash": True}, 2),
                event("p3", {"properties": {}}, 1),
                tombstone("p3", "out_of_scope", 4),
                event("p4", {"properties": {}}, 1),
                tombstone("p4", "access_lost", 3),
                event("p4", {"properties": {}, "is_locked": True}, 5),
                event("p5", {"properties": "none"}, 1),
                event("p6", {"properties": [1, 2]}, 1),
            ],
            "page_contents": [
                event("p1", {"page_id": "p1", "blocks": [image]}, 1),
                event(
                    "p2", {"page_id": "p2", "markdown": 'A <span color="red">red</span> line'}, 1
                ),
            ],
            "files": [event(b, {**file, "block_id": b}, 1) for b in ("b1", "b0")],
        },
    )
    select = ["stg_notion__*", "int_notion__block_texts", "int_notion__rendered_texts"]
    select.append("int_notion__documents")
    run_dbt(dbt_folder, path, "build", "--select", *select, "--exclude", "test_type:singular")
    return path.rename(tmp_path_factory.mktemp("notion") / path.name)


@pytest.mark.parametrize("kind", PROPERTIES)
def test_properties_of_every_type_become_values_of_their_own_kind(staged: Path, kind: str) -> None:
    ((shown, identifier),) = read(
        staged,
        "select value_json, property_id from staging.stg_notion__page_properties"
        f" where external_id = 'p1' and property_type = '{kind}'",
    )
    assert (json.loads(shown) if shown else None) == PROPERTIES[kind][1]
    assert identifier == kind[:3]


def test_values_that_are_not_there_are_null_and_sums_are_numbers(staged: Path) -> None:
    assert read(
        staged,
        "select property_name, value_json from staging.stg_notion__page_properties"
        " where external_id = 'p2' order by 1",
    ) == [
        ("No number", None),
        ("No prefix", '"3"'),
        ("Nothing", None),
        ("Sum", "9"),
    ]


def test_properties_that_are_no_object_are_none(staged: Path) -> None:
    # `build` has tested their keys: a page that says nonsense must not stop it.
    assert read(
        staged,
        "select count(*) from staging.stg_notion__page_properties"
        " where external_id in ('p5', 'p6')",
    ) == [(0,)]


def test_the_newest_event_says_whether_a_page_is_there_and_why_not(staged: Path) -> None:
    assert read(
        staged,
        "select external_id, deletion_reason, deleted_at is null, is_locked"
        " from staging.stg_notion__pages order by 1",
    ) == [
        ("p1", None, True, False),
        ("p2", "trashed", False, False),
        ("p3", "out_of_scope", False, False),
        ("p4", None, True, True),
        ("p5", None, True, False),
        ("p6", None, True, False),
    ]


def test_a_database_names_its_data_sources(staged: Path) -> None:
    (row,) = read_rows(staged, "select * from staging.stg_notion__databases")
    assert (row["title"], row["parent_page_id"], row["data_source_ids"]) == ("Tasks", "p1", ["s1"])
    assert (row["is_in_trash"], row["deleted_at"]) == (False, None)


def test_a_file_is_removed_when_its_page_is_read_without_it(staged: Path) -> None:
    query = (
        "select external_id, removed_at is null, file_type, place from staging.stg_notion__files"
    )
    assert read(staged, f"{query} order by 1") == [
        ("b0", False, "file", "block"),
        ("b1", True, "file", "block"),
    ]


def test_notions_own_markdown_stands_in_where_there_are_no_blocks(staged: Path) -> None:
    assert read(
        staged,
        "select external_id, markdown from intermediate.int_notion__rendered_texts"
        " where resource = 'page_contents' order by 1",
    ) == [("p1", f"![]({URL})"), ("p2", "A red line")]


def test_what_properties_say_is_text_beside_the_body(staged: Path) -> None:
    assert read(
        staged,
        "select document_id, body, further_text from intermediate.int_notion__documents"
        " where further_text is not null",
    ) == [
        (
            "notion:page:p1",
            f"![]({URL})",
            'rich_text "it": some text\n\nurl "it": <https://x.example>',
        )
    ]


def test_a_document_carries_the_values_of_its_properties(staged: Path) -> None:
    ((shown,),) = read(
        staged,
        "select source_metadata -> 'properties' from intermediate.int_notion__documents"
        " where document_id = 'notion:page:p2'",
    )
    assert json.loads(shown) == {
        "No number": None,
        "No prefix": "3",
        "Nothing": None,
        "Sum": 9,
    }
