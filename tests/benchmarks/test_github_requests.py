"""Counting requests is fair only if everybody is served, and everything is read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import httpx
import pytest

from dlt_pipelines import SOURCES
from include.sandbox import Sandbox
from include.sandbox.workspace import DEFAULT_TOKEN
from tests.benchmarks.busy_repository import (
    DEPLOYMENTS,
    ISSUES,
    JOBS_PER_RUN,
    PULL_REQUESTS,
    RUNS,
    busy,
)
from tests.benchmarks.github_readers import STREAMS, Headwater
from tests.benchmarks.github_requests import (
    ReaderError,
    Tally,
    demo_repositories,
    fleet,
    measure,
)
from tests.workspaces import REPO

GITHUB = "https://api.github.com"
HEADERS = {"authorization": f"Bearer {DEFAULT_TOKEN}", "user-agent": "test"}


def test_requests_are_counted_by_what_they_cost() -> None:
    with Sandbox(demo_repositories()) as sandbox:
        with httpx.Client(base_url=f"{sandbox.url}/github", headers=HEADERS) as client:
            etag = client.get(f"/repos/{REPO}").headers["etag"]
            client.get(f"/repos/{REPO}", headers={"if-none-match": etag})
            client.post("/graphql", json={"query": "{ rateLimit { remaining } }"})
            client.get(f"/repos/{REPO}/tarball/main", follow_redirects=True)
            client.get(f"/{REPO}.git/info/refs?service=git-upload-pack", auth=("x", DEFAULT_TOKEN))

        tally = Tally.of(sandbox.requests)

    assert tally == Tally(api=4, not_modified=1, git=1, archives=1, graphql=1)


def test_a_reader_that_was_refused_something_is_no_measure() -> None:
    with Sandbox(demo_repositories()) as sandbox:
        for number in (901, 902):
            httpx.get(f"{sandbox.url}/github/repos/{REPO}/issues/{number}", headers=HEADERS)

        with pytest.raises(ReaderError, match=r"refused 2 requests: 2 of 404 GET /repos/.*/\*$"):
            Tally.of(sandbox.requests)


def test_ids_in_the_fleet_belong_to_one_object() -> None:
    ids: Counter[str] = Counter()
    for repository in fleet(3).repositories.values():
        ids[repository.repository["node_id"]] += 1
        for kind in ("issues", "pull_requests", "reviews", "workflow_jobs", "deployments"):
            ids.update(row["node_id"] for row in repository.collection(kind))
        ids.update(row["id"] for row in repository.discussions)

    assert len(ids) == 3 * 9
    assert set(ids.values()) == {1}


def test_objects_in_the_fleet_name_addresses_that_are_served() -> None:
    workspace = fleet(2)
    addresses = [
        address
        for repository in workspace.repositories.values()
        for address in (
            repository.repository["url"],
            *(row["url"] for row in repository.pull_requests),
            *(row["jobs_url"] for row in repository.workflow_runs),
            *(f"{row['url']}/statuses" for row in repository.deployments),
        )
    ]

    with Sandbox(workspace) as sandbox:
        found = [
            httpx.get(address.replace(GITHUB, f"{sandbox.url}/github"), headers=HEADERS)
            for address in addresses
        ]

    assert [answer.status_code for answer in found] == [200] * 8


def test_headwater_reads_all_of_the_fleet_and_then_asks_for_no_repository_of_it(
    tmp_path: Path,
) -> None:
    workspace = fleet(3)

    syncs = measure(Headwater(), workspace, tmp_path / "headwater")

    assert read(tmp_path / "headwater" / "warehouse.duckdb") == {
        (kind, name, 3 if kind == "issues" else 1)
        for name in (repository.name for repository in workspace.repositories.values())
        for kind in (
            "issues",
            "pull_requests",
            "reviews",
            "workflow_jobs",
            "deployments",
            "discussions",
            "discussion_comments",
        )
    }
    # The probe of all repositories, and the organization with its teams.
    assert syncs.again == Tally(api=2, not_modified=0, git=0, archives=0, graphql=2)


def test_headwater_reads_all_of_a_busy_repository(tmp_path: Path) -> None:
    measure(Headwater(), busy(), tmp_path / "headwater")

    assert {
        kind: count for kind, _, count in read(tmp_path / "headwater" / "warehouse.duckdb")
    } == {
        "issues": ISSUES + PULL_REQUESTS,
        "pull_requests": PULL_REQUESTS,
        "reviews": PULL_REQUESTS,
        "workflow_jobs": RUNS * JOBS_PER_RUN,
        "deployments": DEPLOYMENTS,
        "discussions": 40,
        "discussion_comments": 40,
    }


def test_every_stream_that_is_compared_is_one_that_headwater_reads() -> None:
    assert set(STREAMS.values()) - set(SOURCES["github"].resources) == set()


def read(warehouse: Path) -> set[tuple[str, str, int]]:
    kinds = [
        "issues",
        "pull_requests",
        "reviews",
        "workflow_jobs",
        "deployments",
        "discussions",
        "discussion_comments",
    ]
    with duckdb.connect(str(warehouse), read_only=True) as db:
        return {
            (kind, name, count)
            for kind in kinds
            for name, count in db.execute(
                f"select container, count(*) from raw_github.{kind} group by all"
            ).fetchall()
        }
