"""A life at high speed under `headwater up`, compared at its end with the sandbox's own state.

Issues, pull requests, commits, comments, pages and blocks change all the time; a part of that is
told by webhooks, some twice, some forged, some never; readers query the published file; backfills
run; the APIs fail now and then. `make life` runs it for HEADWATER_LIFE_MINUTES (60) and writes
data/life.md.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import duckdb
import httpx
import pytest
import yaml

from include.demo import sources_yml
from include.sandbox import Limits, Sandbox, Workspace
from include.settings import ROOT, Settings
from include.spool import Spool
from tests.deliveries import SECRETS, with_webhooks
from tests.life import truth
from tests.life.airflow import Airflow, headwater_up
from tests.life.github import UNTOUCHED, GitHubTeam
from tests.life.linear import LinearTeam
from tests.life.notion import NotionTeam
from tests.life.program import Program
from tests.life.readers import Readers, Watcher, readers
from tests.life.report import table
from tests.workspaces import REPO

MINUTES = float(os.environ.get("HEADWATER_LIFE_MINUTES", "60"))
SEED = int(os.environ.get("HEADWATER_LIFE_SEED", "1"))
PER_SECOND = float(os.environ.get("HEADWATER_LIFE_CHANGES_PER_SECOND", "3"))
INGEST = ("ingest_github", "ingest_linear", "ingest_notion")
TOKENS = ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN")
# A day's requests in an hour: what an account may ask is not what is tried here.
NO_LIMITS = Limits(
    github_requests_per_hour=1_000_000,
    github_graphql_points_per_hour=1_000_000,
    linear_requests_per_hour=1_000_000,
    linear_complexity_per_hour=1_000_000_000,
)


class Backfills:
    """Backfills at random moments over random intervals: long ago, or a while ago."""

    def __init__(self, airflow: Airflow, seed: int) -> None:
        self._airflow, self._random = airflow, random.Random(seed)
        self._next = monotonic() + 20
        self.count = self.by_command = 0

    def go_on(self) -> None:
        """Start one when it is time."""
        if monotonic() < self._next:
            return
        free = [name for name in INGEST if not self._airflow.has_unfinished_backfill(name)]
        self._next = monotonic() + self._random.uniform(60, 240)
        if not free:
            return
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        is_by_command = self.count > 0 and not self.by_command
        if is_by_command or self._random.random() < 0.7:
            end = now - timedelta(minutes=self._random.randint(60, 300_000))
        else:
            end = now - timedelta(minutes=self._random.randint(3, 6))
        start = end - timedelta(minutes=self._random.randint(1, 3))
        dag_id = self._random.choice(free)
        if is_by_command:
            dates = ("--from-date", start.isoformat(), "--to-date", end.isoformat())
            created = self._airflow.command("backfill", "create", "--dag-id", dag_id, *dates)
            self.by_command += created
        else:
            created = self._airflow.backfill(dag_id, start, end)
        self.count += created


@dataclass
class Life:
    """All that was seen until the end."""

    data: Path
    airflow_runs: list[dict[str, Any]]
    expected: dict[str, truth.Document]
    workspace: Workspace
    program: Program
    readers: Readers
    watcher: Watcher
    backfills: Backfills
    minutes: float
    retried: list[str]
    violations: list[Exception]
    last_build_at: datetime

    def published(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return _read(self.data / "published" / "headwater.duckdb", query, values)

    def warehouse(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return _read(self.data / "warehouse.duckdb", query, values)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return [run for run in self.airflow_runs if run["dag_id"] == dag_id]


def _read(path: Path, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        return db.execute(query, values or None).fetchall()


def _sources(sandbox: Sandbox) -> str:
    """Sources that are read every minute and take webhooks."""
    document = yaml.safe_load(sources_yml(sandbox.workspace))
    for entry in document["sources"]:
        entry["sync_frequency_minutes"] = 1
        entry["base_url"] = f"{sandbox.url}/{entry['type']}"
    return with_webhooks(yaml.safe_dump(document, sort_keys=False))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    data = tmp_path_factory.mktemp("life")
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(Workspace.demo(), limits=NO_LIMITS))
        (data / "sources.yml").write_text(_sources(sandbox))
        variables = {
            **SECRETS,
            **dict.fromkeys(TOKENS, "sandbox-token"),
            "HEADWATER_DATA": str(data),
            "HEADWATER_SOURCES": str(data / "sources.yml"),
        }
        airflow = stack.enter_context(headwater_up(data, variables, data / "airflow.log"))
        print(f"data: {data}, Airflow: {airflow.url}", flush=True)
        settings = Settings(data, data / "sources.yml")
        beginning = datetime.now(UTC) - timedelta(minutes=5)
        for dag_id in INGEST:
            airflow.wait_for_success(dag_id, beginning)
        airflow.until(settings.published.exists, "the first file to be published")
        base = f"{airflow.url}/headwater/webhooks"
        inbox = stack.enter_context(httpx.Client(base_url=base, timeout=60))
        program = Program(sandbox, inbox, SEED, PER_SECOND)
        program.sources += [GitHubTeam(program), LinearTeam(program), NotionTeam(program)]
        watcher = Watcher(settings.published, program.told)
        known = sandbox.workspace.github(REPO).issues.find(number=UNTOUCHED) or {}
        asked = stack.enter_context(
            readers(
                settings.published,
                f"github:issue:{known['node_id']}",
                known["title"],
                opening=2,
                keeping=2,
            )
        )
        program.start()
        watcher.start()
        began, backfills = monotonic(), Backfills(airflow, SEED)
        # A life that takes too long can be asked to end.
        while monotonic() - began < 60 * MINUTES and not (data / "enough").exists():
            assert airflow.process.poll() is None, "Airflow has ended"
            assert not program.errors, program.errors
            backfills.go_on()
            Event().wait(1)
        program.stop()
        minutes = (monotonic() - began) / 60
        assert not program.errors, program.errors
        print(f"{sum(program.changes.values())} changes in {minutes:.1f} minutes", flush=True)
        last_build_at = _settle(airflow, settings)
        watcher.stop()
        airflow_runs = airflow.runs()
        retried = _retried(airflow, airflow_runs)
    living = truth.living(sandbox.workspace)
    (data / "truth.json").write_text(json.dumps(living, default=str))
    (data / "runs.json").write_text(json.dumps(airflow_runs))
    return Life(
        data,
        airflow_runs,
        living,
        sandbox.workspace,
        program,
        asked,
        watcher,
        backfills,
        minutes,
        retried,
        sandbox.violations,
        last_build_at,
    )


def _settle(airflow: Airflow, settings: Settings) -> datetime:
    """Let the schedule go on until all is read, reconcile, build; returns when that build began."""
    ended = datetime.now(UTC)
    for dag_id in INGEST:
        airflow.wait_for_success(dag_id, ended, live=True)
    spool = Spool(settings.inbox)
    airflow.until(lambda: not spool.names("waiting"), "every delivery to be followed")
    for dag_id in INGEST:
        airflow.until(
            lambda name=dag_id: not airflow.has_unfinished_backfill(name), "its backfills", 2400
        )
    print("synced", flush=True)
    run = airflow.wait_for_run("maintain", airflow.trigger("maintain"))
    assert run["state"] == "success", airflow.tasks("maintain", run["dag_run_id"])
    # What came back from the trash is found by the next sync.
    ended = datetime.now(UTC)
    for dag_id in INGEST:
        airflow.wait_for_success(dag_id, ended, live=True)
    for dag_id in INGEST:
        airflow.pause(dag_id)
    airflow.wait_until_idle(INGEST)
    print("idle", flush=True)
    run = airflow.wait_for_run("transform", airflow.trigger("transform"))
    assert run["state"] == "success"
    return datetime.fromisoformat(run["start_date"])


def _retried(airflow: Airflow, runs: list[dict[str, Any]]) -> list[str]:
    """Tasks that did not succeed at once."""
    found = []
    for run in runs:
        for task in airflow.tasks(run["dag_id"], run["dag_run_id"]):
            if task["try_number"] > 1 or task["state"] not in ("success", "skipped"):
                where = f"{run['dag_id']} {run['dag_run_id']} {task['task_id']}"
                found.append(f"{where}: try {task['try_number']}, {task['state']}")
    return found


def write_report(life: Life) -> None:
    by_type = Counter((run["dag_id"], run["run_type"], run["state"]) for run in life.airflow_runs)
    syncs = life.published(
        "select mode, trigger, status, count(distinct sync_id) from ops.sync_history"
        " group by all order by all"
    )
    lost, ghosts = truth.differences(life.expected, _published(life))
    parts = [
        "# A life",
        f"{life.minutes:.0f} minutes, seed {SEED}, {sum(life.program.changes.values())} changes.",
        table(
            "end",
            {
                "living objects compared": len(life.expected),
                "lost, or not in their last version": len(lost),
                "deleted and still there": len(ghosts),
                "duplicates": sum(count for _, count in duplicates(life)),
                "publishes seen": life.watcher.publishes,
                "webhook to queryable": life.watcher.summary(),
                "readers' questions": life.readers.asked,
                "readers' sessions": life.readers.sessions,
                "readers' failures": len(life.readers.failures),
                "backfills": life.backfills.count,
                "backfills by command": life.backfills.by_command,
                "tasks that were tried again or failed": len(life.retried),
            },
        ),
        table("changes", sorted(life.program.changes.items())),
        table("deliveries", sorted(life.program.deliveries.items())),
        table("answers of the inbox", sorted(life.program.answers.items())),
        table("faults", sorted(life.program.faults.items())),
        table("runs of DAGs", sorted(by_type.items())),
        table("syncs by mode, trigger, status", [(row[:3], row[3]) for row in syncs]),
        *(["```text", *life.retried, "```"] if life.retried else []),
    ]
    path = ROOT / "data" / "life.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")
    print(path.read_text(), flush=True)


def _published(life: Life) -> dict[str, truth.Document]:
    with duckdb.connect(str(life.data / "published" / "headwater.duckdb"), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        return truth.published(db)


def duplicates(life: Life) -> list[tuple[str, int]]:
    """Tables with something that is there twice, and how much."""
    tables = life.warehouse(
        "select schema_name || '.' || table_name,"
        " list_contains(list(column_name), '_dlt_valid_to') from duckdb_columns()"
        " where schema_name in ('raw_github', 'raw_linear', 'raw_notion')"
        " group by all having list_contains(list(column_name), 'event_id') order by 1"
    )
    found = []
    for name, is_listing in tables:
        # A listing's row that went and came back has two versions, of which one is valid.
        current = "where _dlt_valid_to is null" if is_listing else ""
        ((count,),) = life.warehouse(
            f"select count(*) - count(distinct event_id) from {name} {current}"
        )
        found.append((name, count))
    for mart, key in (
        ("core.documents", "document_id"),
        ("core.interactions", "interaction_id"),
        ("ops.sync_history", "(sync_id, resource)"),
        ("ops.webhook_deliveries", "(connection_id, delivery_id)"),
    ):
        found += [
            (mart, count)
            for (count,) in life.published(f"select count(*) - count(distinct {key}) from {mart}")
        ]
    return [(name, count) for name, count in found if count]


@pytest.mark.life
def test_the_life_is_told(life: Life) -> None:
    write_report(life)
    assert life.program.changes


@pytest.mark.life
def test_nothing_is_lost_and_nothing_that_is_deleted_lives_on(life: Life) -> None:
    lost, ghosts = truth.differences(life.expected, _published(life))
    assert (lost, ghosts) == ([], [])


@pytest.mark.life
def test_every_event_relation_and_entry_of_history_is_there(life: Life) -> None:
    gauge, linear = life.workspace.github(REPO), life.workspace.linear
    events = {row["node_id"] for row in gauge.issue_events}
    raw = life.warehouse("select external_id from raw_github.issue_events")
    assert events - {external_id for (external_id,) in raw} == set()
    entries = {row["id"] for row in linear.issue_history}
    raw = life.warehouse("select external_id from raw_linear.issue_history")
    assert entries - {external_id for (external_id,) in raw} == set()
    relations = sorted((row["id"], row["type"]) for row in linear.issue_relations)
    assert relations == sorted(
        life.warehouse(
            "select external_id, payload ->> '$.type' from raw_linear.issue_relations"
            " where _dlt_valid_to is null and external_id <> '*'"
        )
    )


@pytest.mark.life
def test_nothing_is_there_twice(life: Life) -> None:
    assert duplicates(life) == []


@pytest.mark.life
def test_no_reader_ever_failed(life: Life) -> None:
    assert (life.readers.failures, life.watcher.errors) == ([], [])
    assert life.readers.asked > 10 * life.minutes


@pytest.mark.life
def test_every_run_succeeded_and_every_record_was_read(life: Life) -> None:
    assert life.violations == []
    settings = Settings(life.data, life.data / "sources.yml")
    # A delivery that a fault kept from being read fails its run, waits, and is read by a later one.
    assert Spool(settings.inbox).names("failed") == []
    failed = [
        (run["dag_id"], run["dag_run_id"])
        for run in life.airflow_runs
        # Those that a pause has caught stay as they are.
        if run["state"] not in ("success", "queued", "running")
        and not (run["dag_id"] == "webhooks" and life.program.faults)
    ]
    assert failed == []
    assert (
        life.published(
            "select status, count(*) from ops.raw_event_errors where status = 'open' group by all"
        )
        == []
    )


@pytest.mark.life
def test_every_sync_is_in_the_history_once(life: Life) -> None:
    containers = {
        f"ingest_{source.name}": len(source.containers)
        for source in Settings(life.data, life.data / "sources.yml").sources
    }
    counted = {
        (dag_id, run_id): (there, syncs)
        for dag_id, run_id, there, syncs in life.published(
            "select dag_id, run_id, count(distinct container), count(distinct sync_id)"
            " from ops.sync_history where status like 'completed%' and dag_id like 'ingest%'"
            " group by all"
        )
    }
    wrong = {
        (run["dag_id"], run["dag_run_id"]): counted.get((run["dag_id"], run["dag_run_id"]))
        for dag_id in INGEST
        for run in life.runs(dag_id)
        if run["state"] == "success" and run["run_type"] != "backfill"
        if counted.get((dag_id, run["dag_run_id"])) != (containers[dag_id],) * 2
    }
    assert wrong == {}


@pytest.mark.life
def test_backfills_move_no_cursor_and_share_transforms(life: Life) -> None:
    runs = [run for run in life.airflow_runs if run["run_type"] == "backfill"]
    told = life.published(
        "select distinct run_id from ops.sync_history"
        " where mode = 'window' and trigger = 'backfill' and status = 'completed'"
    )
    if life.minutes > 9:
        assert life.backfills.by_command
    assert {run_id for (run_id,) in told} == {run["dag_run_id"] for run in runs} != set()
    assert (
        life.published(
            "select sync_id from ops.sync_history"
            " where mode = 'window' and cursor_after is distinct from cursor_before"
        )
        == []
    )
    ingests = [run for dag_id in (*INGEST, "webhooks") for run in life.runs(dag_id)]
    assert len(life.runs("transform")) < len(ingests)
