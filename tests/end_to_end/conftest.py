"""What several modules of whole runs share: a demo that ran once, on either workspace.

With `HEADWATER_CHAOS_TABLE` set to a path, the scenarios of the fault matrix are written there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from include.settings import ROOT
from tests.end_to_end import chaos_table
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
        """Every mart but the account of the syncs themselves, which grows with each.

        Without what is told as of the last sync: an open issue may be a day older at the second.
        """
        tables = [
            table
            for (table,) in self.published(
                "select schema_name || '.' || table_name from duckdb_tables() order by all"
            )
            if table not in ("ops.sync_history", "ops.sync_logs", "ops.sync_state")
        ]
        of_the_sync = (
            *("observed_at", "last_synced_at", "last_succeeded_at"),
            *("age_days", "age_group"),
        )
        columns = f"columns(c -> c not in {of_the_sync})"
        return {
            table: self.published(f"select {columns} from {table} order by all") for table in tables
        }


def _read(path: Path, query: str) -> Rows:
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        return db.execute(query).fetchall()


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get("HEADWATER_CHAOS_TABLE")
    if path and not hasattr(config, "workerinput"):  # Workers send their reports to one process.
        config.pluginmanager.register(ChaosTable(Path(path)))


@dataclass
class ChaosTable:
    """Keeps the table of scenarios up to date while they end, in whatever order and way."""

    path: Path
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "test_scenario[" not in report.nodeid:
            return
        seed = report.nodeid.partition("[")[2].rstrip("]")
        row = self.rows.setdefault(seed, {"outcome": "unfinished"})
        row |= dict(report.user_properties).get("scenario", {})
        if report.when == "call" or report.outcome != "passed":
            row["outcome"] = report.outcome
        if report.when == "teardown" or report.outcome == "failed":
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(chaos_table.to_markdown(self.rows), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.rows:
            terminalreporter.write_line(f"The table of {len(self.rows)} scenarios: {self.path}")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("corpus"), ("--workspace", str(CORPUS_PATH)))
    demo.run()
    return demo


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Demo, str]:
    demo = Demo(tmp_path_factory.mktemp("shipped"))
    return demo, demo.run()
