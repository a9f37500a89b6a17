"""What hangs on few changed objects of several kinds is one request, on many one for each kind."""

from __future__ import annotations

import json

import pytest

from include.sandbox.faults import Fault
from tests.workspaces import (
    REPO,
    deployment,
    gauge,
    pull_request,
    review,
    workflow_job,
    workflow_run,
)

KINDS = {"resources": ["pull_requests", "workflow_runs", "deployments"]}


def repository(pulls: int, runs: int, deployments: int, **rows):
    """Changed objects of three kinds; each run has one job, each pull request one review."""
    return gauge(
        pull_requests=[pull_request(n, 120 * n) for n in range(1, pulls + 1)],
        reviews=[review(n, 120 * n, pull=n) for n in range(1, pulls + 1)],
        workflow_runs=[
            workflow_run(n, n, check_suite_node_id=f"CS_{n}") for n in range(1, runs + 1)
        ],
        workflow_jobs=[workflow_job(1_000 + n, n) for n in range(1, runs + 1)],
        deployments=[deployment(n, n) for n in range(1, deployments + 1)],
        **rows,
    )


@pytest.fixture
def installed(sandbox_of, install):
    """An installation beside such a repository."""

    def start(pulls: int, runs: int, deployments: int = 0, *, after=lambda _: None):
        return install(sandbox_of(repository(pulls, runs, deployments), after=after))

    return start


def operations(installation) -> list[str]:
    return [e.operations[0] for e in installation.asked() if e.path == "/graphql"]


def counts(installation) -> dict[str, int]:
    tables = ("pull_request_details", "reviews", "workflow_jobs")
    return {
        name: installation.column(f"select count(*) from raw_github.{name}")[0] for name in tables
    }


def test_what_hangs_on_a_few_objects_of_several_kinds_is_one_request(installed):
    installation = installed(3, 4, 2)
    installation.sync(**KINDS)
    (asked,) = [e for e in installation.asked() if e.path == "/graphql"]
    variables = json.loads(asked.request_body)["variables"]
    assert (asked.operations[0], asked.status) == ("Changed", 200)
    assert {name: len(variables[name]) for name in ("pulls", "runs", "deployments")} == {
        "pulls": 3,
        "runs": 4,
        "deployments": 2,
    }
    assert counts(installation) == {"pull_request_details": 3, "reviews": 3, "workflow_jobs": 4}


def test_one_kind_alone_is_asked_for_by_itself(installed):
    installation = installed(0, 4)
    installation.sync(**KINDS)
    assert operations(installation) == ["WorkflowJobs"]
    assert counts(installation) == {"pull_request_details": 0, "reviews": 0, "workflow_jobs": 4}


def test_more_than_a_hundred_objects_are_not_asked_for_together(installed):
    installation = installed(60, 50)
    installation.sync(**KINDS)
    assert sorted(operations(installation)) == ["PullRequests", "WorkflowJobs"]
    assert counts(installation) == {"pull_request_details": 60, "reviews": 60, "workflow_jobs": 50}


def test_what_cannot_be_answered_together_is_asked_for_apart(installed):
    installation = installed(3, 4)
    installation.sandbox.faults.add(
        Fault(kind="status", status=502, operation="Changed", times=None)
    )
    installation.sync(**KINDS)
    assert sorted(operations(installation)) == ["Changed", "PullRequests", "WorkflowJobs"]
    assert counts(installation) == {"pull_request_details": 3, "reviews": 3, "workflow_jobs": 4}


def test_an_error_of_one_kind_is_said_of_that_kind(installed):
    installation = installed(3, 4)
    error = {"type": "INTERNAL", "message": "a job is broken", "path": ["runs", 0]}
    for operation in ("Changed", "WorkflowJobs"):
        installation.sandbox.faults.add(
            Fault(kind="graphql_error", operation=operation, value=error, times=None)
        )
    (failure,) = installation.failing_sync(**KINDS)
    assert "github.workflow_jobs: GraphQL answered with errors" in str(failure)


def test_an_object_that_is_gone_meanwhile_is_put_aside_alone(sandbox_of, install):
    workspace = repository(2, 2, 0)

    def after(exchange):
        if exchange.path.endswith("/actions/runs"):
            workspace.github(REPO).workflow_runs.delete(1)

    installation = install(sandbox_of(workspace, after=after))
    installation.sync(**KINDS)
    assert operations(installation) == ["Changed"]
    assert counts(installation) == {"pull_request_details": 2, "reviews": 2, "workflow_jobs": 1}
    assert installation.query("select resource, error_code from raw_headwater.dead_letters") == [
        ("workflow_jobs", "NotFoundError")
    ]


def test_the_second_sync_asks_only_for_what_changed(installed):
    installation = installed(3, 4)
    installation.sync(**KINDS)
    installation.asked()
    changed = installation.sandbox.workspace.github(REPO)
    changed.pull_requests.upsert(pull_request(9, 9_000))
    installation.sync(**KINDS)
    (asked,) = [e for e in installation.asked() if e.path == "/graphql"]
    assert asked.operations[0] == "PullRequests"
    assert json.loads(asked.request_body)["variables"]["ids"] == ["PR_9"]
