"""The DAG files as Airflow reads them: no import errors, the ids, the task graph, the schedule."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from dlt_pipelines import SOURCES as SOURCES_OF
from dlt_pipelines import pipeline
from dlt_pipelines.ledger import Trigger
from include import backup, errors, steps, warehouse
from include.airflow_env import environment
from include.airflow_sqlite import CONNECT_ARGS
from include.sandbox.faults import Fault
from include.settings import ROOT, Settings
from tests.workspaces import REPO, gauge, issue

READ_DAGS = """
import json
from include.airflow import prepare_database
prepare_database()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.pool import Pool
from airflow.settings import Session
bag = DagBag("dags")
def task(t):
    return {"down": sorted(t.downstream_task_ids), "pool": t.pool, "mapped": t.is_mapped,
            "type": t.operator_name if t.is_mapped else t.task_type,
            "rule": str(getattr(t.trigger_rule, "value", t.trigger_rule)),
            "outlets": [o.name for o in t.outlets or []], "retries": t.retries}
def watchers(d):
    assets = d.timetable.asset_condition.objects if d.dag_id == "webhooks" else []
    return [[a.name, w.name, w.trigger.serialize()] for a in assets for w in a.watchers]
def dag(d):
    return {"tasks": {t.task_id: task(t) for t in d.tasks}, "max_active_runs": d.max_active_runs,
            "catchup": d.catchup, "schedule": type(d.timetable).__name__,
            "params": list(d.params), "choices": {
                n: d.params.get_param(n).schema["examples"] for n in d.params
                if "examples" in d.params.get_param(n).schema},
            "watchers": watchers(d),
            "tells": d.has_on_failure_callback and d.has_on_success_callback}
with Session() as session:
    pools = {p.pool: p.slots for p in session.query(Pool)}
print("RESULT " + json.dumps({"errors": bag.import_errors, "pools": pools,
                              "dags": {n: dag(d) for n, d in bag.dags.items()}}))
"""

SOURCES = """
sources:
  - {name: code, type: github, owner: acme, secret: CODE_TOKEN, repositories: [{name: acme/site}],
     sync_frequency_minutes: 15, webhook_secret: CODE_WEBHOOK_SECRET}
  - {name: paused, type: linear, owner: acme, secret: LINEAR_API_KEY, teams: [ENG],
     sync_enabled: false}
notifications: {webhook: OPS_WEBHOOK}
"""


def in_airflow(settings: Settings, code: str, **variables: str) -> Any:
    """Run code in a process with Airflow's settings in place; what follows RESULT, decoded."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(settings) | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert lines, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(lines[-1].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("dags")
    sources = data / "sources.yml"
    sources.write_text(SOURCES)
    return in_airflow(Settings(data, sources), READ_DAGS)


def test_dag_files_import_without_errors_and_give_one_dag_per_source(read: Any) -> None:
    assert read["errors"] == {}
    assert sorted(read["dags"]) == [
        "ingest_code",
        "ingest_paused",
        "maintain",
        "notify",
        "replay",
        "transform",
        "webhooks",
    ]


def test_webhooks_follow_the_inbox_and_start_transform_by_the_assets_of_their_sources(
    read: Any,
) -> None:
    found = read["dags"]["webhooks"]
    assert found["watchers"] == [
        ["webhooks", "inbox", ["include.airflow_watch.DeliveriesTrigger", {}]]
    ]
    assert {name: (task["down"], task["rule"]) for name, task in found["tasks"].items()} == {
        "follow": (["verify"], "all_success"),
        "verify": ([], "all_done"),
    }
    assert found["tasks"]["follow"]["outlets"] == ["raw_code"]
    assert found["tasks"]["follow"]["retries"] == 0


def test_ingest_runs_prepare_extract_load_verify(read: Any) -> None:
    tasks = read["dags"]["ingest_code"]["tasks"]
    assert {name: task["down"] for name, task in tasks.items()} == {
        "prepare": ["extract", "verify"],
        "extract": ["load"],
        "load": ["verify"],
        "verify": [],
    }
    assert {name: task["pool"] for name, task in tasks.items()} == {
        "prepare": "warehouse",
        "extract": "api_code",
        "load": "warehouse",
        "verify": "default_pool",
    }
    assert [name for name, task in tasks.items() if task["mapped"]] == ["extract"]
    assert {name: task["rule"] for name, task in tasks.items()} == {
        "prepare": "all_success",
        "extract": "all_success",
        "load": "all_done",
        "verify": "all_done",
    }
    assert tasks["load"]["outlets"] == ["loaded_code"]


def test_ingest_has_data_intervals_and_a_trigger_form(read: Any) -> None:
    dag = read["dags"]["ingest_code"]
    assert dag["schedule"] == "DeltaDataIntervalTimetable"
    assert dag["catchup"] is False
    assert dag["params"] == [
        "mode",
        "window_start",
        "window_end",
        "containers",
        "resources",
        "confirm_deletions",
    ]
    assert dag["choices"] == {
        "containers": ["acme", "acme/site"],
        "resources": list(SOURCES_OF["github"].resources),
    }


def test_a_disabled_source_keeps_its_dag_without_a_schedule(read: Any) -> None:
    assert read["dags"]["ingest_paused"]["schedule"] == "NullTimetable"


def test_transform_follows_any_raw_asset_one_run_at_a_time(read: Any) -> None:
    dag = read["dags"]["transform"]
    assert dag["schedule"] == "AssetTriggeredTimetable"
    assert dag["max_active_runs"] == 1
    assert {name: task["down"] for name, task in dag["tasks"].items()} == {
        "build": ["publish"],
        "publish": ["docs"],
        "docs": [],
    }
    assert {task["pool"] for task in dag["tasks"].values()} == {"warehouse"}


def test_maintain_archives_backs_up_and_asks_a_person_about_mass_deletions(read: Any) -> None:
    dag = read["dags"]["maintain"]
    tasks = dag["tasks"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == (
        "CronTriggerTimetable",
        False,
        1,
    )
    assert {name: task["down"] for name, task in tasks.items()} == {
        "find_interrupted": ["archive", "reconcile", "verify"],
        "archive": ["back_up", "verify"],
        "back_up": ["verify"],
        "reconcile": ["ask", "verify"],
        "ask": ["confirm", "to_forms"],
        "to_forms": ["decide"],
        "decide": ["confirm"],
        "confirm": ["verify"],
        "verify": [],
    }
    assert [name for name, task in tasks.items() if task["mapped"]] == ["reconcile", "decide"]
    assert tasks["decide"]["type"] == "HITLOperator"
    assert {name: task["pool"] for name, task in tasks.items() if "warehouse" in task["pool"]} == {
        "find_interrupted": "warehouse",
        "archive": "warehouse",
        "back_up": "warehouse",
    }
    assert {name: task["rule"] for name, task in tasks.items()} == {
        "find_interrupted": "all_success",
        "archive": "all_done",
        "back_up": "all_done",
        "reconcile": "all_success",
        "ask": "all_done",
        "to_forms": "all_success",
        "decide": "all_success",
        "confirm": "all_success",
        "verify": "none_failed",
    }


def test_replay_is_run_by_hand_and_offers_the_ids_of_errors(read: Any) -> None:
    dag = read["dags"]["replay"]
    assert (dag["schedule"], dag["max_active_runs"], dag["params"]) == (
        "NullTimetable",
        1,
        ["error_ids"],
    )
    assert sorted(dag["tasks"]["replay_errors"]["outlets"]) == ["raw_code", "raw_paused"]


def test_runs_that_fail_or_succeed_are_told_where_somebody_is_to_be(read: Any) -> None:
    assert {name for name, dag in read["dags"].items() if not dag["tells"]} == {"notify"}
    assert read["dags"]["notify"]["max_active_runs"] == 1


def test_every_pool_that_a_task_names_exists(read: Any) -> None:
    named = {task["pool"] for dag in read["dags"].values() for task in dag["tasks"].values()}
    assert named <= set(read["pools"])
    assert read["pools"]["warehouse"] == 1


def test_a_mistake_in_sources_yml_is_an_import_error_that_names_its_line(tmp_path: Path) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text("sources:\n  - {name: code, type: github, owner: acme, secret: TOKEN}\n")
    code = (
        "import json\nfrom airflow.utils.db import initdb\ninitdb()\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "print('RESULT ' + json.dumps(DagBag('dags').import_errors))"
    )
    errors = in_airflow(Settings(tmp_path / "data", sources), code)
    assert sorted(Path(name).name for name in errors) == [
        "ingest.py",
        "maintain.py",
        "notify.py",
        "replay.py",
        "transform.py",
        "webhooks.py",
    ]
    assert all(
        f"{sources}:2: sources.0.repositories: Field required" in error
        and "add repositories" in error
        for error in errors.values()
    )


# A person looks for what waits for an answer, over Airflow's API, while the DAGs run.
RUN_WITH_A_PERSON = """
import json, threading
from include.airflow import prepare_database, test_dags
prepare_database()
from airflow.api_fastapi.app import create_app
from starlette.testclient import TestClient
client = TestClient(create_app(apps="core"))
known = {"username": "ada", "password": "open sesame"}
token = client.post("/auth/token", json=known).json()["access_token"]
client.headers["Authorization"] = "Bearer " + token
seen, ended = [], threading.Event()
def answer():
    while not seen and not ended.wait(0.2):
        everything = "/api/v2/dags/~/dagRuns/~/hitlDetails"
        for asked in client.get(everything).json()["hitl_details"]:
            ti = asked["task_instance"]
            where = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}"
            said = {"chosen_options": ["Confirm the deletions"]}
            done = client.patch(where.format(**ti) + "/hitlDetails", json=said)
            by = done.json()["responded_by"]["name"]
            seen.append([asked["subject"], asked["body"], done.status_code, by])
person = threading.Thread(target=answer)
person.start()
try:
    test_dags(["maintain", "replay"])
finally:
    ended.set()
    person.join()
print("RESULT " + json.dumps(seen))
"""


def test_maintain_asks_a_person_and_maintain_and_replay_do_their_work(
    sandbox_of: Any, install: Any, tmp_path: Path
) -> None:
    installation = install(sandbox_of(gauge(issues=[issue(n, n) for n in range(1, 101)])))
    settings = installation.settings
    installation.sandbox.faults.add(
        Fault(kind="remove", key="updated_at", path="/issues$", times=None)
    )
    installation.sync()
    installation.sandbox.faults.clear()
    for number in range(1, 61):
        installation.sandbox.workspace.github(REPO).delete_issue(number)
    dead = settings.store.ledger.start(
        "github", "github", REPO, mode="full", resources=["issues"], trigger=Trigger()
    )
    with warehouse.writer(settings) as db:
        pipeline.load_ledger(settings.store, db, settings.source_rows())
    steps.dbt(settings, "run", "--select", "+raw_event_errors")
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"ada": "open sesame"}))
    ((subject, body, status, by),) = in_airflow(
        settings,
        RUN_WITH_A_PERSON,
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="ada:op",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
    )
    assert (subject, status, by) == (f"github: {REPO}", 200, "ada")
    assert f" objects of {REPO} are missing" in body
    gone = "select count(*) from raw_github.issues where operation = 'delete'"
    assert installation.column(gone) == [60]
    assert installation.query(
        "select event from raw_headwater.sync_events where sync_id = $id order by occurred_at",
        id=dead.sync_id,
    ) == [("started",), ("interrupted",)]
    (made,) = backup.listed(settings)
    assert (settings.backups_folder / made.name / backup.FILE).stat().st_size == made.bytes
    assert {(e["status"], e["replay_count"]) for e in errors.listed(settings, everything=True)} == {
        ("resolved", 1)
    }
    assert installation.query(
        "select details ->> '$.dag_id', details ->> '$.mode', details ->> '$.try_number'"
        " from raw_headwater.sync_events where event = 'started' order by occurred_at"
    )[2:] == [
        ("maintain", "reconcile", "1"),
        ("maintain", "reconcile", "1"),
        ("replay", "full", "1"),
    ]
    (done_by,) = set(installation.column("select done_by from raw_headwater.error_events"))
    assert done_by.startswith("replay manual__")


OPTIONS = """
import json
from types import SimpleNamespace
import msgspec
import pendulum
from include.airflow import run_options
interval = pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 1, 2)
def options(run_type, mode, start=None, end=None):
    form = {"mode": mode, "window_start": start, "window_end": end, "resources": ["issues"],
            "confirm_deletions": False}
    task = SimpleNamespace(dag_id="ingest_code", try_number=1, log_url="")
    found = run_options({"params": form, "ti": task, "data_interval_start": interval[0],
                         "data_interval_end": interval[1],
                         "dag_run": SimpleNamespace(run_type=run_type, run_id="1")})
    # As the ledger writes it.
    return msgspec.json.decode(msgspec.json.encode(found))
print("RESULT " + json.dumps([
    options("backfill", "incremental"),
    options("scheduled", "incremental"),
    options("manual", "window", "2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"),
    options("manual", "incremental", "2026-03-01T00:00:00", "2026-03-02T02:00:00+02:00"),
    options("manual", "full"),
]))
"""


def test_a_run_reads_as_far_as_its_type_or_form_says(tmp_path: Path) -> None:
    def options(mode: str, start: str | None = None, end: str | None = None) -> dict[str, Any]:
        window = {"mode": mode, "start": start, "end": end}
        return {**window, "resources": ["issues"], "confirm_deletions": False}

    assert in_airflow(Settings(tmp_path), OPTIONS) == [
        options("window", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        options("incremental"),
        options("window", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        options("window", "2026-03-01T00:00:00Z", "2026-03-02T02:00:00+02:00"),
        options("full"),
    ]


def test_a_savepoint_in_airflows_database_can_write_whoever_wrote_before(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/airflow.db", connect_args=CONNECT_ARGS)
    with engine.begin() as db:
        db.exec_driver_sql("pragma journal_mode = wal")
        db.exec_driver_sql("create table runs (number int)")

    def write(number: int) -> None:
        with engine.begin() as other:
            other.exec_driver_sql(f"insert into runs values ({number})")

    with engine.connect() as db, ThreadPoolExecutor() as others:
        with db.begin_nested():
            assert db.exec_driver_sql("select count(*) from runs").scalar() == 0
            waits = others.submit(write, 2)
            db.exec_driver_sql("insert into runs values (1)")
        # What is nested in a transaction is seen when that ends, and not before.
        with closing(sqlite3.connect(tmp_path / "airflow.db")) as reader:
            assert reader.execute("select count(*) from runs").fetchone() == (0,)
        db.commit()
        waits.result()
        assert db.exec_driver_sql("select number from runs").fetchall() == [(1,), (2,)]


def test_airflow_keeps_everything_below_the_data_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(tmp_path / "data", tmp_path / "sources.yml")
    settings.sources_file.write_text(SOURCES)
    variables = environment(settings) | {"HOME": str(home)}
    code = "from include.airflow import prepare_database; prepare_database()"
    subprocess.run([sys.executable, "-c", code], env=variables, cwd=ROOT, check=True)
    assert list(home.rglob("*")) == []
    assert (settings.data / "airflow" / "airflow.db").exists()
