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
from collections.abc import Callable
from contextlib import suppress

import pytest

from dlt_pipelines import pipeline
from include.sandbox import Sandbox
from include.settings import ROOT
from tests.installation import Installation
from tests.workspaces import REPO, gauge, issue, label

SEED = 20_261_121
REQUESTS = 14
START_TIMEOUT_SECONDS = 60


def workspace():
    return gauge(issues=[issue(n, n) for n in range(1, 41)], labels=[label(n) for n in range(1, 6)])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, prepared_data):
    """The raw events of a run that nobody killed."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    shutil.copytree(prepared_data, data)
    with Sandbox(workspace()) as sandbox:
        installation = Installation.beside(sandbox, data)
        installation.sync()
        assert len(sandbox.requests) == REQUESTS
        return installation.raw()


def start(installation: Installation) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "HEADWATER_DATA": str(installation.settings.data),
        "HEADWATER_SOURCES": str(installation.settings.sources_file),
        "HEADWATER_SANDBOX_URL": installation.sandbox.url,
    }
    for name in ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "include.cli", "sync"]
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


def reached(installation: Installation, files: str) -> bool:
    """Whether dlt's folder of the repository holds such files."""
    name = pipeline._pipeline_name("github", REPO)
    return any((installation.settings.data / "pipelines" / name).glob(files))


MOMENTS: dict[str, Callable[[Installation], bool]] = {
    **{
        f"request {k}": lambda found, k=k: len(found.sandbox.requests) >= k
        for k in random.Random(SEED).sample(range(1, REQUESTS + 1), 2)
    },
    "extracted": lambda found: reached(found, "normalize/extracted/*"),
    "loading": lambda found: reached(found, "load/normalized/*/started_jobs/*"),
    "committed": lambda found: reached(found, "load/normalized/*/completed_jobs/*"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_sync_run_again_ends_like_one_that_nobody_killed(
    sandbox_of, install, undisturbed, moment
):
    installation = install(sandbox_of(workspace()))
    kill_when(start(installation), lambda: MOMENTS[moment](installation))
    (account,) = installation.settings.store.ledger.files()
    ended = installation.sync()
    assert installation.raw() == undisturbed
    assert installation.settings.store.ledger.files() == []
    story = installation.column(
        "select event from raw_headwater.sync_events"
        " where sync_id = $id and resource is null order by occurred_at",
        id=account.stem,
    )
    assert story in (["started", "interrupted"], ["started", "loaded"])
    if moment.startswith("request"):
        assert story == ["started", "interrupted"]
        assert [done["rows_added"] for done in ended] == [53]
