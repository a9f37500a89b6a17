"""The cost of a sync follows what changed, not how many repositories there are."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from dlt_pipelines import visits
from include import steps
from include.sandbox.faults import Fault
from tests.workspaces import START, github, issue, pull_request, workflow_run

NAMES = [f"tidewater-labs/r{n:03}" for n in range(1, 6)]


def repositories(names=NAMES):
    return github({name: {"issues": [issue(1, 10)]} for name in names})


@pytest.fixture
def synced(sandbox_of, install):
    """An installation that has synced some repositories once."""

    def start(workspace=None, **options):
        installation = install(sandbox_of(workspace or repositories()), **options)
        installation.sync()
        installation.asked()
        return installation

    return start


def visited(installation) -> list[str]:
    """The repositories that were asked about one by one."""
    paths = [exchange.path.split("/") for exchange in installation.asked()]
    return sorted({"/".join(path[2:4]) for path in paths if path[1] == "repos"})


def test_a_sync_without_changes_is_one_request_for_all_repositories(synced):
    installation = synced()
    done = installation.sync()
    asked = installation.asked()
    assert [(e.method, e.path, e.operations[0]) for e in asked] == [("POST", "/graphql", "Probe")]
    assert sorted(row["container"] for row in done) == NAMES
    assert {row["rows_added"] for row in done} == {0}


def test_only_what_changed_is_visited(synced):
    installation = synced()
    changed = installation.sandbox.workspace.github(NAMES[2])
    changed.issues.upsert(issue(2, 9_000))
    installation.sync()
    assert visited(installation) == [NAMES[2]]
    changed.pull_requests.upsert(pull_request(3, 9_900))
    installation.sync()
    assert visited(installation) == [NAMES[2]]
    installation.sync()
    assert visited(installation) == []


@pytest.mark.parametrize("ahead", [0, -7_200, 7_200])
def test_a_second_change_within_the_second_of_the_first_is_read(synced, ahead):
    installation = synced()
    # The second is one of GitHub's clock, which may not be ours.
    installation.sandbox.faults.add(Fault(kind="clock", seconds=ahead, times=None))
    changed = installation.sandbox.workspace.github(NAMES[2])
    seconds = int((datetime.now(UTC) - START).total_seconds()) + ahead
    first = issue(1, seconds) | {"title": "Once"}
    changed.issues.upsert(first)
    installation.sync()
    changed.issues.upsert(first | {"title": "Twice"})
    installation.sync()
    titles = "select payload ->> '$.title' from raw_github.issues where container = $name"
    assert installation.column(f"{titles} order by observed_at", name=NAMES[2])[1:] == [
        "Once",
        "Twice",
    ]


def test_the_account_of_an_unchanged_repository_says_what_was_saved(synced):
    installation = synced()
    (first,) = installation.column(
        "select sum((details ->> 'requests_made')::int) from raw_headwater.sync_events"
        " where event = 'extracted' and container = $name",
        name=NAMES[1],
    )
    installation.sync()
    rows = installation.query(
        """
        select resource, (details ->> 'requests_made')::int, (details ->> 'requests_saved')::int
        from raw_headwater.sync_events where event = 'extracted' and container = $name
        qualify row_number() over (order by occurred_at desc) = 1
        """,
        name=NAMES[1],
    )
    assert rows == [("repositories", 0, first)]
    assert installation.column(
        "select (details ->> 'requests_made')::int from raw_headwater.sync_events"
        " where event = 'extracted' and container = $name order by occurred_at desc limit 1",
        name=NAMES[0],
    ) == [1]  # The probe itself, on the first one's account.


def test_what_a_probe_misses_is_caught_by_the_daily_visit(synced, monkeypatch):
    installation = synced()
    installation.sandbox.workspace.github(NAMES[0]).labels.upsert({**_label(), "color": "ffffff"})
    later = time.time() + visits.SECONDS_BETWEEN_FULL_VISITS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    installation.sync()
    assert visited(installation) == NAMES


def test_a_visit_that_failed_is_made_again(synced):
    installation = synced()
    installation.sandbox.workspace.github(NAMES[3]).issues.upsert(issue(2, 9_000))
    installation.sandbox.faults.add(
        Fault(kind="status", status=404, path=f"{NAMES[3]}/issues$", times=1)
    )
    assert installation.failing_sync() != []
    assert visited(installation) == [NAMES[3]]
    installation.sync()
    assert visited(installation) == [NAMES[3]]
    assert installation.column("select count(*) from raw_github.issues") == [6]


def test_a_run_that_goes_on_keeps_its_repository_visited(synced):
    workspace = repositories()
    running = workflow_run(7, 500, status="in_progress", conclusion=None)
    workspace.github(NAMES[1]).workflow_runs.upsert(running)
    installation = synced(workspace)
    installation.sync()
    assert visited(installation) == [NAMES[1]]
    workspace.github(NAMES[1]).workflow_runs.upsert(
        workflow_run(7, 500, status="completed", conclusion="success")
    )
    installation.sync()
    assert visited(installation) == [NAMES[1]]
    installation.sync()
    assert visited(installation) == []


def test_a_probe_that_fails_visits_everything(synced):
    installation = synced()
    installation.sandbox.faults.add(Fault(kind="status", status=502, operation="Probe", times=20))
    installation.sync()
    assert visited(installation) == NAMES


def test_a_hundred_repositories_are_one_request_and_more_are_two(sandbox_of, install):
    names = [f"tidewater-labs/r{n:03}" for n in range(1, 102)]
    installation = install(sandbox_of(repositories(names)))
    steps.prepare(installation.settings, "github")
    probes = [
        json.loads(e.request_body)["query"].count("repository(") for e in installation.asked()
    ]
    assert probes == [100, 1]


def test_a_changed_configuration_visits_what_it_concerns(synced):
    installation = synced()
    file = installation.settings.sources_file
    text = file.read_text()
    file.write_text(text.replace(f"name: {NAMES[4]}", f"name: {NAMES[4]}\n    branches: [main]"))
    assert file.read_text() != text
    installation.settings.__dict__.pop("_file", None)
    installation.failing_sync()
    assert visited(installation) == [NAMES[4]]


def _label():
    from tests.workspaces import label

    return label(9)
