"""The cost of a sync follows what changed, not how many teams there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from graphql import build_schema, parse, validate

from dlt_pipelines.linear.complexity import POINTS_PER_QUERY, plan_of
from dlt_pipelines.linear.probe import TEAMS_AT_ONCE, probe_text
from include.sandbox.faults import Fault
from tests.include.sandbox.contracts import CONTRACTS_PATH, require_contracts
from tests.workspaces import START, at_ms, linear, linear_comment, linear_issue

TEAMS = ["ENG", "OPS"]
SOURCES_YML = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [ENG, OPS]}
"""
OF_A_TEAM = {"WorkflowStates", "Issues", "IssueHistory", "Comments"}


@pytest.fixture
def synced(sandbox_of, install):
    """An installation that has synced two teams once, and what it was served."""
    issues = [linear_issue(1, 10, team=key) for key in TEAMS]
    served = linear(TEAMS, issues=issues, comments=[linear_comment(1, issues[0], 20)])
    installation = install(sandbox_of(served), sources=SOURCES_YML)
    installation.sync("linear")
    installation.asked()
    return installation, served.linear


def visited(installation) -> dict[str, list[str]]:
    """What was asked of each team, beside the probe."""
    asked = [(e.operations[0], e.request_body.decode()) for e in installation.asked()]
    in_workspace = '"accessibleTeams"', '"null"'
    of_teams = [
        (name, body)
        for name, body in asked
        if name in OF_A_TEAM and not any(sign in body for sign in in_workspace)
    ]
    return {
        team: names
        for team in TEAMS
        if (names := sorted(name for name, body in of_teams if f'"{team}"' in body))
    }


@require_contracts
def test_the_probe_is_valid_in_linears_own_schema():
    text = (CONTRACTS_PATH / "linear" / "schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(text, assume_valid=True, no_location=True)
    assert [str(error) for error in validate(schema, parse(probe_text(2)))] == []


def test_a_probe_of_as_many_teams_as_it_asks_of_costs_less_than_a_query_may():
    assert plan_of(probe_text(TEAMS_AT_ONCE)).points(1) < POINTS_PER_QUERY


def test_without_a_change_one_request_stands_for_all_teams(synced):
    installation, _ = synced
    before = installation.raw()
    done = installation.sync("linear")
    asked = [exchange.operations[0] for exchange in installation.asked()]
    assert asked[0] == "Probe"
    assert [name for name in asked if name in OF_A_TEAM] == ["Comments"]  # The workspace's own.
    assert len(asked) == len({*asked}) == 20
    assert sorted(row["container"] for row in done) == ["ENG", "OPS", "tidewater"]
    assert installation.raw() == before


def test_only_a_team_in_which_something_changed_is_visited(synced):
    installation, served = synced
    served.issues.upsert(linear_issue(2, 100, team="OPS"))
    installation.sync("linear")
    assert visited(installation) == {"OPS": ["Comments", "Issues", "WorkflowStates"]}
    comment = linear_comment(1, linear_issue(1), 20)
    served.comments.upsert({**comment, "body": "edited", "updatedAt": at_ms(200)})
    installation.sync("linear")
    assert list(visited(installation)) == ["ENG"]
    state = next(row for row in served.workflow_states if row["team"]["key"] == "OPS")
    served.workflow_states.delete(state["id"])
    installation.sync("linear")
    assert list(visited(installation)) == ["OPS"]
    retired = "select external_id from raw_linear.workflow_states where _dlt_valid_to is not null"
    assert installation.column(retired) == [state["id"]]
    installation.sync("linear")
    assert visited(installation) == {}


@pytest.mark.parametrize("ahead", [0, -7_200, 7_200])
def test_a_team_that_changed_within_the_last_minute_is_visited_again(synced, ahead):
    installation, served = synced
    # The minute is one of Linear's clock, which may not be ours.
    installation.sandbox.faults.add(Fault(kind="clock", seconds=ahead, times=None))
    seconds = (datetime.now(UTC) - START).total_seconds() + ahead
    served.issues.upsert(linear_issue(2, seconds, team="OPS"))
    installation.sync("linear")
    assert list(visited(installation)) == ["OPS"]
    # Committed now, as of a moment before: the newest is the same.
    served.issues.upsert(linear_issue(3, seconds - 1, team="OPS"))
    installation.sync("linear")
    assert list(visited(installation)) == ["OPS"]
    stored = "select payload ->> 'identifier' from raw_linear.issues order by 1"
    assert installation.column(stored) == ["ENG-1", "OPS-1", "OPS-2", "OPS-3"]


def test_a_probe_that_is_refused_costs_nothing_but_the_visits(synced):
    installation, _ = synced
    installation.sandbox.faults.add(
        Fault(kind="graphql_error", value={"message": "Query too complex"}, times=1)
    )
    installation.sync("linear")
    assert list(visited(installation)) == TEAMS
