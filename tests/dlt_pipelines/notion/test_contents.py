"""Properties in full, files of every kind, and pages as Notion's own Markdown."""

from __future__ import annotations

import json

import pytest

from include.sandbox import Limits
from include.sandbox.faults import Fault
from tests.dlt_pipelines.notion.conftest import SOURCES_YML, notes, paths, stored, text_block
from tests.workspaces import (
    below,
    data_source,
    notion,
    notion_comment,
    page,
    paragraph,
    uuid,
)

NEW = "api_version: '2026-03-11', content: markdown"
SIGNED = {"url": "https://files.example/x/a%20b.png", "expiry_time": "2026-03-01T01:00:00.000Z"}


def with_properties(row: dict, **values) -> dict:
    return {**row, "properties": {**row["properties"], **values}}


def relation(count: int) -> dict:
    ids = [{"id": uuid(f"target {n}")} for n in range(count)]
    return {"id": "rel", "type": "relation", "relation": ids, "has_more": False}


# Properties


@pytest.mark.parametrize("count, asked", [(25, 0), (26, 1), (130, 2)])
def test_relations_beyond_those_a_page_shows_are_asked_for(synced, count, asked, sandbox_of):
    row = with_properties(page("Row", parent=below(data_source("D"))), Related=relation(count))
    installation = synced(notion(pages=[row], data_sources=[data_source("D")]))
    value = stored(installation, "pages")[row["id"]]["properties"]["Related"]
    assert value["relation"] == relation(count)["relation"]
    assert value["has_more"] is False
    path = f"/v1/pages/{row['id']}/properties/rel"
    requests = [e for e in installation.sandbox.requests if e.path == path]
    assert len(requests) == asked


def test_long_titles_and_texts_are_read_in_full(synced):
    row = page("Long")
    part = row["properties"]["title"]["title"][0]
    parts = [
        {**part, "plain_text": f"{n} ", "text": {"content": f"{n} ", "link": None}}
        for n in range(60)
    ]
    row["properties"]["title"]["title"] = parts
    installation = synced(notion(pages=[row]))
    title = stored(installation, "pages")[row["id"]]["properties"]["title"]["title"]
    assert "".join(p["plain_text"] for p in title) == "".join(f"{n} " for n in range(60))


def test_a_settled_page_is_not_completed_again(synced):
    row = with_properties(page("Row", parent=below(data_source("D"))), Related=relation(40))
    installation = synced(notion(pages=[row], data_sources=[data_source("D")]))
    installation.sync("notion")
    assert not any("/properties/" in path for path in paths(installation))


def test_a_property_that_cannot_be_asked_for_is_kept_as_shown_and_put_aside(sandbox_of, install):
    row = with_properties(page("Row", parent=below(data_source("D"))), Related=relation(40))
    sandbox = sandbox_of(notion(pages=[row], data_sources=[data_source("D")]))
    sandbox.faults.add(Fault(kind="status", status=404, path="/properties/"))
    installation = install(sandbox, sources=SOURCES_YML % "")
    installation.sync("notion")
    value = stored(installation, "pages")[row["id"]]["properties"]["Related"]
    assert len(value["relation"]) == 25
    ((resource, payload),) = installation.query(
        "select resource, payload from raw_headwater.dead_letters"
    )
    assert (resource, json.loads(payload)["page_id"]) == ("pages", row["id"])


# Files


def media(key: str, kind: str, parent: dict, **held) -> dict:
    block = paragraph(key, parent)
    block.pop("paragraph")
    return block | {"type": kind, kind: {"caption": [], **held}}


def test_files_of_every_kind_are_listed_without_signatures(synced):
    top = {
        **page("Top"),
        "icon": {"type": "file", "file": SIGNED},
        "cover": {"type": "external", "external": {"url": "https://img.example/c.jpg?w=200"}},
    }
    source = data_source("D", icon=None, cover=None)
    files = [
        {"name": "plan.pdf", "type": "file", "file": SIGNED},
        {"name": "link", "type": "external", "external": {"url": "https://x.example/plan"}},
    ]
    attached = {"id": "att", "type": "files", "files": files}
    row = with_properties(page("Row", 1, parent=below(source)), Attached=attached)
    row |= {"icon": None, "cover": None}
    blocks = [
        media("picture", "image", below(top), type="file", file=SIGNED),
        media("nested", "pdf", below(uuid_block("outer")), type="file", file=SIGNED, name="n.pdf"),
        text_block("outer", below(top), has_children=True),
    ]
    talk = notion_comment("talk", top, 1, attachments=[{"category": "image", "file": SIGNED}])
    installation = synced(
        notion(pages=[top, row], data_sources=[source], blocks=blocks, comments=[talk])
    )
    files_by_place = sorted(
        (f["place"], f["name"], f["type"], f["host"], f["path"], f.get("page_id"))
        for f in stored(installation, "files").values()
    )
    hosted = ("files.example", "/x/a%20b.png")
    assert files_by_place == [
        ("attachment", "a b.png", "file", *hosted, top["id"]),
        ("block", "a b.png", "file", *hosted, top["id"]),
        ("block", "n.pdf", "file", *hosted, top["id"]),
        ("cover", "c.jpg", "external", "img.example", "/c.jpg", top["id"]),
        ("icon", "a b.png", "file", *hosted, top["id"]),
        ("property", "link", "external", "x.example", "/plan", row["id"]),
        ("property", "plan.pdf", "file", *hosted, row["id"]),
    ]
    kept = {f["url"] for f in stored(installation, "files").values()}
    assert "https://img.example/c.jpg?w=200" in kept
    assert "expiry_time" not in str(stored(installation, "files"))


def uuid_block(name: str) -> dict:
    return {"object": "block", "id": uuid(name)}


# Markdown


def test_a_page_can_be_read_as_notions_markdown_in_one_request(synced):
    top = page("Top")
    outer = text_block("outer", below(top), has_children=True)
    served = notion(pages=[top], blocks=[outer, text_block("inner", below(outer))])
    installation = synced(served, NEW)
    record = stored(installation, "page_contents")[top["id"]]
    assert set(record) == {"object", "page_id", "last_edited_time", "markdown"}
    assert "inner" in record["markdown"]
    assert not any("/children" in e.path for e in installation.sandbox.requests)


def test_markdown_that_is_cut_off_is_completed_from_blocks(synced):
    top = page("Top")
    blocks = [text_block(str(n), below(top)) for n in range(5)]
    served = notion(pages=[top], blocks=blocks)
    installation = synced(served, NEW, limits=Limits(notion_markdown_blocks=3))
    record = stored(installation, "page_contents")[top["id"]]
    assert (len(record["blocks"]), "markdown" in record) == (5, False)


def test_where_notion_has_no_markdown_blocks_are_read_and_it_is_asked_once(synced):
    served = notion(pages=[page("One"), page("Two", 1)])
    installation = synced(served, NEW, limits=Limits(notion_has_markdown=False))
    assert all("blocks" in row for row in stored(installation, "page_contents").values())
    asked = [e for e in installation.sandbox.requests if e.path.endswith("/markdown")]
    assert len(asked) == 1


def test_pages_below_a_page_are_found_in_its_markdown(synced):
    top = page("Top")
    child = page("Child", parent=below(top))
    block = paragraph("x", below(top), has_children=True)
    block.pop("paragraph")
    block |= {"id": child["id"], "type": "child_page", "child_page": {"title": "Child"}}
    served = notion(pages=[top, child], blocks=[block])
    served.notion.unlist(child["id"])
    installation = synced(served, NEW)
    assert set(stored(installation, "page_contents")) == {top["id"], child["id"]}
    assert notes(installation, "pages")["not_found_by_search"] == {child["id"]: "child"}
