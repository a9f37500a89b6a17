"""Roots and path filters: what lies in a container, by the titles above it."""

from __future__ import annotations

import json

import pytest

from dlt_pipelines.notion.tree import Tree
from tests.workspaces import below, data_source, notion, page, uuid


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


def test_each_parent_is_asked_for_once_and_one_that_was_seen_not_at_all(reader, nested):
    leaves = [page(f"Leaf {n}", parent=below(nested[1])) for n in range(5)]
    workspace, run, sandbox = reader(notion(pages=[*nested, *leaves]))
    tree = Tree(workspace, {"page_id": nested[0]["id"]})
    assert all(tree.covers(run, json.dumps(leaf).encode()) for leaf in leaves)
    assert len(sandbox.requests) == 2
    assert all(tree.covers(run, json.dumps(row).encode()) for row in nested[:3])
    assert len(sandbox.requests) == 2


def test_a_parent_that_is_not_shared_ends_the_visible_path(reader):
    hidden = {"type": "page_id", "page_id": uuid("hidden")}
    seen = page("Seen", parent=hidden)
    covered, _ = tree_of(reader, {"include_paths": ["Seen"]}, seen)
    assert covered == {"Seen"}


def test_a_database_stands_in_the_path_once(reader):
    top = page("Handbook")
    database = {"type": "database_id", "database_id": uuid("database")}
    source = data_source("Decisions", parent=database, database_parent=below(top))
    title = "".join(part["plain_text"] for part in source["title"])
    row = page("Row", parent=below(source))
    served = notion(pages=[top, row], data_sources=[source])
    workspace, run, sandbox = reader(served)
    tree = Tree(workspace, {"include_paths": [f"Handbook/{title}/Row"]})
    assert tree.covers(run, json.dumps(row).encode())
    assert [e.path for e in sandbox.requests] == [
        f"/v1/data_sources/{source['id']}",
        f"/v1/pages/{top['id']}",
    ]


def test_an_unreadable_page_is_covered_so_that_it_is_put_aside(reader):
    workspace, run, _ = reader(notion())
    assert Tree(workspace, {"include_paths": ["x"]}).covers(run, b'{"title": "no id"}')
