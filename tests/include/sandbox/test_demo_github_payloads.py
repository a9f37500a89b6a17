"""The demo's releases, runs, deployments, discussions and teams are what GitHub could have sent."""

from __future__ import annotations

from typing import Any

import pytest
from githubkit_schemas.latest import models
from graphql import FragmentDefinitionNode, parse
from pydantic import TypeAdapter

from tests.include.sandbox.contracts import judge_rows, require_contracts
from tests.include.sandbox.demo_rows import (
    GAUGE,
    ORGANIZATION,
    ROOT,
    by,
    gauge,
    rows,
)
from tests.include.sandbox.test_demo_github import organization

WITH_NODE_ID = (
    "releases",
    "workflow_runs",
    "workflow_jobs",
    "deployments",
    "deployment_statuses",
)


def test_ids_are_unique_across_kinds() -> None:
    for kind in WITH_NODE_ID:
        by("id", gauge(kind))
    for kind in ("pull_request_files", "pull_request_commits", "closing_issues"):
        by("id", gauge(kind))
    ids = [row["node_id"] for kind in WITH_NODE_ID for row in gauge(kind)]
    ids += [row["check_suite_node_id"] for row in gauge("workflow_runs")]
    ids += [row["node_id"] for row in rows(f"{ORGANIZATION}/teams")]
    for kind in ("discussions", "discussion_comments", "review_threads"):
        ids += [row["id"] for row in gauge(kind)]
    ids += [row["node_id"] for kind in ("issues", "review_comments") for row in gauge(kind)]
    assert len(set(ids)) == len(ids)


@require_contracts
def test_rest_payloads_are_valid() -> None:
    path = "/repos/tidewater-labs/gauge"
    runs, jobs = gauge("workflow_runs"), gauge("workflow_jobs")
    judge_rows("github", f"{path}/releases", gauge("releases"))
    judge_rows("github", f"{path}/collaborators", gauge("collaborators"))
    judge_rows("github", f"{path}/deployments", gauge("deployments"))
    judge_rows("github", f"{path}/actions/runs", {"total_count": len(runs), "workflow_runs": runs})
    judge_rows("github", f"{path}/actions/runs/1/jobs", {"total_count": len(jobs), "jobs": jobs})
    judge_rows("github", "/orgs/tidewater-labs", organization())
    judge_rows("github", "/orgs/tidewater-labs/members", rows(f"{ORGANIZATION}/members"))


@pytest.mark.parametrize(
    ("file", "model"),
    [
        (f"{GAUGE}/releases", models.Release),
        (f"{GAUGE}/collaborators", models.Collaborator),
        (f"{GAUGE}/workflow_runs", models.WorkflowRun),
        (f"{GAUGE}/workflow_jobs", models.Job),
        (f"{GAUGE}/deployments", models.Deployment),
        (f"{GAUGE}/deployment_statuses", models.DeploymentStatus),
        (f"{ORGANIZATION}/members", models.SimpleUser),
        (f"{ORGANIZATION}/teams", models.Team),
    ],
)
def test_a_generated_client_reads_the_payloads(file: str, model: Any) -> None:
    read = TypeAdapter(list[model]).validate_python(rows(file))
    assert [item.id for item in read] == [row["id"] for row in rows(file)]


def fields_of(fragment: str) -> set[str]:
    """What the pipeline's query asks of a discussion or of a comment."""
    text = (ROOT / "dlt_pipelines/github/queries/discussions.graphql").read_text(encoding="utf-8")
    (selections,) = (
        definition.selection_set.selections
        for definition in parse(text).definitions
        if isinstance(definition, FragmentDefinitionNode) and definition.name.value == fragment
    )
    return {node.name.value for node in selections}


def test_discussions_have_every_field_that_is_asked_for() -> None:
    for row in gauge("discussions"):
        assert row.keys() == fields_of("Discussion") - {"comments"}
    for row in gauge("discussion_comments"):
        assert row.keys() == fields_of("Comment")
