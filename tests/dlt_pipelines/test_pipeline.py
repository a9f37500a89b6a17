"""Raw events arrive once, stay, and are never shown half: cursors, windows, listings, restarts."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest
from filelock import FileLock

from dlt_pipelines import SOURCES, lanes, ledger, pipeline
from dlt_pipelines.exceptions import PermanentError, TransientError
from dlt_pipelines.ledger import SyncRun, Trigger
from include import steps, warehouse
from include.sandbox import Sandbox
from include.sandbox.faults import Fault
from tests.installation import Installation
from tests.workspaces import (
    REPO,
    START,
    at,
    commit,
    gauge,
    github,
    issue,
    issue_event,
    label,
    pull_request,
)

SOURCES_YML = """
sources:
- {name: github, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, content_types: [issues, labels]}]}
- {name: mirror, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, content_types: [issues, labels]}]}
"""
RESOURCES = tuple(SOURCES["github"].resources)
# Recorded commits come without the git repository that says which files they touched.
READ = tuple(
    name
    for name, resource in SOURCES["github"].resources.items()
    if resource.kind == "repository" and name != "commit_files"
)
# What `gauge()` has: its eleven objects, counts, a branch, and four of the pull request's parts.
EVERYTHING = 17


def repo(installation):
    return installation.sandbox.workspace.github(REPO)


def current_labels(installation, connection: str = "github") -> list[str]:
    return installation.column(
        "select external_id from raw_github.labels where _dlt_valid_to is null"
        " and connection_id = $connection order by all",
        connection=connection,
    )


def issue_ids(installation) -> list[str]:
    return installation.column(
        "select external_id from raw_github.issues order by occurred_at, external_id"
    )


@pytest.fixture(scope="module")
def synced_data(tmp_path_factory):
    """The data folder after a first sync of `gauge()`: made once, copied by tests."""
    with Sandbox(gauge()) as sandbox:
        data = tmp_path_factory.mktemp("synced") / "data"
        Installation.beside(sandbox, data).sync()
    return data


@pytest.fixture
def synced(sandbox_of, synced_data, tmp_path):
    """An installation that has synced `gauge()` once."""
    shutil.copytree(synced_data, tmp_path / "data")
    return Installation.beside(sandbox_of(gauge()), tmp_path / "data")


# Rows


def test_a_first_sync_loads_every_object_once_as_the_provider_sent_it(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    (done,) = installation.sync()
    assert done["rows_added"] == EVERYTHING
    (thread,) = installation.column("select external_id from raw_github.review_threads")
    expected = {
        "repositories": [(repo(installation).repository["node_id"], None)],
        "repository_counts": [(repo(installation).repository["node_id"], None)],
        "branches": [("main", None)],
        "labels": [("LA_9", None)],
        "milestones": [("MI_10", None)],
        "issues": [("I_1", 10), ("I_2", 200)],
        "issue_comments": [("IC_4", 40)],
        "review_comments": [("PRC_5", 50)],
        "pull_requests": [("PR_3", 30)],
        "pull_request_details": [("PR_3", 30)],
        "pull_request_files": [("PR_3", 30)],
        "pull_request_commits": [("PR_3", 30)],
        "review_threads": [(thread, 30)],
        "reviews": [("PRR_6", 60)],
        "issue_events": [("E_7", 70)],
        "commits": [(commit(8)["sha"], 480)],
    }
    for table in RESOURCES:
        rows = installation.query(
            f"select connection_id, container, external_id, operation, origin, sync_id,"
            f" occurred_at, payload from raw_github.{table} where external_id <> '*'"
            " order by occurred_at"
        )
        assert [row[:6] for row in rows] == [
            ("github", REPO, external_id, "upsert", "poll", done["sync_id"])
            for external_id, _ in expected.get(table, [])
        ]
        for row, (_, seconds) in zip(rows, expected.get(table, []), strict=True):
            if seconds is not None:
                assert row[6] == START + timedelta(seconds=seconds)
    payloads = installation.column("select payload from raw_github.issues order by occurred_at")
    assert [payload.encode() for payload in payloads] == repo(installation).issues.raw()


def test_a_second_sync_adds_nothing_and_costs_one_request_per_resource(synced):
    before = synced.raw()
    synced.asked()
    (done,) = synced.sync()
    assert done["rows_added"] == 0
    assert synced.raw() == before
    # What hangs on an object that has not changed is not asked for at all.
    asked = synced.asked()
    others = [e.path for e in asked if not e.path.startswith("/repos/")]
    # Listings and discussions in one request; git costs no quota.
    assert others == ["/graphql", f"/{REPO}.wiki.git/info/refs"]
    listed = [e for e in asked if e.path.startswith("/repos/")]
    assert {exchange.status for exchange in listed} == {304}
    assert sorted(exchange.path.removeprefix(f"/repos/{REPO}") for exchange in listed) == [
        "",
        "/actions/runs",
        "/commits",
        "/deployments",
        "/issues",
        "/issues/comments",
        "/issues/events",
        "/pulls",
        "/pulls/comments",
        "/releases",
    ]


def test_a_change_adds_one_row_and_keeps_the_one_before(synced):
    repo(synced).issues.upsert(issue(1, 300, title="Renamed", created_at=at(10)))
    (done,) = synced.sync(resources=["issues"])
    assert done["rows_added"] == 1
    assert synced.query(
        "select external_id, occurred_at, payload ->> 'title' from raw_github.issues order by all"
    ) == [
        ("I_1", START + timedelta(seconds=10), issue(1, 10)["title"]),
        ("I_1", START + timedelta(seconds=300), "Renamed"),
        ("I_2", START + timedelta(seconds=200), issue(2, 200)["title"]),
    ]


def test_the_ledger_of_a_sync_says_what_it_read_and_what_it_cost(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    (done,) = installation.sync()
    events = installation.query(
        "select event, resource, details from raw_headwater.sync_events"
        " where sync_id = $id order by occurred_at",
        id=done["sync_id"],
    )
    assert [event[:2] for event in events] == [
        ("started", None),
        *(("extracted", name) for name in READ),
        ("loaded", None),
    ]
    issues = json.loads(events[1 + READ.index("issues")][2])
    for name in ("started_at", "completed_at", "bytes_received", "rate_limit_remaining"):
        assert issues.pop(name)
    assert issues == {
        "cursor_before": None,
        "cursor_after": "2026-03-01T00:03:20+00:00",
        "items_processed": 2,
        "items_succeeded": 2,
        "items_failed": 0,
        "expected_items": 2,
        "is_complete": True,
        "requests_made": 1,
        "requests_not_modified": 0,
        "requests_saved": 0,
        "rate_limit_wait_seconds": 0.0,
        "error_code": None,
        "error_message": None,
    }
    loaded = json.loads(events[-1][2])
    assert sum(loaded["rows_added"].values()) == EVERYTHING
    assert loaded["rows_added"]["issues"] == 2
    assert len(loaded["load_ids"]) == 1


# Cursors


def test_a_cursor_overlaps_by_a_minute_and_a_late_row_inside_it_is_found(synced):
    assert synced.cursors("github", REPO)["issues"] == "2026-03-01T00:03:20+00:00"
    synced.asked()
    repo(synced).issues.upsert(issue(20, 141))  # Replicated late, inside the overlap.
    repo(synced).issues.upsert(issue(21, 139))  # Before it: nobody could know.
    synced.sync()
    (asked,) = [e for e in synced.asked() if e.path.endswith("/issues")]
    assert "direction=desc" in asked.query  # One page reaches back beyond the cursor.
    assert issue_ids(synced) == ["I_1", "I_20", "I_2"]
    assert synced.cursors("github", REPO)["issues"] == "2026-03-01T00:03:20+00:00"


def test_a_failing_resource_leaves_every_cursor_and_row_of_the_container(synced):
    before, cursors = synced.raw(), synced.cursors("github", REPO)
    repo(synced).issues.upsert(issue(20, 900))
    synced.sandbox.faults.add(Fault(kind="status", status=422, path="/issues/events$"))
    (failure,) = synced.failing_sync()
    assert str(failure).startswith("github.issue_events: GET ")
    assert (synced.raw(), synced.cursors("github", REPO)) == (before, cursors)
    assert [done["rows_added"] for done in synced.sync()] == [1]
    assert issue_ids(synced) == ["I_1", "I_2", "I_20"]


def test_one_failing_repository_does_not_hold_up_the_other(sandbox_of, install):
    rows = {"issues": [issue(1)]}
    names = {REPO: rows, "tidewater-labs/other": {"issues": [issue(2)]}}
    installation = install(sandbox_of(github(names)))
    installation.sandbox.faults.add(Fault(kind="status", status=422, path="/gauge/actions/runs$"))
    (failure,) = installation.failing_sync()
    assert "/repos/tidewater-labs/gauge/actions/runs answered 422" in str(failure)
    assert issue_ids(installation) == ["I_2"]
    assert [done["container"] for done in installation.sync()] == [REPO, "tidewater-labs/other"]
    assert sorted(issue_ids(installation)) == ["I_1", "I_2"]


# Windows and full reads


def test_a_window_reads_exactly_its_interval_and_leaves_the_live_cursor(synced):
    cursors = synced.cursors("github", REPO)
    repo(synced).issues.delete(1)
    for number, seconds in ((30, 99), (31, 100), (32, 149), (33, 150)):
        repo(synced).issues.upsert(issue(number, seconds))
        repo(synced).pull_requests.upsert(pull_request(number + 10, seconds))
        repo(synced).issue_events.upsert(issue_event(number + 20, seconds))
    synced.asked()
    window = {"start": START + timedelta(seconds=100), "end": START + timedelta(seconds=150)}
    (done,) = synced.sync(mode="window", **window)
    added = {
        table: synced.query(
            f"select external_id, origin from raw_github.{table} where sync_id = $id order by all",
            id=done["sync_id"],
        )
        for table in RESOURCES
    }
    assert {table: rows for table, rows in added.items() if rows} == {
        "issues": [("I_31", "backfill"), ("I_32", "backfill")],
        **{
            name: [("PR_41", "backfill"), ("PR_42", "backfill")]
            for name in RESOURCES
            if name.startswith("pull_request")
        },
        "issue_events": [("E_51", "backfill"), ("E_52", "backfill")],
    }
    assert synced.cursors("github", REPO) == cursors
    # Listings have no times, so that a window says nothing about them.
    assert not any("Listings" in exchange.operations for exchange in synced.asked())
    assert len(current_labels(synced)) == 1


def test_a_full_read_reads_everything_again_and_leaves_the_live_cursor(synced):
    cursors = synced.cursors("github", REPO)
    repo(synced).issues.upsert(issue(21, 5))  # Too old for the cursor.
    (done,) = synced.sync(mode="full")
    assert done["rows_added"] == 1
    assert issue_ids(synced) == ["I_21", "I_1", "I_2"]
    assert synced.cursors("github", REPO) == cursors
    assert [done["rows_added"] for done in synced.sync()] == [0]


def test_a_full_read_takes_more_changes_in_a_second_than_an_incremental_one(synced):
    for number in range(100, 250):
        repo(synced).issues.upsert(issue(number, 500))
    (failure,) = synced.failing_sync(resources=["issues"])
    assert "more than 100 records changed in the second 2026-03-01T00:08:20Z" in str(failure)
    assert str(failure).endswith("read it whole with --full")
    (done,) = synced.sync(mode="full", resources=["issues"])
    assert done["rows_added"] == 150


def test_one_resource_alone_moves_no_cursor_but_its_own(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    (done,) = installation.sync(resources=["issues"])
    assert done["rows_added"] == 2
    assert list(installation.cursors("github", REPO)) == ["issues"]
    assert [e.path for e in installation.asked()] == [f"/repos/{REPO}/issues"]


@pytest.mark.parametrize("alone", ["reviews", "pull_requests"])
def test_reading_reviews_or_pull_requests_alone_loses_none_of_the_other(sandbox_of, install, alone):
    pulls = [pull_request(3, 30), pull_request(11, 3_000)]
    installation = install(sandbox_of(gauge(pull_requests=pulls)))
    installation.sync(resources=[alone])
    installation.sync()
    query = "select external_id from raw_github.pull_requests order by all"
    assert installation.column(query) == ["PR_11", "PR_3"]
    assert installation.column("select external_id from raw_github.reviews") == ["PRR_6"]


@pytest.mark.parametrize("table, path", [("issues", "/issues$"), ("labels", "/graphql$")])
def test_a_record_that_is_listed_twice_is_one_row(sandbox_of, install, table, path):
    installation = install(sandbox_of(gauge()))
    installation.sandbox.faults.add(Fault(kind="duplicate", path=path, times=None))
    installation.sync(resources=[table])
    ids = installation.column(f"select event_id from raw_github.{table}")
    assert len(ids) == len(set(ids)) == {"issues": 2, "labels": 1}[table]


# Complete listings


def test_a_label_that_is_gone_is_retired_and_its_version_stays(sandbox_of, install):
    installation = install(sandbox_of(gauge(labels=[label(1), label(2)])))
    installation.sync(resources=["labels"])
    repo(installation).labels.delete(1)
    installation.sync(resources=["labels"])
    assert current_labels(installation) == ["LA_2"]
    assert installation.column("select external_id from raw_github.labels order by all") == [
        "LA_1",
        "LA_2",
    ]


def test_the_last_label_that_is_gone_is_retired_too(sandbox_of, install):
    installation = install(sandbox_of(gauge(labels=[label(1)])))
    installation.sync(resources=["labels"])
    repo(installation).labels.delete(1)
    installation.sync(resources=["labels"])
    rows = installation.query(
        "select external_id, operation, _dlt_valid_to is null, payload ->> 'reason'"
        " from raw_github.labels order by all"
    )
    assert rows == [("*", "delete", True, "empty_listing"), ("LA_1", "upsert", False, None)]
    repo(installation).labels.upsert(label(2))
    installation.sync(resources=["labels"])
    assert current_labels(installation) == ["LA_2"]


def test_a_label_that_goes_back_to_what_it_was_is_current_again(sandbox_of, install):
    installation = install(sandbox_of(gauge(labels=[label(1, color="aaaaaa")])))
    for color in ("aaaaaa", "bbbbbb", "aaaaaa"):
        repo(installation).labels.upsert(label(1, color=color))
        installation.sync(resources=["labels"])
        rows = installation.column(
            "select payload ->> 'color' from raw_github.labels where _dlt_valid_to is null"
        )
        assert rows == [color]
    history = installation.query(
        "select payload ->> 'color', _dlt_valid_to is null from raw_github.labels"
        " order by _dlt_valid_from"
    )
    assert history == [("aaaaaa", False), ("bbbbbb", False), ("aaaaaa", True)]


def test_two_connections_of_one_repository_do_not_retire_each_others_rows(sandbox_of, install):
    installation = install(sandbox_of(gauge()), sources=SOURCES_YML)
    installation.sync("github")
    installation.sync("mirror")
    installation.sync("github")
    assert current_labels(installation, "github") == ["LA_9"]
    assert current_labels(installation, "mirror") == ["LA_9"]
    assert installation.query(
        "select connection_id, count(*) from raw_github.issues group by all order by all"
    ) == [("github", 2), ("mirror", 2)]
    assert [done["rows_added"] for done in installation.sync("mirror")] == [0]


def test_equal_labels_of_two_repositories_are_two_rows(sandbox_of, install):
    names = {REPO: {"labels": [label(1)]}, "tidewater-labs/other": {"labels": [label(1)]}}
    installation = install(sandbox_of(github(names)))
    installation.sync(resources=["labels"])
    assert current_labels(installation) == ["LA_1", "LA_1"]
    repo(installation).labels.delete(1)
    installation.sync(resources=["labels"])
    assert installation.query(
        "select container, external_id from raw_github.labels"
        " where _dlt_valid_to is null order by all"
    ) == [(REPO, "*"), ("tidewater-labs/other", "LA_1")]


# Restarts


def test_cursors_come_back_from_the_warehouse_after_the_local_state_was_lost(synced):
    cursors, before = synced.cursors("github", REPO), synced.raw()
    shutil.rmtree(synced.settings.data / "pipelines")
    synced.asked()
    (done,) = synced.sync()
    assert done["rows_added"] == 0
    assert len(synced.asked()) == 12
    assert (synced.cursors("github", REPO), synced.raw()) == (cursors, before)


def test_a_new_warehouse_is_filled_from_the_beginning(synced):
    before = synced.raw()
    synced.settings.warehouse.unlink()
    (done,) = synced.sync()
    assert done["rows_added"] == EVERYTHING
    assert synced.raw() == before


def extract(installation, name: str = "github", **options):
    steps.prepare(installation.settings, name)
    return steps.extract(installation.settings, name, REPO, **options)


def test_what_was_extracted_is_invisible_until_it_is_loaded(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    extract(installation)
    assert all(not rows for rows in installation.raw().values())
    (done,) = steps.load(installation.settings, "github")
    assert done["rows_added"] == EVERYTHING
    assert steps.load(installation.settings, "github") == []


def test_a_package_that_was_not_loaded_is_loaded_by_the_next_sync(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    waiting = extract(installation)
    repo(installation).issues.upsert(issue(20, 900))
    ended = installation.sync()
    assert ended[0]["sync_id"] == waiting["sync_id"]
    assert [done["rows_added"] for done in ended] == [EVERYTHING, 1]
    assert issue_ids(installation) == ["I_1", "I_2", "I_20"]


def test_a_package_lost_with_its_folder_is_not_called_loaded(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    lost = extract(installation)
    shutil.rmtree(installation.settings.data / "pipelines")
    (done,) = installation.sync()
    assert (done["sync_id"] == lost["sync_id"], done["rows_added"]) == (False, EVERYTHING)
    assert installation.column(
        "select event from raw_headwater.sync_events"
        " where sync_id = $id and resource is null order by occurred_at",
        id=lost["sync_id"],
    ) == ["started", "interrupted"]


def test_a_load_that_fails_keeps_its_package_and_says_so(sandbox_of, install, monkeypatch):
    installation = install(sandbox_of(gauge()))
    waiting = extract(installation)
    with duckdb.connect(str(installation.settings.warehouse)) as db:
        db.execute("alter table raw_github.issues rename to hidden")
        db.execute("create view raw_github.issues as select 1 as event_id")
    with pytest.raises(PermanentError) as caught:
        steps.load(installation.settings, "github")
    assert caught.value.code == "load_failed"
    assert str(caught.value).startswith(f"github.{REPO}: load failed: ")
    assert "; expected the package to commit; run again:" in str(caught.value)
    with duckdb.connect(str(installation.settings.warehouse)) as db:
        db.execute("drop view raw_github.issues")
        db.execute("alter table raw_github.hidden rename to issues")
    (done,) = steps.load(installation.settings, "github")
    assert (done["sync_id"], done["rows_added"]) == (waiting["sync_id"], EVERYTHING)
    assert issue_ids(installation) == ["I_1", "I_2"]
    assert installation.column(
        "select event from raw_headwater.sync_events"
        " where sync_id = $id and resource is null order by occurred_at",
        id=waiting["sync_id"],
    ) == ["started", "failed", "loaded"]


def test_loading_the_ledger_twice_adds_no_line_twice(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    extract(installation)
    settings = installation.settings
    counts = []
    for _ in range(2):
        with warehouse.writer(settings) as db:
            pipeline.load_ledger(settings.store, db, settings.source_rows())
        counts.append(installation.query("select count(*) from raw_headwater.sync_events"))
    assert counts[0] == counts[1] == [(1 + len(READ),)]  # Started, and extracted each.
    assert len(settings.store.ledger.files()) == 1  # It is open: its load has not come.


def test_an_older_warehouse_gets_the_ledger_tables_it_lacks_and_keeps_its_rows(
    sandbox_of, tmp_path, monkeypatch
):
    installation = Installation.beside(sandbox_of(gauge()), tmp_path / "older")
    with monkeypatch.context() as before:
        before.delitem(ledger.TABLES, "error_events")
        installation.sync()
    tables = (
        "select table_name from duckdb_tables() where schema_name = 'raw_headwater'"
        " and not starts_with(table_name, '_dlt') order by all"
    )
    found = ["dead_letters", "sources", "sync_events", "webhook_deliveries"]
    assert installation.column(tables) == found
    accounts = "from raw_headwater.sync_events order by all"
    known = installation.query(accounts)
    settings = installation.settings
    steps.prepare(settings, "github")
    assert installation.column(tables) == sorted([*found, "error_events"])
    assert installation.query(accounts) == known
    told = {"error_id": "e", "action": "dismiss", "outcome": "dismissed", "reason": "r"}
    settings.store.ledger.resolve([{**told, "done_by": "cli"}])
    with warehouse.writer(settings) as db:
        pipeline.load_ledger(settings.store, db, settings.source_rows())
    assert installation.query(
        "select error_id, action, outcome, reason, done_by from raw_headwater.error_events"
    ) == [("e", "dismiss", "dismissed", "r", "cli")]


def test_a_source_that_is_no_longer_configured_keeps_its_row_and_says_so(sandbox_of, install):
    installation = install(sandbox_of(gauge()), sources=SOURCES_YML)
    installation.sync("mirror", resources=["issues"])
    file = installation.settings.sources_file
    file.write_text(SOURCES_YML.split("- {name: mirror")[0])
    again = Installation.beside(installation.sandbox, installation.settings.data, file.read_text())
    again.sync("github", resources=["issues"])
    assert again.query(
        "select connection_id, is_configured from raw_headwater.sources order by all"
    ) == [("github", True), ("mirror", False)]


# Locks


def test_a_container_that_is_being_read_is_not_read_twice(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    steps.prepare(installation.settings, "github")
    name = lanes.name_of("github", REPO)
    with FileLock(installation.settings.data / "locks" / f"{name}.lock"):
        with pytest.raises(TransientError) as caught:
            steps.extract(installation.settings, "github", REPO)
        assert steps.load(installation.settings, "github") == []
    assert str(caught.value) == (
        f"github.{REPO}: another sync of this container is running; expected one at a time;"
        " wait for it to end"
    )
    assert installation.asked() == []


def test_a_load_waits_for_who_reads_the_container_and_tells_its_syncs_whoever_commits_them(
    sandbox_of, install
):
    installation = install(sandbox_of(gauge()))
    settings = installation.settings
    extracted = extract(installation)
    name = lanes.name_of("github", REPO)
    reading = FileLock(settings.data / "locks" / f"{name}.lock")
    with ThreadPoolExecutor() as others:
        reading.acquire()
        loading = others.submit(steps.load, settings, "github", [extracted["sync_id"]])
        # It cannot be done before the container was read.
        with pytest.raises(TimeoutError):
            loading.result(1)
        reading.release()
        (ended,) = loading.result(60)
    assert ended == {
        "sync_id": extracted["sync_id"],
        "connection_id": "github",
        "container": REPO,
        "rows_added": EVERYTHING,
    }
    later = extract(installation)
    steps.load(settings, "github")  # Another run: commits all that waits.
    (ended,) = steps.load(settings, "github", [later["sync_id"]])
    assert ended["sync_id"] == later["sync_id"]


def test_windows_of_a_container_are_read_at_once_beside_its_live_sync(synced):
    settings, cursors = synced.settings, synced.cursors("github", REPO)
    for number in range(30, 34):
        repo(synced).issues.upsert(issue(number, number))
    name = lanes.name_of("github", REPO)
    moments = [START + timedelta(seconds=seconds) for seconds in range(30, 35)]
    with FileLock(settings.data / "locks" / f"{name}.lock"):  # The live sync is at it,
        with FileLock(settings.data / "locks" / f"{name}__1.lock"):  # and a window, too.
            read = [
                steps.extract(settings, "github", REPO, mode="window", start=start, end=end)
                for start, end in pairwise(moments[:4])
            ]
        (first,) = steps.load(settings, "github", [read[0]["sync_id"]])[:1]
        again = steps.load(settings, "github", [done["sync_id"] for done in read])
        (last,) = synced.sync(mode="window", start=moments[3], end=moments[4])
    told = {"connection_id": "github", "container": REPO, "rows_added": 1}
    assert first == {"sync_id": read[0]["sync_id"], **told}
    # What another run has committed is told to the run that had read it.
    assert again == [{"sync_id": done["sync_id"], **told} for done in read]
    order = [done["sync_id"] for done in (*read, last)]
    assert synced.query(
        "select external_id, list_position($order, sync_id) from raw_github.issues"
        " where origin = 'backfill' order by all",
        order=order,
    ) == [("I_30", 1), ("I_31", 2), ("I_32", 3), ("I_33", 4)]
    assert synced.query(
        "select list_position($order, sync_id), details ->> '$.lane',"
        " (details ->> '$.window_start')::timestamptz from raw_headwater.sync_events"
        " where event = 'started' and (details ->> '$.mode') = 'window' order by all",
        order=order,
    ) == [(1, "2", moments[0]), (2, "3", moments[1]), (3, "4", moments[2]), (4, "1", moments[3])]
    # A window has no cursor to keep, neither here nor in the warehouse.
    assert synced.cursors("github", REPO) == cursors
    assert synced.column(
        "select distinct pipeline_name from raw_github._dlt_pipeline_state"
        " where pipeline_name like 'github\\_%\\_\\_%' escape '\\'"
    ) == [name]


def test_a_window_that_died_is_closed_as_interrupted_by_the_next_one(synced):
    settings = synced.settings
    died = settings.store.ledger.start(
        "github", "github", REPO, mode="window", resources=["issues"], trigger=Trigger(), lane=1
    )
    synced.sync()  # In the container's own lane nobody knows whether it lives.
    events = "select event from raw_headwater.sync_events where sync_id = $id order by occurred_at"
    assert synced.column(events, id=died.sync_id) == ["started"]
    synced.sync(mode="window", start=START, end=START + timedelta(seconds=1))
    assert synced.column(events, id=died.sync_id) == ["started", "interrupted"]
    assert settings.store.ledger.files() == []


def test_a_load_leaves_alone_what_is_still_being_read(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    alive = installation.settings.store.ledger.start(
        "github", "github", REPO, mode="full", resources=["issues"], trigger=Trigger()
    )
    assert steps.load(installation.settings, "github") == []
    assert installation.settings.store.ledger.files() == [alive.path]
    assert installation.column("select event from raw_headwater.sync_events") == ["started"]


def test_a_sync_that_died_before_it_could_tell_of_its_package_is_loaded_by_the_next_one(
    sandbox_of, install, monkeypatch
):
    installation = install(sandbox_of(gauge()))

    def dies(run: SyncRun) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(SyncRun, "extracted", dies)
        with pytest.raises(KeyboardInterrupt):
            installation.sync()
    (died,) = installation.settings.store.ledger.all_open()
    ended = {row["sync_id"]: row["rows_added"] for row in installation.sync()}
    found = installation.query(
        "select resource, (details ->> 'items_succeeded')::integer"
        " from raw_headwater.sync_events where sync_id = $id and event = 'extracted' order by all",
        id=died.sync_id,
    )
    told = {resource: count for resource, count in found if count}
    assert told["issues"] == 2
    assert ended[died.sync_id] == sum(told.values())
    rows = " union all ".join(
        f"select '{resource}', count(*) from raw_github.{resource}"
        f" where sync_id = $id and external_id <> '*'"
        for resource in died.resources
    )
    assert {table: n for table, n in installation.query(rows, id=died.sync_id) if n} == told
    assert installation.twice() == []


def test_a_sync_that_died_is_closed_as_interrupted_by_the_next_one(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    died = installation.settings.store.ledger.start(
        "github", "github", REPO, mode="full", resources=["issues"], trigger=Trigger()
    )
    installation.sync()
    assert installation.query(
        "select event, details from raw_headwater.sync_events"
        " where sync_id = $id order by occurred_at",
        id=died.sync_id,
    )[-1] == (
        "interrupted",
        (
            '{"stage":"extract","error_message":"github.tidewater-labs/gauge: the process ended'
            ' during extract; expected it to finish; run again"}'
        ),
    )
    assert installation.settings.store.ledger.files() == []


def test_a_data_folder_may_have_spaces_and_any_letters(sandbox_of, install):
    installation = install(sandbox_of(gauge()), name="Größe & data (new)")
    installation.sync()
    assert issue_ids(installation) == ["I_1", "I_2"]
    assert len(current_labels(installation)) == 1


def test_nothing_that_is_secret_lies_in_the_data_folder(sandbox_of, install):
    workspace = gauge()
    workspace.tokens = {"sesame-open-please"}
    installation = install(sandbox_of(workspace))
    installation.settings._lookup = {"GITHUB_TOKEN": "sesame-open-please"}.get
    installation.settings.__dict__.pop("_file", None)
    file = installation.settings.sources_file
    url = f"base_url: {installation.sandbox.url}/github, secret"
    file.write_text(SOURCES_YML.replace("secret", url, 1))
    installation.sync()
    found = [
        str(path)
        for path in installation.settings.data.rglob("*")
        if path.is_file() and b"sesame-open-please" in path.read_bytes()
    ]
    assert found == []
    assert issue_ids(installation) == ["I_1", "I_2"]


def test_now_lies_after_every_time_used_here():
    assert START + timedelta(days=2) < datetime.now(UTC)


def test_a_source_that_is_no_longer_configured_keeps_its_row_and_its_data(sandbox_of, install):
    installation = install(sandbox_of(gauge()))
    installation.sync()
    query = "select connection_id, is_configured from raw_headwater.sources order by all"
    seen = "select max(observed_at) from raw_headwater.sources where connection_id = 'github'"
    known, first_seen = installation.query(query), installation.query(seen)
    assert ("github", True) in known
    other = [{**installation.settings.source_rows()[0], "connection_id": "other"}]
    with warehouse.writer(installation.settings) as db:
        for _ in range(2):
            pipeline.load_ledger(installation.settings.store, db, other)
    assert installation.query(query) == sorted(
        [(name, False) for name, _ in known] + [("other", True)]
    )
    assert installation.query(seen) == first_seen
    assert installation.column("select count(*) from raw_github.issues") == [2]
