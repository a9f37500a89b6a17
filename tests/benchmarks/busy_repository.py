"""One repository as a team of ten leaves it after a year, for counting requests."""

from __future__ import annotations

from typing import Any, Final

from include.sandbox import Workspace
from include.sandbox.workspace import DEMO_PATH
from tests import workspaces
from tests.benchmarks.github_requests import API, demo_repositories
from tests.workspaces import REPO

Json = dict[str, Any]

ISSUES: Final = 400
PULL_REQUESTS: Final = 300
RUNS: Final = 200
JOBS_PER_RUN: Final = 3
DEPLOYMENTS: Final = 30
DISCUSSIONS: Final = 40


def busy() -> Workspace:
    """400 issues, 300 pull requests with all that hangs on them, 200 runs, code, one organization.

    Addresses are true, since PyGithub follows them.
    """
    rows: Json = {
        "repository": workspaces.demo()["github"][REPO]["repository"],
        "labels": [workspaces.label(number) for number in range(1, 21)],
        "milestones": [workspaces.milestone(number, number) for number in range(1, 7)],
        "git": DEMO_PATH / "github" / REPO / "code.fast-import",
        **_issues(),
        **_pull_requests(),
        **_runs(),
        **_discussions(),
    }
    workspace = Workspace.from_data({"github": {REPO: rows}})
    workspace.organizations = demo_repositories().organizations
    return workspace


def _issues() -> Json:
    """Issues, and every pull request as the issue that GitHub lists it as too."""
    pulls = range(ISSUES + 1, ISSUES + PULL_REQUESTS + 1)
    issues = [workspaces.issue(number, 60 * number) for number in range(1, ISSUES + 1)]
    issues += [
        workspaces.issue(number, 60 * number, pull_request={"url": _address("pulls", number)})
        for number in pulls
    ]
    everything = range(1, ISSUES + PULL_REQUESTS + 1)
    return {
        "issues": issues,
        "issue_comments": [
            workspaces.issue_comment(10 * number + place, 60 * number, issue=number)
            for number in everything
            for place in range(2)
        ],
        "issue_events": [
            workspaces.issue_event(10 * number + place, 60 * number)
            for number in everything
            for place in range(2)
        ],
    }


def _pull_requests() -> Json:
    pulls = range(ISSUES + 1, ISSUES + PULL_REQUESTS + 1)
    return {
        "pull_requests": [
            workspaces.pull_request(number, 60 * number, url=_address("pulls", number))
            for number in pulls
        ],
        "reviews": [workspaces.review(number, 60 * number, pull=number) for number in pulls],
        "review_comments": [
            workspaces.review_comment(number, 60 * number, pull=number) for number in pulls
        ],
        "pull_request_commits": [
            {
                "id": f"PURC_{number}_{place}",
                "number": number,
                "oid": workspaces.sha(10 * number + place),
                "committedDate": workspaces.at(60 * number + place),
                "messageHeadline": f"commit {place} of {number}",
            }
            for number in pulls
            for place in range(3)
        ],
        "pull_request_files": [
            {
                "id": f"{number}:file_{place}.go",
                "number": number,
                "path": f"file_{place}.go",
                "changeType": "MODIFIED",
                "additions": 3,
                "deletions": 1,
            }
            for number in pulls
            for place in range(2)
        ],
    }


def _runs() -> Json:
    """Workflow runs with jobs, and deployments."""
    runs = range(10_001, 10_001 + RUNS)
    return {
        "workflow_runs": [
            workspaces.workflow_run(
                number,
                number,
                url=_address("actions/runs", number),
                jobs_url=f"{_address('actions/runs', number)}/jobs",
                check_suite_node_id=f"CS_{number}",
            )
            for number in runs
        ],
        "workflow_jobs": [
            workspaces.workflow_job(10 * number + place, number)
            for number in runs
            for place in range(JOBS_PER_RUN)
        ],
        "deployments": [
            workspaces.deployment(number, number, url=_address("deployments", number))
            for number in range(20_001, 20_001 + DEPLOYMENTS)
        ],
    }


def _discussions() -> Json:
    topics = range(ISSUES + PULL_REQUESTS + 1, ISSUES + PULL_REQUESTS + DISCUSSIONS + 1)
    return {
        "discussions": [workspaces.discussion(number, 60 * number) for number in topics],
        "discussion_comments": [
            workspaces.discussion_comment(30_000 + number, number, 60 * number) for number in topics
        ],
    }


def _address(kind: str, number: int) -> str:
    return f"{API}/{REPO}/{kind}/{number}"
