"""A query's price is known before it is asked, and a page is as large as the price allows."""

from __future__ import annotations

import json
import logging

import pytest

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.linear.complexity import POINTS_PER_QUERY, is_off, plan_of
from dlt_pipelines.linear.graphql import query_text
from dlt_pipelines.linear.source import LINEAR
from include.sandbox import Limits
from tests.workspaces import TEAM, linear, linear_issue, team

ISSUES_OF_TEAM = {"team": {"key": {"eq": TEAM}}}
LISTED = sorted(set(LINEAR.resources) - {"organizations", "issue_history"})


def query(fields: str) -> str:
    return f"query Q($first: Int!) {{ {fields} }}"


@pytest.mark.parametrize(
    "fields, points",
    [
        ("viewer { id }", 1.1),
        ("viewer { id organization { id name } }", 2.3),
        ("users(first: 10) { nodes { id } }", 11.0),
        ("users(first: $first) { nodes { id } }", 110.0),
        ("users { nodes { id } }", 55.0),
        ("users(first: 10) { nodes { id } pageInfo { hasNextPage } }", 22.0),
        ("users(first: 10) { nodes { teams(first: 3) { nodes { id } } } }", 43.0),
        ("viewer { ...Who } } fragment Who on User { id name", 1.2),
        ("viewer { ... on User { id } }", 1.1),
    ],
)
def test_the_price_follows_linears_rule(fields, points):
    assert plan_of(query(fields)).points(100) == pytest.approx(points)


def test_the_page_is_the_largest_that_costs_no_more_than_a_query_may():
    plan = plan_of(query_text("issues"))
    assert plan.points(plan.page_size) <= POINTS_PER_QUERY < plan.points(plan.page_size + 1)
    assert plan_of(query("users(first: $first) { nodes { id } }")).page_size == 250
    assert plan_of(query("users(first: 9000) { nodes { id name } }")).page_size == 1


@pytest.mark.parametrize("name", LISTED)
def test_a_full_page_of_any_resource_costs_what_was_predicted(reader, name, caplog):
    workspace, run, sandbox = reader(team(), name)
    needs_filter = "$filter" in query_text(name)
    with caplog.at_level(logging.WARNING):
        list(workspace.fetch_all(run, name, {} if needs_filter else None))
    plan = plan_of(query_text(name))
    (points,) = [int(exchange.response_headers["x-complexity"]) for exchange in sandbox.requests]
    assert not is_off(plan.points(plan.page_size), points)
    assert 0 < points <= POINTS_PER_QUERY
    assert caplog.messages == []


def test_a_price_that_is_off_by_more_than_a_tenth_is_logged(reader, caplog, monkeypatch):
    workspace, run, _ = reader(team())
    monkeypatch.setattr("dlt_pipelines.linear.complexity.OBJECT_POINTS", 2.0)
    with caplog.at_level(logging.WARNING):
        list(workspace.fetch_all(run, "issues", ISSUES_OF_TEAM))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("linear.issues: a query cost ")


def test_where_linear_refuses_a_query_for_its_price_the_page_is_halved_until_it_passes(reader):
    rows = [linear_issue(n, n) for n in range(1, 101)]
    limits = Limits(linear_complexity_per_query=3_000)
    workspace, run, sandbox = reader(linear(issues=rows), limits=limits)
    found = list(workspace.fetch_all(run, "issues", ISSUES_OF_TEAM))
    assert [json.loads(record)["number"] for record in found] == list(range(100, 0, -1))
    whole = plan_of(query_text("issues")).page_size
    sizes = [json.loads(e.request_body)["variables"]["first"] for e in sandbox.requests]
    assert sizes[:3] == [whole, whole // 2, whole // 4]
    assert set(sizes[3:]) == {whole // 4}
    refused = [exchange.status for exchange in sandbox.requests]
    assert refused == [400, 400] + [200] * (len(sizes) - 2)
    # Once found, the size is kept for what the same query still asks.
    list(workspace.fetch_all(run, "issues", ISSUES_OF_TEAM))
    assert [exchange.status for exchange in sandbox.requests[len(sizes) :]].count(400) == 0


def test_a_query_that_is_too_complex_for_a_single_object_is_an_error(reader):
    workspace, run, sandbox = reader(team(), limits=Limits(linear_complexity_per_query=10))
    with pytest.raises(PermanentError, match=r"answered 400 .*Query too complex") as caught:
        list(workspace.fetch_all(run, "issues", ISSUES_OF_TEAM))
    assert caught.value.code == "too_complex"
    sizes = [json.loads(e.request_body)["variables"]["first"] for e in sandbox.requests]
    assert sizes[-1] == 1
    assert sizes == sorted(set(sizes), reverse=True)
