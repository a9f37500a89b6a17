"""Linear is read completely: pages, archived objects, nested lists, teams, windows."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from importlib.resources import files

import pytest
from graphql import build_schema, parse, validate

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.linear.complexity import plan_of
from dlt_pipelines.linear.graphql import NESTED, query_text
from dlt_pipelines.linear.reconcile import census_text
from dlt_pipelines.linear.source import LINEAR
from include.sandbox.faults import Fault
from include.sandbox.linear import SCHEMA_PATH
from tests.include.sandbox.contracts import CONTRACTS_PATH, require_contracts
from tests.workspaces import (
    START,
    TEAM,
    linear,
    linear_comment,
    linear_issue,
    linear_label,
    linear_project,
    team,
    uuid,
)

ISSUES_OF_TEAM = {"team": {"key": {"eq": TEAM}}}
PAGE = plan_of(query_text("issues")).page_size
QUERIES = sorted(
    path.name.removesuffix(".graphql")
    for path in files("dlt_pipelines.linear").joinpath("queries").iterdir()
)
NO_MORE = {"hasNextPage": False, "endCursor": None}
SOURCES_YML = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [%s]}
"""


def ids(records) -> list[str]:
    return [json.loads(record)["id"] for record in records]


def variables(sandbox) -> list[dict]:
    return [json.loads(exchange.request_body)["variables"] for exchange in sandbox.requests]


# Queries


@pytest.fixture(scope="module")
def linears_own_schema():
    """The published schema."""
    text = (CONTRACTS_PATH / "linear" / "schema.graphql").read_text(encoding="utf-8")
    return build_schema(text, assume_valid=True, no_location=True)


@require_contracts
@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_valid_in_linears_own_schema(linears_own_schema, name):
    assert [str(error) for error in validate(linears_own_schema, parse(query_text(name)))] == []


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_valid_in_the_sandboxs_schema(name):
    schema = build_schema(SCHEMA_PATH.read_text(encoding="utf-8"))
    assert [str(error) for error in validate(schema, parse(query_text(name)))] == []


def test_every_resource_has_a_query_and_every_query_is_used():
    nested = {query for lists in NESTED.values() for query in lists.values()}
    others = {"viewer", "issue_history_page"}
    assert set(QUERIES) == {*LINEAR.resources, *nested, *others}


@require_contracts
@pytest.mark.parametrize("name", sorted(n for n, r in LINEAR.resources.items() if r.locator))
def test_every_census_is_valid_and_asks_for_ids_and_teams_only(linears_own_schema, name):
    text = census_text(name)
    assert [str(error) for error in validate(linears_own_schema, parse(text))] == []
    asked = set(re.findall(r"(?m)^ +(\w+)$", text))
    assert "id" in asked
    assert asked <= {"id", "key", "hasNextPage", "endCursor"}


# Pages


@pytest.mark.parametrize(
    "count, requests", [(0, 1), (1, 1), (PAGE, 1), (PAGE + 1, 2), (2 * PAGE + 1, 3)]
)
def test_issues_are_read_page_by_page_newest_change_first(reader, count, requests):
    rows = [linear_issue(n, n) for n in range(1, count + 1)]
    workspace, run, sandbox = reader(linear(issues=rows))
    found = ids(workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    assert found == [row["id"] for row in reversed(rows)]
    assert run.meter.requests_made == len(sandbox.requests) == requests
    assert {asked["first"] for asked in variables(sandbox)} == {PAGE}


def test_labels_have_pages_of_250(reader):
    rows = [linear_label(n) for n in range(1, 302)]
    workspace, run, sandbox = reader(linear(labels=rows), "labels")
    found = ids(workspace.fetch_all(run, run.resource, {}))
    assert sorted(found) == sorted(row["id"] for row in rows)
    assert [asked["first"] for asked in variables(sandbox)] == [250, 250]
    assert variables(sandbox)[0]["after"] is None
    assert variables(sandbox)[1]["after"] == found[249]


def test_an_issue_that_changes_during_the_walk_hides_no_other(reader):
    rows = [linear_issue(n, n) for n in range(1, 251)]
    served = linear(issues=rows)

    def after(exchange) -> None:
        if len(sandbox_requests) == 1:
            served.linear.issues.upsert(linear_issue(20, 9_000))

    workspace, run, sandbox = reader(served, after=after)
    sandbox_requests = sandbox.requests
    found = ids(workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    # The next run reads it: its change is newer than this walk's cursor.
    assert set(found) == {row["id"] for row in rows} - {rows[19]["id"]}


def test_a_page_that_says_more_follow_but_not_where_is_an_error(reader):
    workspace, run, sandbox = reader(team())
    page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}
    sandbox.faults.add(Fault(kind="status", status=200, body={"data": {"page": page}}))
    with pytest.raises(PermanentError, match=r"expected pageInfo\.endCursor") as caught:
        list(workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    assert caught.value.code == "incomplete"


# What is read


def test_archived_and_trashed_issues_are_read_like_any_other(reader):
    archived = linear_issue(1, archivedAt="2026-03-02T00:00:00.000Z")
    trashed = linear_issue(2, archivedAt="2026-03-02T00:00:00.000Z", trashed=True)
    workspace, run, _ = reader(linear(issues=[archived, trashed, linear_issue(3)]))
    found = {
        record["identifier"]: (record["archivedAt"], record["trashed"])
        for record in map(json.loads, workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    }
    assert found == {
        "ENG-1": ("2026-03-02T00:00:00.000Z", None),
        "ENG-2": ("2026-03-02T00:00:00.000Z", True),
        "ENG-3": (None, None),
    }


def test_an_issue_is_kept_as_linear_sent_it_and_holds_every_field_asked_for(reader):
    workspace, run, _ = reader(team())
    first = json.loads(list(workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))[-1])
    served = linear_issue(1, 10)
    for name in ("id", "identifier", "title", "description", "priority", "createdAt", "updatedAt"):
        assert first[name] == served[name]
    assert first["team"] == {"id": served["team"]["id"], "key": TEAM}
    assert first["labels"] == {"nodes": [], "pageInfo": NO_MORE}
    asked = re.search(
        r"nodes \{(.*)\}\s+pageInfo \{\s+hasNextPage\s+endCursor", query_text("issues"), re.S
    )
    assert set(first) == set(re.findall(r"(?m)^ {6}(\w+)", asked[1]))


@pytest.mark.parametrize("count, requests", [(20, 1), (21, 2), (300, 3)])
def test_more_labels_than_fit_beside_their_issue_are_completed(reader, count, requests):
    labels = [linear_label(n) for n in range(count)]
    nodes = [{"id": row["id"], "name": row["name"]} for row in labels]
    many = {**linear_issue(1), "labels": {"nodes": nodes}}
    workspace, run, sandbox = reader(linear(labels=labels, issues=[many]))
    (record,) = map(json.loads, workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    assert (record["labels"]["nodes"], record["labels"]["pageInfo"]["hasNextPage"]) == (
        nodes,
        False,
    )
    assert len(sandbox.requests) == requests


def test_more_teams_than_fit_beside_their_project_are_completed(reader):
    served = linear(projects=[linear_project(1, [TEAM])])
    base = next(iter(served.linear.teams))
    teams = [{**base, "id": uuid(f"team {n}"), "key": f"T{n}"} for n in range(40)]
    for row in teams:
        served.linear.teams.upsert(row)
    nodes = [{"id": row["id"], "key": row["key"]} for row in teams]
    served.linear.projects.upsert({**linear_project(1, []), "teams": {"nodes": nodes}})
    workspace, run, sandbox = reader(served, "projects")
    (record,) = map(json.loads, workspace.fetch_all(run, run.resource, {}))
    assert record["teams"]["nodes"] == nodes
    assert len(sandbox.requests) == 2


def test_text_that_looks_like_a_next_page_is_not_taken_for_one(reader):
    text = '"hasNextPage":true'
    workspace, run, sandbox = reader(linear(issues=[linear_issue(1, description=text)]))
    (record,) = map(json.loads, workspace.fetch_all(run, run.resource, ISSUES_OF_TEAM))
    assert (record["description"], len(sandbox.requests)) == (text, 1)


# Containers


def test_each_team_reads_its_own_and_the_workspace_reads_what_the_teams_share(sandbox_of, install):
    eng, ops = linear_issue(1, 10), linear_issue(2, 20, team="OPS")
    served = linear(
        teams=["ENG", "OPS"],
        issues=[eng, ops],
        comments=[linear_comment(1, eng), linear_comment(2, ops)],
        labels=[linear_label(1)],
        projects=[linear_project(1, ["ENG"]), linear_project(2, ["OPS"])],
    )
    installation = install(sandbox_of(served), sources=SOURCES_YML % TEAM)
    installation.sync("linear")

    def found(table: str, column: str) -> list[tuple]:
        return installation.query(
            f"select container, payload ->> '{column}' from raw_linear.{table} order by all"
        )

    assert found("issues", "identifier") == [("ENG", "ENG-1")]
    assert found("comments", "id") == [("ENG", uuid("comment 1"))]
    assert found("projects", "name") == [("tidewater", "Project 1")]
    assert found("teams", "key") == [("tidewater", "ENG")]
    assert found("labels", "name") == [("tidewater", "label 1")]
    assert {container for container, _ in found("workflow_states", "name")} == {"ENG"}
    users = installation.query(
        "select container, count(*), count(*) filter (payload ->> 'active' = 'false')"
        " from raw_linear.users group by all"
    )
    assert users == [("tidewater", 7, 1)]
    before = installation.raw()
    assert sum(done["rows_added"] for done in installation.sync("linear")) == 0
    assert installation.raw() == before


def test_a_second_run_asks_from_the_cursor_less_a_minute(sandbox_of, install):
    installation = install(sandbox_of(team()), sources=SOURCES_YML % TEAM)
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    first = installation.asked()[0]
    assert json.loads(first.request_body)["variables"]["filter"] == {
        "team": {"key": {"in": [TEAM]}},
        "updatedAt": {"gte": "2008-01-01T00:00:00.000Z"},
    }
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    second = installation.asked()[0]
    assert json.loads(second.request_body)["variables"]["filter"]["updatedAt"] == {
        "gte": "2026-03-01T00:02:20.000Z"
    }
    window = {"start": START + timedelta(seconds=10), "end": START + timedelta(seconds=200)}
    installation.sync("linear", containers=[TEAM], resources=["issues"], mode="window", **window)
    third = installation.asked()[0]
    assert json.loads(third.request_body)["variables"]["filter"]["updatedAt"] == {
        "gte": "2026-03-01T00:00:10.000Z",
        "lt": "2026-03-01T00:03:20.000Z",
    }


def test_a_resource_of_teams_leaves_the_workspace_out(sandbox_of, install):
    installation = install(sandbox_of(team()), sources=SOURCES_YML % TEAM)
    installation.sync("linear", resources=["issues"])
    assert installation.query("select container, payload ->> 'number' from raw_linear.issues") == [
        ("ENG", "2"),
        ("ENG", "1"),
    ]
    # The history of issues shares their cursor, so it comes along.
    assert [exchange.operations[0] for exchange in installation.asked()] == [
        "Issues",
        "IssueHistory",
    ]
