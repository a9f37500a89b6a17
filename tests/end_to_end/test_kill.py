"""`kill -9` at any moment, then the same command again: the raw events of an undisturbed run.

The command line runs in a process of its own against a sandbox in this one. It is killed when the
sandbox gets its k-th request, or when a folder of dlt's says how far the load has come.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from dlt_pipelines import pipeline
from include.sandbox import Sandbox
from include.settings import ROOT
from tests.installation import Installation
from tests.workspaces import whole

SEED = 20_261_121
SOURCES = ("github", "linear", "notion")
MOMENTS_IN_READING = 16
START_TIMEOUT_SECONDS = 60
# Of an account that was open when the sync was killed.
ENDS = (["started", "interrupted"], ["started", "loaded"])


@dataclass(frozen=True)
class Undisturbed:
    """What a run leaves that nobody killed, and how many requests it makes."""

    raw: dict[str, set[str]]
    requests: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, prepared_data):
    @cache
    def of(name: str) -> Undisturbed:
        data = tmp_path_factory.mktemp("undisturbed") / "data"
        shutil.copytree(prepared_data, data)
        with Sandbox(whole(name)) as sandbox:
            installation = Installation.beside(sandbox, data)
            installation.sync(name)
            return Undisturbed(installation.raw(), len(sandbox.requests))

    return of


def start(installation: Installation, name: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "HEADWATER_DATA": str(installation.settings.data),
        "HEADWATER_SOURCES": str(installation.settings.sources_file),
        "HEADWATER_SANDBOX_URL": installation.sandbox.url,
    }
    for secret in ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN"):
        environment.pop(secret, None)
    command = [sys.executable, "-m", "include.cli", "sync", name]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    """Kill the process the moment a condition holds, which it must before the process ends."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not is_time():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)
        assert process.returncode is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()


def reached(installation: Installation, name: str, files: str) -> bool:
    """Whether dlt's folder of any container of a source holds such files."""
    pipelines = installation.settings.data / "pipelines"
    containers = installation.settings.source(name).containers
    return any(
        any((pipelines / pipeline._pipeline_name(name, container.name)).glob(files))
        for container in containers
    )


# How far reading has come, from the first request to the last; then the stages of loading.
_RANDOM = random.Random(SEED)
READING = sorted(round(_RANDOM.uniform(0, 1), 3) for _ in range(MOMENTS_IN_READING))
LOADING = {
    "extracted": "normalize/extracted/*",
    "normalized": "load/normalized/*",
    "loading": "load/normalized/*/started_jobs/*",
    "committed": "load/normalized/*/completed_jobs/*",
}


def moments() -> Iterator[Any]:
    """All for each source; `make test` reads each in part, and shares out the stages of loading."""
    for turn, name in enumerate(SOURCES):
        for number, moment in enumerate([*READING, *LOADING]):
            in_every_run = number in (5 * turn + 2, len(READING) + turn, len(READING) + turn + 3)
            marks = [] if in_every_run else [pytest.mark.chaos]
            yield pytest.param(name, moment, marks=marks)


@pytest.mark.parametrize(("name", "moment"), list(moments()))
def test_a_killed_sync_run_again_ends_like_one_that_nobody_killed(
    sandbox_of, install, undisturbed, name, moment
):
    calm = undisturbed(name)
    installation = install(sandbox_of(whole(name)))
    requests = installation.sandbox.requests

    def is_time() -> bool:
        if isinstance(moment, str):
            return reached(installation, name, LOADING[moment])
        return len(requests) >= max(1, round(moment * calm.requests))

    kill_when(start(installation, name), is_time)
    ledger = installation.settings.store.ledger
    accounts = {path.stem for path in ledger.files()}
    installation.sync(name)
    assert installation.raw() == calm.raw
    assert ledger.files() == []
    stories = [
        installation.column(
            "select event from raw_headwater.sync_events"
            " where sync_id = $id and resource is null order by occurred_at",
            id=sync_id,
        )
        for sync_id in accounts
    ]
    assert all(story in ENDS for story in stories)
    if not isinstance(moment, str) and moment < 0.9:
        # Killed at the probe of all containers, nothing has started.
        assert stories.count(["started", "interrupted"]) == min(1, len(accounts))
