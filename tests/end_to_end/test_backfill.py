"""A backfill as an operator starts it: in Airflow's UI, with a browser, while everything runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from include.airflow_env import environment
from include.settings import ROOT, SANDBOX_TOKEN
from tests.browser import CHROMIUM, Page, browser
from tests.installation import Installation
from tests.workspaces import REPO, START, gauge, issue

DAY = timedelta(days=1)
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


@dataclass
class Airflow:
    """A whole Airflow: scheduler, LocalExecutor, DAG processor, triggerer, API server."""

    url: str
    password: str
    variables: dict[str, str]
    client: httpx.Client

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        answer = self.client.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100})
        return answer.raise_for_status().json()["dag_runs"]

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
            airflow = Airflow(str(client.base_url).rstrip("/"), password, variables, client)
            until(lambda: "ingest_ui" in client.get("/api/v2/dags").text, "the DAGs")
            yield airflow
        finally:
            process.terminate()
            process.wait()
