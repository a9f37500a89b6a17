"""The demo: the real DAGs against the sandbox, in a data folder of its own.

Sandbox data never shares a folder with real data: cursors of one would skip rows of the other.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from dlt_pipelines import SOURCES
from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.ledger import slug
from include.airflow_env import environment
from include.sandbox import Sandbox, Workspace
from include.settings import ROOT, Settings

SECRETS: Final = {"github": "GITHUB_TOKEN", "linear": "LINEAR_API_KEY", "notion": "NOTION_TOKEN"}
_TASK: Final = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\w+) map_index=(?P<index>-?\d+)")
_RUN: Final = re.compile(r"<TaskInstance: (?P<dag>\w+)\.")


def demo_settings(workspace: Workspace, path: Path | None, sandbox_url: str) -> Settings:
    """Settings for a workspace: the shipped sources.yml, or one that fits another workspace."""
    data = Settings().data / "demo"
    if path is None:
        return Settings(data, sandbox_url=sandbox_url, secret_lookup=lambda _: None)
    data = data / f"{path.resolve().name}_{slug(str(path.resolve()))[-8:]}"
    data.mkdir(parents=True, exist_ok=True)
    sources = data / "sources.yml"
    sources.write_text(sources_yml(workspace), encoding="utf-8")
    return Settings(data, sources, sandbox_url, secret_lookup=lambda _: None)


def sources_yml(workspace: Workspace) -> str:
    """A sources.yml that syncs everything a workspace holds."""
    entries: list[dict[str, Any]] = [
        {**source, "secret": SECRETS[source["type"]]} for source in workspace.sources()
    ]
    for entry in entries:
        for repository in entry.get("repositories", []):
            served = workspace.github(repository["name"])
            if served.git is None and len(served.commits):
                # Recorded commits come without the git repository that they lie in.
                repository["content_types"] = [
                    name
                    for name, resource in SOURCES["github"].resources.items()
                    if resource.kind == "repository" and name != "commit_files"
                ]
    return yaml.safe_dump({"sources": entries}, sort_keys=False, allow_unicode=True)


def run(path: Path | None, progress: Callable[[str, str], None]) -> Settings:
    """Sync a workspace (default: the shipped one) and build everything; returns where it lies.

    Args:
        path: a workspace folder, or a recorded corpus.
        progress: called with the DAG and the task that starts.

    Raises:
        PermanentError: a DAG failed; names the log.
    """
    workspace = Workspace.load(path) if path else Workspace.demo()
    with Sandbox(workspace) as sandbox:
        settings = demo_settings(workspace, path, sandbox.url)
        dag_ids = [f"ingest_{source.name}" for source in settings.sources] + ["transform"]
        _run_dags(settings, dag_ids, progress)
    return settings


def _run_dags(settings: Settings, dag_ids: list[str], progress: Callable[[str, str], None]) -> None:
    log = settings.data / "airflow" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = environment(settings)
    for name in SECRETS.values():  # A real token at hand must not be sent to the sandbox.
        variables.pop(name, None)
    code = f"from include.airflow import test_dags; test_dags({dag_ids!r})"
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code],
            env=variables,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        progress("airflow", "starting")
        task, reason = "", ""
        for line in process.stdout or ():
            file.write(line)
            if "AirflowFailException: " in line and not reason:
                reason = line.split("AirflowFailException: ", 1)[1].strip()
            if found := _TASK.search(line):
                index = int(found["index"])
                task = found["task"] + (f" {index + 1}" if index >= 0 else "")
            elif task and (found := _RUN.search(line)):
                progress(found["dag"], task)
                task = ""
    if process.returncode:
        raise PermanentError(
            "headwater.demo",
            reason or f"exit code {process.returncode}",
            "every DAG to succeed",
            f"read {os.path.relpath(log)}",
            code="demo_failed",
        )
