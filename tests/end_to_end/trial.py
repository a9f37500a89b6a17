"""A scenario's installation, and its end: the marts of an undisturbed run, a true history."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from unittest.mock import patch

import duckdb

from dlt_pipelines.exceptions import HeadwaterError
from include import steps, warehouse
from include.sandbox import Sandbox, Workspace
from include.settings import Settings
from tests.dbt_project.conftest import run_dbt
from tests.end_to_end.history import Diary, lies
from tests.installation import QUICK, Installation
from tests.processes import Command
from tests.workspaces import whole

MOST_SYNCS = 25
ALREADY_RUNNING = "another sync of this container is running"
Marts = dict[str, list[tuple[Any, ...]]]

# The account of the syncs themselves; `history` compares it with what is known of them.
ACCOUNTS = ("ops.sync_history", "ops.sync_logs", "ops.sync_state")
# When we saw something, and which of our loads brought it, is not the same in any two runs.
OURS = (
    *("observed_at", "loaded_at", "_dlt_load_id", "last_load_id"),
    *("first_seen_at", "last_seen_at", "last_synced_at", "last_succeeded_at", "first_used_at"),
    *("age_days", "age_group"),  # As of when we last looked.
)

# That a load failed stays told after a later one has mended it.
UNMENDED = "where not (stage = 'load' and status = 'resolved')"


def marts(published: Path, *, without: tuple[str, ...] = (), may_mend: bool = False) -> Marts:
    """Every row of every published table, but for what is of this run alone.

    Where loads may fail, without the errors of those that a later one mended.
    """
    with duckdb.connect(str(published), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        tables = db.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by all"
        ).fetchall()
        # A listing's row is as old as our first look at it.
        listed = (*OURS, "occurred_at")
        return {
            table: db.execute(
                f"select columns(c -> c not in {ours}) from {table} {kept} order by all"
            ).fetchall()
            for (table,) in tables
            if table not in (*ACCOUNTS, *without)
            for ours in [listed if table.startswith("staging.") else OURS]
            for kept in [UNMENDED if may_mend and table == "ops.raw_event_errors" else ""]
        }


@dataclass(frozen=True)
class Calm:
    """What a run leaves that nothing disturbed: after its sync, and after all of it."""

    synced: Path
    built: Path
    raw: dict[str, set[str]]
    marts: Marts
    requests: int


@dataclass
class Stage:
    """What the scenarios of a process share: a warehouse whose models were built of no rows."""

    folder: Path
    prepared: Path
    _kept: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, make: Callable[[Path], Any]) -> Any:
        """What is made once for all scenarios, in a folder of its own."""
        if key not in self._kept:
            self._kept[key] = make(Path(mkdtemp(dir=self.folder)))
        return self._kept[key]

    @property
    def empty(self) -> Path:
        def make(folder: Path) -> Path:
            data = shutil.copytree(self.prepared, folder / "data")
            self.transform(Settings(data, secret_lookup=lambda _: None))
            return data

        return self.once("empty", make)

    def calm(self, name: str) -> Calm:
        """The undisturbed run of all that the demo has at a provider."""
        return self.once(name, lambda folder: self.run_calmly(folder, name, whole(name)))

    def run_calmly(self, folder: Path, name: str, workspace: Workspace) -> Calm:
        """A run that nothing disturbs."""
        with Sandbox(workspace) as sandbox:
            data = shutil.copytree(self.empty, folder / "data")
            installation = Installation.beside(sandbox, data)
            installation.sync(name)
            raw, requests = installation.raw(), len(sandbox.requests)
        synced = shutil.copytree(data, folder / "synced")
        self.transform(installation.settings)
        steps.publish(installation.settings)
        published = marts(installation.settings.published)
        assert [table for table in raw if f"_{name}." in table and not raw[table]] == []
        assert len(published["core.documents"]) > 50
        return Calm(synced, data, raw, published, requests)

    def transform(self, settings: Settings) -> None:
        """`steps.transform`, its dbt in this process: to start one takes as long as the build."""

        def dbt(settings: Settings, *arguments: str, say: Any = None) -> None:
            where = {"HEADWATER_DATA": str(settings.data)}
            with warehouse.writer_lock(settings), patch.dict(os.environ, where):
                run_dbt(self.folder / "dbt", settings.warehouse, *arguments, "--threads", "1")

        with patch.object(steps, "dbt", dbt):
            steps.transform(settings)


@dataclass
class Trial:
    """An installation that is to be disturbed, and what is known of its syncs."""

    stage: Stage
    name: str
    chosen: random.Random
    installation: Installation
    folder: Path
    is_fresh: bool = True
    may_mend: bool = False
    commands: list[Command] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    diary: Diary = field(default_factory=Diary)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    @property
    def sandbox(self) -> Sandbox:
        return self.installation.sandbox

    def sync(self, **options: Any) -> list[HeadwaterError]:
        """Sync in this process; returns the failures."""
        ended, failures = steps.sync(self.settings, self.name, **options)
        self.diary.ended |= {row["sync_id"] for row in ended}
        self.diary.failed.update(str(error) for error in failures)
        return failures

    def sync_until_good(self) -> None:
        """Sync until nothing fails, and once more: what a refusal left out is read then."""
        for _ in range(MOST_SYNCS):
            if not self.sync():
                break
        else:
            raise AssertionError(f"still failing after {MOST_SYNCS} syncs")
        self.sandbox.faults.clear()
        assert self.sync() == []

    def command(self, *arguments: str) -> Command:
        self.commands.append(Command.start(self.settings, self.folder, *arguments))
        return self.commands[-1]

    def note(self, command: Command) -> None:
        """What a command that ended by itself said of its syncs."""
        assert "Traceback" not in command.complained, command.complained[-3000:]
        self.diary.ended |= {row["sync_id"] for row in command.printed}
        self.diary.failed.update(e for e in command.errors if ALREADY_RUNNING not in e)

    def note_left_behind(self) -> None:
        """What a process that was killed had written of its syncs."""
        known = self.installation.query(
            "select sync_id, event, coalesce(details ->> 'error_message', '')"
            " from raw_headwater.sync_events order by occurred_at"
        )
        self.diary.read_left_behind(self.settings.store.ledger, known)

    def build(self) -> None:
        """Transform and publish."""
        self.stage.transform(self.settings)
        steps.publish(self.settings)

    def must_be_like(self, calm: Marts, *, without: tuple[str, ...] = ()) -> None:
        """The end of every scenario: the same marts, and a true history."""
        found = marts(self.settings.published, may_mend=self.may_mend)
        different = [
            f"{table}: more {_some(rows, calm.get(table, []))}, less {_some(calm[table], rows)}"
            for table, rows in found.items()
            if table not in without and rows != calm.get(table)
        ]
        different += [f"{table} is missing" for table in calm.keys() - found.keys()]
        self.told["marts"] = not different
        # What a shared folder was synced with was asked of another sandbox.
        requests = len(self.sandbox.requests) if self.is_fresh else None
        told = lies(self.settings.warehouse, self.diary, self.name, requests)
        self.told["history"] = not told
        assert different == [], different
        assert told == [], told
        assert self.settings.store.ledger.files() == []
        assert [p.name for p in self.settings.published.parent.iterdir()] == ["headwater.duckdb"]

    def must_be_undisturbed(self) -> None:
        """The same raw events, none of them twice, and then the same marts."""
        calm = self.stage.calm(self.name)
        self.build()  # Waits for whoever still writes.
        more = assert_same_events(self.installation, calm.raw)
        self.must_be_like(calm.marts, without=("ops.raw_event_errors",) if more else ())


def assert_same_events(installation: Installation, calm: dict[str, set[str]]) -> set[str]:
    """Returns the tables that have more: of a page that was read in part, and then whole."""
    # What was not there when it was asked for is put aside, and said.
    aside = installation.query(
        "select source_type, resource, error_code from raw_headwater.dead_letters"
    )
    assert {code for _, _, code in aside} <= {"NotFoundError"}
    in_part = {f"raw_{source}.{resource}" for source, resource, _ in aside}
    raw = installation.raw()
    assert {table: calm[table] - rows for table, rows in raw.items()} == {
        table: set() for table in calm
    }
    more = {table for table, rows in raw.items() if rows > calm[table]}
    assert more <= in_part & {"raw_notion.pages", "raw_notion.page_contents"}
    assert installation.twice() == []
    return {table for table, _, _ in aside}


@contextmanager
def beginning(
    stage: Stage,
    name: str,
    chosen: random.Random,
    *,
    base: Path | None = None,
    workspace: Workspace | None = None,
    folder: Path | None = None,
) -> Iterator[Trial]:
    """An installation beside all that the demo has at a provider, with a folder of its own."""
    with TemporaryDirectory() as own, Sandbox(workspace or whole(name)) as sandbox:
        data = shutil.copytree(base or stage.empty, (folder or Path(own)) / "data")
        installation = Installation.beside(sandbox, data, retry=QUICK)
        trial = Trial(stage, name, chosen, installation, Path(own), is_fresh=base is None)
        try:
            yield trial
        finally:
            for command in trial.commands:
                command.end()


def _some(rows: list[Any], others: list[Any]) -> list[Any]:
    known = set(map(str, others))
    return [row for row in rows if str(row) not in known][:3]
