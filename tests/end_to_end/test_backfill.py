"""Backfills as operators start them while all of Airflow runs: in the UI, by its API, by CLI."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from include.airflow_env import environment
from include.sandbox import Sandbox
from include.settings import ROOT, SANDBOX_TOKEN
from tests.browser import CHROMIUM, Page, browser
from tests.installation import Installation
from tests.workspaces import REPO, START, gauge, issue

PATIENCE_SECONDS = 900
SOURCES = """
sources:
- &daily
  name: ui
  type: github
  owner: tidewater-labs
  organization: []
  secret: GITHUB_TOKEN
  base_url: {url}/github
  sync_frequency_minutes: 1440
  repositories: [{{name: tidewater-labs/gauge, content_types: [issues, labels]}}]
- {{<<: *daily, name: api}}
- {{<<: *daily, name: cli}}
"""
ESCAPE, ENTER = ("Escape", 27), ("Enter", 13)


@dataclass
class Airflow:
    """A whole Airflow: scheduler, LocalExecutor, DAG processor, triggerer, API server."""

    url: str
    password: str
    variables: dict[str, str]
    client: httpx.Client
    process: subprocess.Popen[bytes]
    log: Path

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All, the earliest interval first."""
        asked = {"limit": 100, "order_by": "run_after"}
        answer = self.client.get(f"/api/v2/dags/{dag_id}/dagRuns", params=asked)
        runs: list[dict[str, Any]] = answer.raise_for_status().json()["dag_runs"]
        return runs

    def unpause(self, dag_id: str) -> None:
        answer = self.client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False})
        answer.raise_for_status()

    @staticmethod
    def interval(run: dict[str, Any]) -> tuple[datetime, datetime]:
        return (
            datetime.fromisoformat(run["data_interval_start"]),
            datetime.fromisoformat(run["data_interval_end"]),
        )

    def ended(self, dag_id: str, run_type: str) -> list[dict[str, Any]]:
        """The runs of a type, if none of them is still to end."""
        found = [run for run in self.runs(dag_id) if run["run_type"] == run_type]
        return [] if {run["state"] for run in found} & {"queued", "running"} else found


def until(find: Any, what: str) -> Any:
    """What is found, once something is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := find()):
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.5)
    return found


@contextmanager
def running_airflow(installation: Installation) -> Iterator[Airflow]:
    """`headwater up`, with every DAG paused until somebody wants it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = installation.settings
    home = settings.data / "airflow"
    own = {
        "HEADWATER_DATA": str(settings.data),
        "HEADWATER_SOURCES": str(settings.sources_file),
        "GITHUB_TOKEN": SANDBOX_TOKEN,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    }
    log = (settings.data / "up.log").open("wb")
    command = [sys.executable, "-m", "include.cli", "up", "--port", str(port)]
    with (
        log,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=log
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):

        def healthy() -> bool:
            assert process.poll() is None, log.name
            try:
                parts = client.get("/api/v2/monitor/health").json()
            except (httpx.TransportError, json.JSONDecodeError):
                return False
            return {part["status"] for part in parts.values()} == {"healthy"}

        try:
            until(healthy, "a healthy Airflow")
            passwords = home / "simple_auth_manager_passwords.json.generated"
            password = json.loads(passwords.read_text())["admin"]
            login = {"username": "admin", "password": password}
            token = client.post("/auth/token", json=login).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            variables = environment(settings, port=port) | own
            url = str(client.base_url).rstrip("/")
            airflow = Airflow(url, password, variables, client, process, Path(log.name))
            until(lambda: "ingest_ui" in client.get("/api/v2/dags").text, "the DAGs")
            yield airflow
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One that has been synced to the tenth day, and then got older issues: two of every day."""
    with Sandbox(gauge(issues=[issue(1, seconds(10))])) as sandbox:
        data = tmp_path_factory.mktemp("backfill")
        installation = Installation.beside(sandbox, data, SOURCES.format(url=sandbox.url))
        installation.sync("ui")
        issues = sandbox.workspace.github(REPO).issues
        for number in range(1, 10):
            issues.upsert(issue(10 * number, seconds(number)))
            issues.upsert(issue(10 * number + 9, seconds(number + 1) - 1))
        yield installation


@pytest.fixture(scope="module")
def airflow(installation: Installation) -> Iterator[Airflow]:
    with running_airflow(installation) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def page(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The UI, after the login."""
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        page.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        page.open(airflow.url)
        page.until("!!document.querySelector('input[name=password]')")
        page.write("document.querySelector('input[name=username]')", "admin")
        page.write("document.querySelector('input[name=password]')", airflow.password)
        page.click("document.querySelector('button[type=submit]')")
        page.until("!!document.querySelector('[data-testid=nav-dags-link]')")
        yield page


def seconds(day: int) -> int:
    """From START to the beginning of a day after it."""
    return day * 86_400


def day(number: int) -> datetime:
    return START + timedelta(days=number)


DIALOG = (
    "[...document.querySelectorAll('[role=dialog]')]"
    ".find(e => e.querySelector('[data-testid=datetime-input]'))"
)


def open_form(page: Page, airflow: Airflow, dag_id: str, kind: str) -> None:
    page.open(f"{airflow.url}/dags/{dag_id}")
    page.click("document.querySelector('[data-testid=trigger-dag-button]')")
    page.click(f"{DIALOG}?.querySelector('input[value={kind}]')?.closest('label')")


def choose_moment(page: Page, number: int, moment: datetime) -> None:
    """In the form's field for a moment, the first being 0."""

    def part(placeholder: str) -> str:
        seen = "e => e.offsetParent && getComputedStyle(e).visibility === 'visible'"
        return f"[...document.querySelectorAll('[placeholder=\"{placeholder}\"]')].find({seen})"

    page.click(f"{DIALOG}.querySelectorAll('[data-testid=datetime-input]')[{number}]")
    page.write(part("YYYY/MM/DD"), f"{moment:%Y/%m/%d}")
    page.write(part("HH:mm"), f"{moment:%H:%M}")
    page.press(*ESCAPE)
    page.until(f"!{part('YYYY/MM/DD')}")


def choose_value(page: Page, parameter: str, value: str) -> None:
    """In a list of the form's parameters."""
    field = f"document.querySelector('[name=element_{parameter}]')"
    around = "e => e.querySelector('[role=combobox]') ?? (e.parentElement && look(e.parentElement))"
    page.run(f"look = {around}")
    page.click(f"look({field})?.parentElement.parentElement")
    page.call("Input.insertText", text=value)
    page.until("document.querySelectorAll('[id^=react-select][role=option]').length === 1")
    page.press(*ENTER)
    page.until(
        f"[...document.querySelectorAll('[name=element_{parameter}]')]"
        f".some(e => e.value === '{value}')"
    )


def press_button(page: Page, text: str) -> None:
    buttons = f"[...{DIALOG}.querySelectorAll('button')]"
    page.click(f"{buttons}.find(e => e.innerText === '{text}' && !e.disabled)")
    page.until(f"!{DIALOG}")


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="headless Chromium is not installed"),
]


def test_one_run_reads_any_range_of_chosen_containers_and_resources(
    installation: Installation, airflow: Airflow, page: Page
) -> None:
    open_form(page, airflow, "ingest_ui", "single")
    choose_value(page, "mode", "window")
    choose_moment(page, 1, day(6))
    choose_moment(page, 2, day(7) + timedelta(hours=12))
    choose_value(page, "containers", REPO)
    choose_value(page, "resources", "issues")
    keep_picture(page, "form")
    press_button(page, "Trigger")
    (run,) = until(lambda: airflow.ended("ingest_ui", "manual"), "the run")
    assert (run["state"], run["conf"]) == (
        "success",
        {
            "mode": "window",
            "window_start": "2026-03-07T00:00:00.000Z",
            "window_end": "2026-03-08T12:00:00.000Z",
            "containers": [REPO],
            "resources": ["issues"],
            "confirm_deletions": False,
        },
    )
    assert installation.column(
        "select external_id from raw_github.issues where origin = 'backfill' order by 1"
    ) == ["I_60", "I_69", "I_70"]
    # Unpaused by the form, the DAG reads what is new, too.
    (live,) = until(lambda: airflow.ended("ingest_ui", "scheduled"), "the live run")
    assert live["state"] == "success"


def test_a_backfill_reads_each_interval_once_and_moves_no_cursor(
    installation: Installation, airflow: Airflow, page: Page
) -> None:
    cursors = installation.cursors("ui", REPO)
    airflow.unpause("transform")
    open_form(page, airflow, "ingest_ui", "backfill")
    choose_moment(page, 0, day(1))
    choose_moment(page, 1, day(4))
    page.write(f"{DIALOG}.querySelector('[name=max_active_runs]')", "2")
    page.until(f"{DIALOG}.innerText.includes('4 runs will be triggered')")
    keep_picture(page, "backfill")
    press_button(page, "Run Backfill")
    runs = until(lambda: airflow.ended("ingest_ui", "backfill"), "the end of the backfill")
    windows = [(day(number), day(number + 1)) for number in range(1, 5)]
    assert [(run["state"], *airflow.interval(run)) for run in runs] == [
        ("success", *window) for window in windows
    ]
    assert runs[1]["start_date"] < runs[0]["end_date"]  # Two at once.

    def published() -> list[tuple[Any, ...]]:
        history = (
            "select window_start, window_end, trigger, dag_id, status, is_complete,"
            " items_processed, cursor_before, cursor_after from ops.sync_history"
            " where connection_id = 'ui' and resource = 'issues' and mode = 'window' order by all"
        )
        file = str(installation.settings.published)
        with suppress(duckdb.Error), duckdb.connect(file, read_only=True) as db:
            db.execute("set timezone = 'UTC'")
            rows = db.execute(history).fetchall()
            return rows if len(rows) == 5 else []
        return []

    told = ("ingest_ui", "completed", True)
    assert until(published, "the history") == [
        *((*window, "backfill", *told, 2, None, None) for window in windows),
        (day(6), day(7) + timedelta(hours=12), "manual", *told, 3, None, None),
    ]
    assert installation.column(
        "select external_id from raw_github.issues where origin = 'backfill' order by occurred_at"
    ) == [f"I_{n}{digit}" for n in (1, 2, 3, 4) for digit in (0, 9)] + ["I_60", "I_69", "I_70"]
    assert installation.twice() == []
    assert installation.cursors("ui", REPO) == cursors
    # One for what came before, and one at most for each that was running when none waited.
    transforms = until(lambda: airflow.ended("transform", "asset_triggered"), "the transforms")
    assert len(transforms) <= 3
    page.open(f"{airflow.url}/dags/ingest_ui/backfills")
    page.until("document.body.innerText.includes('2026-03-02')")
    keep_picture(page, "backfills")


def test_a_backfill_is_also_started_by_the_api_and_by_the_command_line(airflow: Airflow) -> None:
    # Both DAGs are paused, so that their runs stay as they were made.
    asked = {
        "dag_id": "ingest_api",
        "from_date": day(1).isoformat(),
        "to_date": day(2).isoformat(),
        "dag_run_conf": {"containers": [REPO], "resources": ["issues"]},
    }
    airflow.client.post("/api/v2/backfills", json=asked).raise_for_status()
    command = [sys.executable, "-m", "include.cli", "airflow", "backfill", "create"]
    command += ["--dag-id", "ingest_cli"]
    command += ["--from-date", "2026-03-02", "--to-date", "2026-03-03", "--max-active-runs", "2"]
    subprocess.run(command, env=airflow.variables, cwd=ROOT, check=True, capture_output=True)
    for dag_id, conf in (("ingest_api", asked["dag_run_conf"]), ("ingest_cli", {})):
        assert [
            (run["run_type"], *airflow.interval(run), run["conf"]) for run in airflow.runs(dag_id)
        ] == [("backfill", day(number), day(number + 1), conf) for number in (1, 2)]


def test_changes_that_come_at_once_are_all_made(airflow: Airflow) -> None:
    def change(number: int) -> int:
        if number % 2:
            path, asked = "/api/v2/dags/ingest_cli", {"is_paused": True}
            return airflow.client.patch(path, json=asked).status_code
        asked = {"dag_run_id": f"at-once-{number}", "logical_date": None}
        return airflow.client.post("/api/v2/dags/ingest_cli/dagRuns", json=asked).status_code

    server = httpx.URL(airflow.url)
    # Somebody who says nothing more keeps nobody waiting.
    with (
        socket.create_connection((server.host, server.port)) as slow,
        ThreadPoolExecutor(8) as threads,
    ):
        slow.sendall(b"POST /api/v2/pools HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        assert list(threads.map(change, range(60))) == [200] * 60
    assert len([run for run in airflow.runs("ingest_cli") if "at-once" in run["dag_run_id"]]) == 30


def test_what_started_airflow_ends_and_says_why_once_a_part_of_it_has_died(
    airflow: Airflow,
) -> None:
    scheduler = next(
        pid
        for pid in descendants(airflow.process.pid)
        if Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").endswith(b"\0scheduler")
    )
    os.kill(scheduler, signal.SIGKILL)
    assert airflow.process.wait(PATIENCE_SECONDS) == 1
    assert "airflow.scheduler: it ended with exit code -9;" in airflow.log.read_text()
    with pytest.raises(httpx.ConnectError):
        airflow.client.get("/api/v2/monitor/health")


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


def keep_picture(page: Page, name: str) -> None:
    """What the UI shows, where somebody wants to look at it."""
    if folder := os.environ.get("HEADWATER_PICTURES"):
        page.picture(Path(folder) / f"{name}.png")
