"""Notion in the demo holds together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.sandbox import Workspace
from tests.include.sandbox import contracts
from tests.include.sandbox.demo_rows import (
    Row,
    by,
    notion,
)


def parent_id(row: Row) -> str:
    parent = row["parent"]
    return str(parent[parent["type"]])


def test_notion_parents_exist_and_children_are_announced() -> None:
    pages, blocks = by("id", notion("pages")), by("id", notion("blocks"))
    sources, databases = by("id", notion("data_sources")), by("id", notion("databases"))
    known = {"True", *pages, *blocks, *sources, *databases}
    parents = Counter(parent_id(block) for block in blocks.values())
    for row in [*pages.values(), *blocks.values(), *databases.values(), *notion("comments")]:
        assert parent_id(row) in known
    for block in blocks.values():
        assert block["has_children"] == (block["id"] in parents), block["type"]


def test_notion_child_pages_stand_in_their_parent_page() -> None:
    blocks = {row["id"]: row for row in notion("blocks") if row["type"] == "child_page"}
    nested = {row["id"]: row for row in notion("pages") if row["parent"]["type"] == "page_id"}
    assert blocks.keys() == nested.keys()
    for key, page in nested.items():
        assert blocks[key]["parent"] == page["parent"]
        assert blocks[key]["child_page"]["title"] == title(page)


def title(page: Row) -> str:
    return "".join(
        part["plain_text"]
        for value in page["properties"].values()
        if value["type"] == "title"
        for part in value["title"]
    )


UNPUBLISHED_PROPERTIES = {"button", "place", "verification"}
"""Types of which rows have values, and of which the published schema of a data source has none."""


def test_notion_rows_follow_the_schema_of_their_data_source() -> None:
    sources = by("id", notion("data_sources"))
    table = {r["id"]: r for r in notion("pages") if r["parent"]["type"] == "data_source_id"}
    per_source = Counter(row["parent"]["data_source_id"] for row in table.values())
    assert {title_of(sources[key]): count for key, count in per_source.items()} == {
        "Decisions": 6,
        "Stations": 32,
        "Visits": 3,
    }
    for row in table.values():
        properties = sources[row["parent"]["data_source_id"]]["properties"]
        assert (
            row["parent"]["database_id"]
            == sources[row["parent"]["data_source_id"]]["parent"]["database_id"]
        )
        assert properties.keys() == {
            name
            for name, value in row["properties"].items()
            if value["type"] not in UNPUBLISHED_PROPERTIES
        }
        for name, schema in properties.items():
            value = row["properties"][name]
            assert (value["id"], value["type"]) == (schema["id"], schema["type"])
            if value["type"] == "relation":
                back = schema["relation"]["dual_property"]["synced_property_name"]
                for other in value["relation"]:
                    assert {"id": row["id"]} in table[other["id"]]["properties"][back]["relation"]


def title_of(source: Row) -> str:
    return "".join(part["plain_text"] for part in source["title"])


def test_notion_databases_name_their_data_sources() -> None:
    sources = by("id", notion("data_sources"))
    listed = [source for database in notion("databases") for source in database["data_sources"]]
    assert {source["id"]: source["name"] for source in listed} == {
        key: title_of(source) for key, source in sources.items()
    }
    assert sorted(len(database["data_sources"]) for database in notion("databases")) == [1, 2]


def test_notion_rows_have_every_type_of_property_and_more_references_than_a_page_shows() -> None:
    values = [value for row in notion("pages") for value in row["properties"].values()]
    assert {value["type"] for value in values} == {
        *("title", "rich_text", "number", "select", "multi_select", "status", "date", "people"),
        *("files", "checkbox", "url", "email", "phone_number", "formula", "relation", "rollup"),
        *("created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id"),
        *UNPUBLISHED_PROPERTIES,
    }
    kinds = {v["formula"]["type"] for v in values if v["type"] == "formula"}
    assert kinds == {"string", "number", "boolean", "date"}
    assert {v["rollup"]["type"] for v in values if v["type"] == "rollup"} == {
        *("array", "number", "date")
    }
    assert max(len(v["relation"]) for v in values if v["type"] == "relation") == 31
    assert max(len(list(mentions(v))) for v in values if v["type"] == "rich_text") == 31


@contracts.require_contracts
def test_notion_has_every_block_type_on_one_page() -> None:
    pages, blocks = by("id", notion("pages")), by("id", notion("blocks"))

    def page_of(block: Row) -> str:
        return (
            page_of(blocks[parent_id(block)])
            if block["parent"]["type"] == "block_id"
            else title(pages[parent_id(block)])
        )

    kinds = {row["type"] for row in blocks.values() if page_of(row) == "How we write"}
    # `transcription` is what the older version of the API calls `meeting_notes`.
    assert kinds | {"transcription"} == set(contracts.notion_block_types())


def test_notion_has_a_page_that_only_walking_its_parents_finds() -> None:
    store = Workspace.demo().notion
    assert [title(store.pages.get(key) or {}) for key in store.unlisted] == [
        "Minutes template of 2024"
    ]


def test_notion_mentions_and_copies_point_to_what_exists() -> None:
    known = {row["id"] for kind in ("pages", "databases", "blocks") for row in notion(kind)}
    people = {row["id"] for row in notion("users")}
    for block in notion("blocks"):
        for mention in mentions(block):
            target = mention[mention["type"]]
            if mention["type"] in ("page", "database", "user"):
                assert target["id"] in (people if mention["type"] == "user" else known)
        content = block[block["type"]]
        if block["type"] == "link_to_page":
            assert content[content["type"]] in known
        if content.get("synced_from"):
            assert content["synced_from"]["block_id"] in known


def mentions(value: Any) -> Iterator[Row]:
    if isinstance(value, dict):
        if value.get("type") == "mention":
            yield value["mention"]
        for item in value.values():
            yield from mentions(item)
    elif isinstance(value, list):
        for item in value:
            yield from mentions(item)


def test_notion_blocks_are_many_deep_and_of_most_types() -> None:
    blocks = by("id", notion("blocks"))
    per_page = Counter(parent_id(row) for row in blocks.values() if "page_id" in row["parent"])
    names = {row["id"]: title(row) for row in notion("pages")}
    assert [names[key] for key, count in per_page.items() if count > 100] == ["Field notes 2026"]

    def depth(block: Row) -> int:
        parent = blocks.get(parent_id(block)) if block["parent"]["type"] == "block_id" else None
        return 1 + (depth(parent) if parent else 0)

    assert max(depth(block) for block in blocks.values()) == 4
    assert len({block["type"] for block in blocks.values()}) == 36
    for block in blocks.values():
        if block["type"] == "table_row":
            width = blocks[parent_id(block)]["table"]["table_width"]
            assert len(block["table_row"]["cells"]) == width


def test_notion_times_are_whole_minutes_and_pages_are_as_new_as_their_blocks() -> None:
    pages = by("id", notion("pages"))
    blocks = by("id", notion("blocks"))
    for row in [*pages.values(), *blocks.values()]:
        assert row["last_edited_time"].endswith(":00.000Z")
        assert row["created_time"] <= row["last_edited_time"]
    for block in blocks.values():
        if block["type"].startswith("child_"):
            continue
        top = block
        while top["parent"]["type"] == "block_id":
            top = blocks[parent_id(top)]
        assert block["last_edited_time"] <= pages[parent_id(top)]["last_edited_time"]


def test_notion_keeps_the_awkward_cases() -> None:
    pages = notion("pages")
    assert [title(row) for row in pages if row["in_trash"]] == [
        "Roadmap 2025",
        "Old mill",
    ]
    assert [title(row) for row in pages if row["public_url"]] == ["Gauge handbook"]
    assert [title(row) for row in pages if row["is_locked"]] == [
        "Hiring: embedded engineer (not public)"
    ]
    assert sum(title(row) == "" for row in pages) == 1
    assert Counter(row["type"] for row in notion("users")) == {"person": 6, "bot": 1}
    assert [r["name"] for r in notion("users") if r.get("person") == {}] == ["Joaquín Berrocal"]
    assert Counter(row["parent"]["type"] for row in notion("comments")) == {
        "page_id": 11,
        "block_id": 5,
    }
