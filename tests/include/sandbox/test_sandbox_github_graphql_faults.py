"""Scripted failures of GitHub's GraphQL API, and recorded data that it leaves nothing out of."""

from collections import Counter
from typing import Any

import pytest

from include.sandbox import Fault, Workspace
from tests.include.sandbox import contracts
from tests.include.sandbox.github_queries import ALL, GAUGE, ask, post, rest_of


@pytest.fixture
def demo() -> Workspace:
    return Workspace.demo()


def test_the_log_names_operations_and_root_fields(serve_judged, demo):
    sandbox, client = serve_judged(demo)
    ask(client, "census.graphql", "CensusIssues", **GAUGE, first=1)
    (exchange,) = sandbox.requests
    assert (exchange.path, exchange.operations) == (
        "/graphql",
        ["CensusIssues", "rateLimit", "repository"],
    )


@pytest.mark.parametrize("size", [51, 100])
def test_a_page_that_is_too_large_is_a_bad_gateway(serve_judged, demo, size):
    sandbox, client = serve_judged(demo)
    sandbox.faults.add(Fault(kind="page_too_large", operation="CensusIssues", value=50, times=None))
    refused = post(client, "census.graphql", "CensusIssues", **GAUGE, first=size)
    assert (refused.status_code, refused.headers["content-type"]) == (
        502,
        "text/html; charset=utf-8",
    )
    found = ask(client, "census.graphql", "CensusIssues", **GAUGE, first=50)
    assert found["repository"]["issues"]["totalCount"] == 24
    ask(client, "census.graphql", "CensusDiscussions", **GAUGE, first=size)


def test_too_many_ids_are_a_page_that_is_too_large(serve_judged, demo):
    sandbox, client = serve_judged(demo)
    sandbox.faults.add(Fault(kind="page_too_large", operation="Exists", value=2, times=None))
    ids = [row["node_id"] for row in demo.github("tidewater-labs/gauge").issues][:3]
    assert post(client, "census.graphql", "Exists", ids=ids).status_code == 502
    assert len(ask(client, "census.graphql", "Exists", ids=ids[:2])["nodes"]) == 2


def test_an_error_can_be_put_beside_half_of_the_data(serve_judged, demo):
    sandbox, client = serve_judged(demo)
    error = {"type": "INTERNAL", "message": "Something went wrong.", "path": ["nodes", 1]}
    sandbox.faults.add(Fault(kind="graphql_error", operation="Exists", value=error))
    ids = [row["node_id"] for row in demo.github("tidewater-labs/gauge").pull_requests][:2]
    found = post(client, "census.graphql", "Exists", ids=ids).json()
    assert found["data"]["nodes"] == [{"__typename": "PullRequest", "id": ids[0]}, None]
    assert found["errors"] == [error]
    assert post(client, "census.graphql", "Exists", ids=ids).json()["data"]["nodes"][1] is not None


def test_an_error_without_a_path_leaves_the_data(serve_judged, demo):
    sandbox, client = serve_judged(demo)
    true = ask(client, "census.graphql", "CensusIssues", **GAUGE, first=2)["repository"]
    error = {"type": "TIMEOUT", "message": "Something took too long."}
    sandbox.faults.add(Fault(kind="graphql_error", value=error))
    found = post(client, "census.graphql", "CensusIssues", **GAUGE, first=2).json()
    assert (found["data"]["repository"], found["errors"]) == (true, [error])


@pytest.mark.parametrize("kind", ["remove", "null", "replace", "duplicate"])
def test_a_node_can_be_damaged(serve_judged, demo, kind):
    sandbox, client = serve_judged(demo)
    true = ask(client, "census.graphql", "CensusIssues", **GAUGE, first=3)["repository"]["issues"]
    fault = {"key": "number", "record": 1, "value": "x"} if kind != "duplicate" else {"record": 1}
    sandbox.faults.add(Fault(kind=kind, operation="CensusIssues", **fault))
    found = ask(client, "census.graphql", "CensusIssues", **GAUGE, first=3)["repository"]["issues"]
    one, two, three = true["nodes"]
    damaged = {
        "remove": [one, {name: two[name] for name in two if name != "number"}, three],
        "null": [one, two | {"number": None}, three],
        "replace": [one, two | {"number": "x"}, three],
        "duplicate": [one, two, three, two],
    }
    assert found["nodes"] == damaged[kind]


def test_a_rate_limit_and_a_dropped_answer_can_hit_graphql(serve_judged, demo):
    sandbox, client = serve_judged(demo)
    sandbox.faults.add(Fault(kind="secondary_limit", provider="github", path="^/graphql$"))
    sandbox.faults.add(Fault(kind="status", provider="github", path="^/graphql$", status=502))
    statuses = [post(client, "probe.graphql", **GAUGE).status_code for _ in range(3)]
    assert statuses == [403, 502, 200]


@pytest.fixture
def recorded() -> Workspace:
    if not contracts.CORPUS_PATH.is_dir():
        pytest.skip(f"NOT CHECKED with recorded data: no folder {contracts.CORPUS_PATH}")
    return Workspace.load(contracts.CORPUS_PATH)


def test_every_recorded_review_thread_and_commit_is_reached(serve_judged, recorded):
    ants = recorded.github("panjf2000/ants")
    _, client = serve_judged(recorded)
    ids = [row["node_id"] for row in ants.pull_requests]
    found = Counter()
    comments: list[str] = []
    for pull in ask(client, "pull_requests.graphql", "PullRequests", ids=ids, **ALL)["nodes"]:
        for path in ("reviews", "reviewThreads", "commits", "files"):
            rest = rest_of(client, "pull_requests.graphql", "Page", pull, path, **{path: True})
            nodes = [*pull[path]["nodes"], *rest]
            found[path] += len(nodes)
            if path == "reviewThreads":
                comments += [one["id"] for node in nodes for one in node["comments"]["nodes"]]
    assert found == {"reviews": 30, "reviewThreads": 10, "commits": 90, "files": 0}
    assert sorted(comments) == sorted(row["node_id"] for row in ants.review_comments)


def test_every_recorded_run_and_job_is_reached(serve_judged, recorded):
    """By its node id, which up to fifteen recorded rows share."""
    ants = recorded.github("panjf2000/ants")
    rows: dict[str, list[Any]] = {}
    for row in [*ants.workflow_runs, *ants.workflow_jobs]:
        rows.setdefault(row["node_id"], []).append(row)
    fields = "databaseId name status steps(first: 50) { totalCount }"
    query = (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id "
        f"... on WorkflowRun {{ databaseId url }} ... on CheckRun {{ {fields} }} }} }}"
    )
    _, client = serve_judged(recorded)
    found = ask(client, query, ids=list(rows))["nodes"]
    assert Counter(node["__typename"] for node in found) == {"WorkflowRun": 30, "CheckRun": 20}
    for node in found:
        same = rows[node.pop("id")]
        (row,) = [row for row in same if row["id"] == node["databaseId"]]
        if node.pop("__typename") == "WorkflowRun":
            assert node == {"databaseId": row["id"], "url": row["html_url"]}
        else:
            steps = {"totalCount": len(row["steps"])}
            status = {"status": row["status"].upper(), "steps": steps}
            assert node == {"databaseId": row["id"], "name": row["name"], **status}
