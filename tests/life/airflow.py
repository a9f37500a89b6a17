"""`headwater up` in a session of its own, and the questions that its REST API answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import httpx

from include.maintenance import CONFIRM
from include.settings import ROOT

USER, PASSWORD = "ada", "open sesame"
Json = dict[str, Any]
# Asked for again after so many seconds; nothing is concluded from time alone.
ASK_EVERY = 1.0


class Airflow:
    """A running Airflow, by its REST API."""

    def __init__(
        self, url: str, process: subprocess.Popen[bytes], variables: dict[str, str]
    ) -> None:
        self.url, self.process, self.variables = url, process, variables
        self._client = httpx.Client(base_url=url, timeout=120)

    def ask(self, method: str, path: str, nothing: int = 404, **options: Any) -> Any:
        """An answer of the API, None for a status; asked again while the server is too busy."""
        for _ in range(60):
            try:
                answer = self._client.request(method, f"/api/v2{path}", **options)
            except httpx.TransportError:
                Event().wait(ASK_EVERY)
                continue
            if answer.status_code == 401:
                self._log_in()
                continue
            if answer.status_code >= 500:
                Event().wait(ASK_EVERY)
                continue
            if answer.status_code == nothing:
                return None
            assert answer.status_code < 400, (method, path, answer.status_code, answer.text[:500])
            return answer.json()
        raise AssertionError(f"Airflow did not answer {method} {path}")

    def runs(self, dag_id: str = "") -> list[Json]:
        """Every run of a DAG, or of all, oldest first."""
        found: list[Json] = []
        only = {"dag_ids": [dag_id]} if dag_id else {}
        while True:
            page = {"page_limit": 100, "page_offset": len(found), "order_by": "id"}
            rows = self.ask("POST", "/dags/~/dagRuns/list", json=page | only)["dag_runs"]
            found += rows
            if len(rows) < 100:
                return found

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """The task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[Json] = self.ask("GET", path, params={"limit": 100})["task_instances"]
        return found

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Start a run by hand; returns its id."""
        body = {"logical_date": None, "conf": conf}
        return str(self.ask("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 1200) -> Json:
        """A run when it has ended; what it asks a person is answered."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}"

        def ended() -> Json | None:
            self.confirm_deletions()
            run: Json = self.ask("GET", path)
            return run if run["state"] in ("success", "failed") else None

        return self.until(ended, f"{dag_id} {run_id} to end", seconds)

    def confirm_deletions(self) -> None:
        """Answer as somebody who knows that so much was deleted."""
        all_runs = "/dags/~/dagRuns/~/hitlDetails"
        asked = self.ask("GET", all_runs, params={"response_received": False})["hitl_details"]
        for question in asked:
            where = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}"
            path = where.format(**question["task_instance"]) + "/hitlDetails"
            self.ask("PATCH", path, json={"chosen_options": [CONFIRM]})

    def wait_for_success(self, dag_id: str, since: datetime, *, live: bool = False) -> Json:
        """A run that began after a moment and succeeded; a live one is a scheduled one."""

        def found() -> Json | None:
            return next(
                (
                    run
                    for run in self.runs(dag_id)
                    if run["state"] == "success"
                    and datetime.fromisoformat(run["start_date"]) > since
                    and (not live or run["run_type"] == "scheduled")
                ),
                None,
            )

        return self.until(found, f"a run of {dag_id} that began after {since} to succeed")

    def wait_until_idle(self, paused: Collection[str]) -> None:
        """No task goes on, and none will: runs of paused DAGs stay as they are."""

        def is_idle() -> bool:
            going_on = [run for run in self.runs() if run["state"] in ("queued", "running")]
            if any(run["dag_id"] not in paused for run in going_on):
                return False
            tasks = [t for run in going_on for t in self.tasks(run["dag_id"], run["dag_run_id"])]
            return all(task["state"] not in ("queued", "running") for task in tasks)

        self.until(is_idle, "every task to end")

    def pause(self, dag_id: str, *, is_paused: bool = True) -> None:
        """Stop or start a DAG's schedule."""
        self.ask("PATCH", f"/dags/{dag_id}", json={"is_paused": is_paused})

    def backfill(self, dag_id: str, start: datetime, end: datetime) -> bool:
        """Backfill a DAG over an interval; False if every run of it is there already."""
        interval = {"from_date": start.isoformat(), "to_date": end.isoformat()}
        body = {"dag_id": dag_id, "max_active_runs": 2, **interval}
        return self.ask("POST", "/backfills", json=body, nothing=422) is not None

    def has_unfinished_backfill(self, dag_id: str) -> bool:
        """Whether a backfill of a DAG goes on; there can be one at a time."""
        page = {"dag_id": dag_id, "limit": 100, "order_by": "-id"}
        found = self.ask("GET", "/backfills", params=page)["backfills"]
        return any(row["completed_at"] is None for row in found)

    def command(self, *arguments: str) -> bool:
        """Run a command of Airflow's; whether it succeeded."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.variables,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def until(self, ask: Callable[[], Any], what: str, seconds: float = 1200) -> Any:
        """Ask until there is an answer."""
        deadline = monotonic() + seconds
        while True:
            assert self.process.poll() is None, "Airflow has ended"
            if answer := ask():
                return answer
            assert monotonic() < deadline, f"waited {seconds} seconds for {what}"
            Event().wait(ASK_EVERY)

    def log_in_when_up(self) -> None:
        """Wait until the API server answers."""

        def up() -> bool:
            try:
                return self._client.get("/api/v2/monitor/health").status_code == 200
            except httpx.TransportError:
                return False

        self.until(up, "Airflow to start", 900)
        self._log_in()

    def _log_in(self) -> None:
        answer = self._client.post("/auth/token", json={"username": USER, "password": PASSWORD})
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@contextmanager
def headwater_up(data: Path, variables: dict[str, str], log: Path) -> Iterator[Airflow]:
    """`headwater up` on free ports; at the end all that it started has ended."""
    from include.airflow_env import environment
    from include.settings import Settings

    port, *others = free_ports(3)
    home = data / "home"
    home.mkdir(parents=True)
    passwords = data / "airflow" / "passwords.json"
    passwords.parent.mkdir(parents=True)
    passwords.write_text(json.dumps({USER: PASSWORD}))
    variables = {
        **os.environ,
        **variables,
        "HOME": str(home),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(others[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(others[1]),
    }
    settings = Settings(data, data / "sources.yml")
    of_airflow = variables | {
        name: value
        for name, value in environment(settings, port=port).items()
        if name.startswith("AIRFLOW") and name not in variables
    }
    command = [sys.executable, "-m", "include.cli", "up", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env=variables,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            airflow = Airflow(f"http://127.0.0.1:{port}", process, of_airflow)
            airflow.log_in_when_up()
            yield airflow
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as a person does, which ends what it started; then whatever is left."""
    below = _descendants(process.pid)
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    for pid in [process.pid, *below]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """What a process has started, and what that has, as of now."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
