"""What several modules of whole runs share: a demo that ran once, on either workspace."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from include.settings import ROOT
from tests.include.sandbox.contracts import CORPUS_PATH

Rows = list[tuple[Any, ...]]


@dataclass
class Demo:
    """A data folder on which `headwater demo` runs, with an empty HOME and a real token at hand."""

    folder: Path
    arguments: tuple[str, ...] = ()

    def run(self) -> str:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        variables = os.environ | {
            "HEADWATER_DATA": str(self.folder / "data"),
            "HOME": str(home),
            "GITHUB_TOKEN": "must-not-be-used",
        }
        done = subprocess.run(
            [sys.executable, "-m", "include.cli", "demo", *self.arguments],
            env=variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def data(self) -> Path:
        return next((self.folder / "data").rglob("warehouse.duckdb")).parent

    def published(self, query: str) -> Rows:
        return _read(self.data / "published" / "headwater.duckdb", query)

    def warehouse(self, query: str) -> Rows:
        return _read(self.data / "warehouse.duckdb", query)

    def raw_events(self) -> dict[str, Rows]:
        tables = self.warehouse(
            "select table_schema || '.' || table_name from information_schema.columns"
            " where column_name = 'event_id' and table_schema in"
            " ('raw_github', 'raw_linear', 'raw_notion') order by all"
        )
        return {
            table: self.warehouse(f"select event_id, sync_id from {table} order by all")
            for (table,) in tables
        }

    def marts(self) -> dict[str, Rows]:
        """Every mart but the account of the syncs themselves, which grows with each."""
        tables = [
            table
            for (table,) in self.published(
                "select schema_name || '.' || table_name from duckdb_tables() order by all"
            )
            if table not in ("ops.sync_history", "ops.sync_logs", "ops.sync_state")
        ]
        volatile = "columns(c -> c not in ('observed_at', 'last_synced_at', 'last_succeeded_at'))"
        return {
            table: self.published(f"select {volatile} from {table} order by all")
            for table in tables
        }


def _read(path: Path, query: str) -> Rows:
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        return db.execute(query).fetchall()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("corpus"), ("--workspace", str(CORPUS_PATH)))
    demo.run()
    return demo


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, str]:
    demo = Demo(tmp_path_factory.mktemp("shipped"))
    return demo, demo.run()
