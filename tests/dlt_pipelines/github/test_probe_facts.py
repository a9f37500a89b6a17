"""A visit asks for nothing that the probe of its own run has just answered."""

from __future__ import annotations

import json
import os
import time

import pytest

from dlt_pipelines import visits
from dlt_pipelines.github.code import Head
from dlt_pipelines.github.probe import Facts
from dlt_pipelines.ledger import Trigger
from include import steps
from tests.workspaces import REPO, commit, github, issue, label, pull_request, sha

OTHER = "tidewater-labs/other"
EMPTY = {
    "/tags",
    "/releases",
    "/labels",
    "/milestones",
    "/deployments",
    "/pulls",
    "/pulls/comments",
}


@pytest.fixture
def installed(sandbox_of, install):
    """An installation of two repositories, which is enough for a probe."""

    def start(**rows):
        return install(sandbox_of(github({REPO: rows, OTHER: {}})))

    return start


def repo(installation):
    return installation.sandbox.workspace.github(REPO)


def asked(installation, name: str = REPO) -> list[str]:
    """What of a repository was asked for since the last call; listings as REST's paths."""
    return asked_in(installation.asked(), name)


def asked_in(log, name: str = REPO) -> list[str]:
    """The same of exchanges at hand."""
    root, found = f"/repos/{name}", []
    for exchange in log:
        if exchange.path.startswith(root):
            found.append(exchange.path.removeprefix(root))
        elif "Listings" in exchange.operations:
            variables = json.loads(exchange.request_body)["variables"]
            if f"{variables['owner']}/{variables['name']}" == name:
                found += [f"/{kind}" for kind, is_asked in variables.items() if is_asked is True]
    return found


def labels(installation) -> list[tuple[str, bool]]:
    """Every version of a label, and whether it is current."""
    return installation.query(
        "select external_id, _dlt_valid_to is null from raw_github.labels"
        " where container = $name order by _dlt_valid_from, external_id",
        name=REPO,
    )


def test_what_a_probe_says_is_empty_is_not_asked_for(installed):
    installation = installed(issues=[issue(1, 10)])
    installation.sync()
    requests = installation.asked()
    paths = set(asked_in(requests))
    assert paths & EMPTY == set()
    assert {"/issues", "/issues/events", "/branches", "/actions/runs"} <= paths
    others = set(asked_in(requests, OTHER))
    assert not others & {*EMPTY, "/issues", "/issues/comments", "/issues/events", "/commits"}


def test_the_account_says_what_the_probe_saved_and_the_row_on_what_evidence(installed):
    installation = installed(issues=[issue(1, 10)])
    installation.sync()
    saved = installation.column(
        "select resource from raw_headwater.sync_events"
        " where event = 'extracted' and container = $name"
        " and (details ->> 'requests_saved')::int = 1 and (details ->> 'requests_made')::int = 0",
        name=REPO,
    )
    assert {"tags", "releases", "labels", "milestones", "pull_requests"} <= set(saved)
    (payload,) = installation.column(
        "select payload from raw_github.labels where container = $name", name=REPO
    )
    assert json.loads(payload) == {
        "reason": "empty_listing",
        "evidence": "GraphQL, repository: totalCount 0",
    }


def test_rows_that_were_known_are_retired_and_come_back(installed):
    installation = installed(issues=[issue(1, 10)], labels=[label(7)])
    installation.sync()
    assert labels(installation) == [("LA_7", True)]
    installation.asked()

    repo(installation).labels.delete(7)
    installation.sync()
    assert "/labels" not in asked(installation)
    assert labels(installation) == [("LA_7", False), ("*", True)]

    repo(installation).labels.upsert(label(7))
    installation.sync()
    assert "/labels" in asked(installation)
    assert labels(installation)[-1] == ("LA_7", True)
    assert [is_current for _, is_current in labels(installation)].count(True) == 1


def test_the_first_pull_request_is_read_though_there_was_none_before(installed):
    installation = installed(issues=[issue(1, 10)])
    installation.sync()
    repo(installation).pull_requests.upsert(pull_request(3, 30))
    installation.sync()
    assert installation.column("select external_id from raw_github.pull_requests") == ["PR_3"]


def test_a_head_that_the_probe_has_found_is_not_asked_for_and_may_go_back(installed):
    installation = installed(commits=[commit(1), commit(2, 1)])
    installation.sync()
    queries = [e.query for e in installation.asked() if e.path.endswith(f"{REPO}/commits")]
    assert queries == [f"per_page=100&sha={sha(2)}"]

    alone = {"containers": [REPO]}  # One repository is not probed: its head is asked for.
    installation.sync(**alone)
    repo(installation).commits.upsert(commit(3, 2))
    installation.sync()
    repo(installation).commits.delete(sha(3))
    installation.asked()
    installation.sync(**alone)
    answers = [e.status for e in installation.asked() if e.path.endswith(f"{REPO}/commits")]
    assert answers[0] == 200  # What the probe found since is not what this answer was about.
    found = installation.column("select external_id from raw_github.commits order by 1")
    assert found == sorted(sha(n) for n in (1, 2, 3))


def test_what_another_run_was_told_is_not_used(installed, monkeypatch):
    installation = installed(issues=[issue(1, 10)])
    steps.prepare(installation.settings, "github")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    steps.extract(installation.settings, "github", REPO)
    assert "/labels" in asked(installation)


def test_what_was_said_long_ago_is_not_used(installed, monkeypatch):
    installation = installed(issues=[issue(1, 10)])
    steps.prepare(installation.settings, "github")
    later = time.time() + visits.SECONDS_TO_USE_AN_ANSWER + 1
    monkeypatch.setattr(time, "time", lambda: later)
    steps.extract(installation.settings, "github", REPO)
    assert "/labels" in asked(installation)


def test_tasks_of_one_airflow_run_share_what_they_were_told_once(installed, monkeypatch):
    installation = installed(issues=[issue(1, 10)])
    run = Trigger("scheduled", "ingest_github", "scheduled__1", 1)
    steps.prepare(installation.settings, "github", trigger=run)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    installation.asked()
    steps.extract(installation.settings, "github", REPO, trigger=run)
    assert "/labels" not in asked(installation)
    steps.extract(installation.settings, "github", REPO, trigger=run)
    assert "/labels" in asked(installation)


def test_a_full_read_asks_for_everything(installed):
    installation = installed(issues=[issue(1, 10)])
    steps.prepare(installation.settings, "github")
    installation.asked()
    steps.extract(installation.settings, "github", REPO, mode="full")
    assert set(asked(installation)) >= EMPTY


def test_nothing_is_known_to_be_empty_without_a_count():
    count = {"totalCount": 0}
    unknown = json.dumps({"labels": None, "issues": count, "pullRequests": {"totalCount": 2}})
    assert Facts.of(unknown.encode()).empty == frozenset()
    assert Facts.of(b"").empty == frozenset()
    nothing = json.dumps({"issues": count, "pullRequests": count}).encode()
    assert Facts.of(nothing).empty == {
        "issues",
        "issue_comments",
        "issue_events",
        "pull_requests",
        "review_comments",
    }


def test_a_head_is_known_by_its_branch_and_only_with_its_tree():
    def ref(name: str, number: int, **target: object) -> dict[str, object]:
        return {"name": name, "target": {"oid": sha(number), **target}}

    tree = {"tree": {"oid": sha(9)}}
    heads = {"totalCount": 2, "nodes": [ref("main", 1, **tree), ref("old", 2)]}
    facts = Facts.of(
        json.dumps({"defaultBranchRef": ref("main", 1, **tree), "heads": heads}).encode()
    )
    assert (facts.head(""), facts.head("main")) == (Head(sha(1), sha(9)),) * 2
    assert (facts.head("old"), facts.head("other"), facts.has_no_branch) == (None, None, False)
    assert Facts.of(b'{"heads": {"totalCount": 0, "nodes": []}}').has_no_branch


def test_the_answer_of_a_probe_is_kept_for_one_visit(installed, tmp_path):
    installation = installed(issues=[issue(1, 10)])
    steps.prepare(installation.settings, "github")
    request = installation.settings.request("github", REPO)
    store, run = installation.settings.store, Trigger()
    taken = [visits.take_answer(request, store, run) for _ in range(2)]
    assert json.loads(taken[0])["nameWithOwner"] == REPO
    assert taken[1] == b""
