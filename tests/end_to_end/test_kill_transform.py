"""`kill -9` while models are built or published, then the same again: the marts of a calm run.

The command runs in a session of its own. It is killed when dbt's log names a finished model, either
alone, which leaves dbt behind as an orphan, or together with dbt.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from include import steps, warehouse
from include.sandbox import Sandbox, Workspace
from include.settings import ROOT, Settings
from tests.installation import Installation

SEED = 20_261_121
TIMEOUT_SECONDS = 120
MODELS = random.Random(SEED).sample(
    [
        "stg_github__issues",
        "stg_github__issue_events",
        "stg_linear__issues",
        "int_notion__rendered_texts",
        "documents",
        "interactions",
    ],
    2,
)
COUNT_DOCUMENTS = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as db:
    print(db.execute("select count(*) from core.documents").fetchone()[0])
"""
Marts = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which every source was synced and nothing built."""
    data = tmp_path_factory.mktemp("synced") / "data"
    with Sandbox(Workspace.demo()) as sandbox:
        installation = Installation.beside(sandbox, data)
        for source in installation.settings.sources:
            installation.sync(source.name)
    return data


@pytest.fixture(scope="module")
def built(synced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a build and a publish that nobody killed."""
    settings = settings_in(shutil.copytree(synced, tmp_path_factory.mktemp("calm") / "data"))
    steps.transform(settings)
    steps.publish(settings)
    return settings.data


@pytest.fixture(scope="module")
def undisturbed(built: Path) -> Marts:
    """The published marts of a run that nobody killed."""
    return marts(settings_in(built).published)


def settings_in(data: Path) -> Settings:
    return Settings(data, data / "sources.yml", secret_lookup=lambda _: None)


def marts(path: Path) -> Marts:
    with duckdb.connect(str(path), read_only=True) as db:
        tables = db.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by all"
        ).fetchall()
        # When the configuration was last seen differs with every run.
        columns = "columns(c -> c <> 'observed_at')"
        return {
            name: db.execute(f"select {columns} from {name} order by all").fetchall()
            for (name,) in tables
        }


def start(settings: Settings, command: str) -> subprocess.Popen[bytes]:
    variables = os.environ | {
        "HEADWATER_DATA": str(settings.data),
        "HEADWATER_SOURCES": str(settings.sources_file),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "include.cli", command],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (log.exists() and text in log.read_text(errors="replace")):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
        assert process.returncode is None, "it ended before it could be killed"
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("with_dbt", "model"),
    [
        pytest.param(True, MODELS[0], id="with dbt"),
        pytest.param(False, MODELS[0], id="leaving dbt behind", marks=pytest.mark.chaos),
        pytest.param(True, MODELS[1], id="with dbt, later", marks=pytest.mark.chaos),
        pytest.param(False, MODELS[1], id="leaving dbt behind, later", marks=pytest.mark.chaos),
    ],
)
def test_a_killed_build_run_again_gives_the_same_marts(
    synced: Path, undisturbed: Marts, tmp_path: Path, model: str, with_dbt: bool
) -> None:
    settings = settings_in(shutil.copytree(synced, tmp_path / "data"))
    process = start(settings, "transform")
    log = settings.data / "dbt" / "logs" / "dbt.log"
    wait_for(process, log, f"Began running node model.headwater.{model}")
    (os.killpg if with_dbt else os.kill)(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    steps.transform(settings)
    steps.publish(settings)
    assert marts(settings.published) == undisturbed


def test_a_killed_publish_leaves_the_old_file_and_no_rubbish(
    built: Path, undisturbed: Marts, tmp_path: Path
) -> None:
    settings = settings_in(shutil.copytree(built, tmp_path / "data"))
    before = settings.published.read_bytes()
    abandoned = settings.published.with_name("headwater.0123abcd.tmp")
    abandoned.write_bytes(before[: len(before) // 2])
    process = start(settings, "publish")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (set(settings.published.parent.glob("*.tmp*")) - {abandoned}):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.001)
        assert process.returncode is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert settings.published.read_bytes() == before
    steps.publish(settings)
    assert marts(settings.published) == undisturbed
    assert [path.name for path in settings.published.parent.iterdir()] == ["headwater.duckdb"]


def test_readers_keep_their_snapshot_while_others_see_the_new_file(
    built: Path, tmp_path: Path
) -> None:
    settings = settings_in(shutil.copytree(built, tmp_path / "data"))
    with duckdb.connect(str(settings.published), read_only=True) as reader:
        before = reader.execute("select count(*) from core.documents").fetchall()
        with warehouse.writer(settings) as db:
            db.execute("delete from core.documents where document_type = 'issue'")
        steps.publish(settings)
        assert reader.execute("select count(*) from core.documents").fetchall() == before
        seen = subprocess.run(
            [
                sys.executable,
                "-c",
                COUNT_DOCUMENTS,
                str(settings.published),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert int(seen) == before[0][0] - 57
