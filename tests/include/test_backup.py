"""Backups: exact, checked, rotated; a destroyed warehouse comes back and loses nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from dlt_pipelines.exceptions import PermanentError, TransientError
from include import backup, cli, durable, steps, warehouse
from include.sandbox import Sandbox, Workspace
from include.sources_file import ConfigError
from tests.installation import Installation
from tests.workspaces import (
    REPO,
    below,
    everything,
    gauge,
    issue,
    issue_comment,
    label,
    linear_issue,
    linear_label,
    milestone,
    page,
    paragraph,
    pull_request,
)

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
SOURCES = ("github", "linear", "notion")
# What tells of the run that read a row, and not of what was read.
OF_THE_RUN = (
    "_dlt_load_id",
    "last_load_id",
    "loaded_at",
    "first_seen_at",
    "last_seen_at",
    "observed_at",
    "sync_id",
)


@pytest.fixture(scope="module")
def synced_data(tmp_path_factory):
    """The data folder after a first sync of `gauge()`: made once, copied by tests."""
    data = tmp_path_factory.mktemp("synced") / "data"
    with Sandbox(gauge()) as sandbox:
        Installation.beside(sandbox, data).sync()
    return data


@pytest.fixture
def synced(sandbox_of, synced_data, tmp_path):
    """An installation that has synced `gauge()` once."""
    shutil.copytree(synced_data, tmp_path / "data")
    return Installation.beside(sandbox_of(gauge()), tmp_path / "data")


def sync_all(installation: Installation) -> None:
    for name in SOURCES:
        installation.sync(name)


def core_marts(installation: Installation) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(installation.settings.warehouse)) as db:
        db.execute("set timezone = 'UTC'")
        tables = db.execute(
            "select table_name from duckdb_tables() where schema_name = 'core' order by all"
        ).fetchall()
        columns = f"columns(c -> c not in {OF_THE_RUN})"
        return {
            name: db.execute(f"select {columns} from core.{name} order by all").fetchall()
            for (name,) in tables
        }


def build(installation: Installation) -> None:
    """The marts that everything flows into."""
    options = ("--exclude-resource-types", "test", "unit_test", "--select")
    steps.dbt(installation.settings, "build", *options, "+documents", "+interactions")


def change_everything(workspace: Workspace) -> None:
    repository = workspace.github(REPO)
    repository.issues.upsert(issue(1, 5_000, title="Renamed"))
    repository.issues.upsert(issue(20, 5_100))
    repository.issue_comments.upsert(issue_comment(21, 5_200))
    repository.pull_requests.upsert(pull_request(22, 5_300))
    repository.labels.upsert(label(23))
    repository.labels.delete(9)
    repository.milestones.upsert(milestone(10, 5_400, title="Later"))
    workspace.linear.issues.upsert(linear_issue(30, 5_000))
    workspace.linear.labels.upsert(linear_label(31))
    new = page("new", 90)
    workspace.notion.pages.upsert(new)
    workspace.notion.blocks.upsert(paragraph("words", below(new)))


def test_a_destroyed_warehouse_is_restored_and_catches_up_with_one_that_nobody_touched(
    sandbox_of, install
):
    sandbox = sandbox_of(everything())
    undisturbed = install(sandbox, name="undisturbed")
    destroyed = install(sandbox, name="destroyed")
    for installation in (undisturbed, destroyed):
        sync_all(installation)
    build(destroyed)
    made = backup.back_up(destroyed.settings)
    change_everything(sandbox.workspace)
    sync_all(undisturbed)
    sync_all(destroyed)
    sandbox.workspace.github(REPO).issues.upsert(issue(40, 9_000))
    steps.extract(destroyed.settings, "github", REPO)  # A package that waits to be loaded.
    destroyed.settings.warehouse.write_bytes(b"not a database" * 1_000)

    restored, aside = backup.restore(destroyed.settings)

    assert restored == made
    assert (aside / "warehouse.duckdb").read_bytes() == b"not a database" * 1_000
    with pytest.raises(PermanentError):
        steps.verify("github", [REPO], steps.load(destroyed.settings, "github"))
    for installation in (undisturbed, destroyed):
        sync_all(installation)
        build(installation)
    assert destroyed.raw() == undisturbed.raw()
    assert core_marts(destroyed) == core_marts(undisturbed)
    assert destroyed.cursors("github", REPO) == undisturbed.cursors("github", REPO)
    destroyed.sync()
    assert destroyed.raw() == undisturbed.raw()


def test_a_backup_is_the_file_byte_by_byte_with_its_checksum(synced):
    settings = synced.settings
    made = backup.back_up(settings, NOW)
    copy = settings.data / "backups" / "2026-11-21T03-30-00.000Z" / "warehouse.duckdb"
    assert copy.read_bytes() == settings.warehouse.read_bytes()
    with duckdb.connect(str(settings.warehouse)) as db:
        identity = warehouse.warehouse_id(db)
    assert json.loads((copy.parent / "manifest.json").read_text()) == {
        "name": "2026-11-21T03-30-00.000Z",
        "created_at": "2026-11-21T03:30:00Z",
        "warehouse_id": identity,
        "bytes": copy.stat().st_size,
        "sha256": durable.sha256(copy),
        "duckdb_version": duckdb.__version__,
        "archive": [],
    }
    assert backup.listed(settings) == [made]


def test_a_restored_warehouse_has_the_rows_of_the_backup_and_an_identity_of_its_own(synced):
    before, cursors = synced.raw(), synced.cursors("github", REPO)
    backup.back_up(synced.settings)
    was = synced.column("select warehouse_id from main.headwater_warehouse")
    synced.sandbox.workspace.github(REPO).issues.upsert(issue(20, 5_000))
    synced.sync()
    after = synced.raw()
    _, aside = backup.restore(synced.settings)
    assert synced.raw() == before
    assert synced.column("select warehouse_id from main.headwater_warehouse") != was
    assert not (synced.settings.store.pipelines / "visits").exists()
    with warehouse.writer(synced.settings) as db:
        steps.pipeline.restore(
            synced.settings.source_type("github"), "github", [REPO], synced.settings.store, db
        )
    assert synced.cursors("github", REPO) == cursors
    with duckdb.connect(str(aside / "warehouse.duckdb"), read_only=True) as db:
        replaced = db.execute("select event_id from raw_github.issues").fetchall()
    assert {str(row) for row in replaced} == after["raw_github.issues"]


def test_a_damaged_backup_is_refused_and_everything_stays_as_it_was(synced):
    made = backup.back_up(synced.settings)
    copy = synced.settings.backups_folder / made.name / "warehouse.duckdb"
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    before = synced.settings.warehouse.read_bytes()
    with pytest.raises(PermanentError, match=r"warehouse\.duckdb: its SHA-256 is .*; expected"):
        backup.restore(synced.settings)
    assert synced.settings.warehouse.read_bytes() == before
    assert not (synced.settings.data / "replaced").exists()
    assert [p.name for p in synced.settings.data.glob("*.tmp")] == []


def test_no_warehouse_is_replaced_while_a_container_is_read(synced):
    backup.back_up(synced.settings)
    before = synced.settings.warehouse.read_bytes()
    (lock,) = (synced.settings.data / "locks").glob("*gauge*.lock")
    with FileLock(lock), pytest.raises(TransientError, match="a sync is running"):
        backup.restore(synced.settings)
    assert synced.settings.warehouse.read_bytes() == before


def test_backups_of_the_newest_days_and_weeks_are_kept(synced):
    file = synced.settings.sources_file
    file.write_text(file.read_text() + "backups: {keep_daily: 3, keep_weekly: 2}\n")
    settings = Installation.beside(synced.sandbox, synced.settings.data, file.read_text()).settings
    for days in range(14, -1, -1):
        for hours in (12, 1):
            backup.back_up(settings, NOW - timedelta(days=days, hours=hours))
    assert [made.created_at for made in backup.listed(settings)] == [
        NOW - timedelta(days=0, hours=1),
        NOW - timedelta(days=0, hours=12),  # Still the 20th, in UTC.
        NOW - timedelta(days=1, hours=12),
        NOW - timedelta(days=5, hours=12),  # The end of last week, a Sunday.
    ]


def test_what_a_killed_backup_left_is_no_backup_and_goes_with_the_next(synced):
    settings = synced.settings
    half = settings.backups_folder / "2026-11-20T03-30-00.000Z.tmp"
    half.mkdir(parents=True)
    (half / "warehouse.duckdb").write_bytes(b"half")
    assert backup.listed(settings) == []
    backup.back_up(settings, NOW)
    assert [path.name for path in settings.backups_folder.iterdir()] == ["2026-11-21T03-30-00.000Z"]


def test_without_a_warehouse_or_a_backup_the_error_says_what_to_do(tmp_path, sandbox_of):
    settings = Installation.beside(sandbox_of(gauge()), tmp_path / "empty").settings
    with pytest.raises(PermanentError, match="there is no warehouse; expected one; run"):
        backup.back_up(settings)
    with pytest.raises(ConfigError, match="there is no backup; expected one in"):
        backup.restore(settings)
    with pytest.raises(ConfigError, match="there is no backup monday"):
        backup.restore(settings, "monday")


def test_restore_lists_and_puts_back_by_name(synced, monkeypatch):
    settings = synced.settings
    monkeypatch.setenv("HEADWATER_DATA", str(settings.data))
    monkeypatch.setenv("HEADWATER_SOURCES", str(settings.sources_file))

    def headwater(*arguments: str) -> str:
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    (made,) = json.loads(headwater("backup", "--json"))
    assert json.loads(headwater("restore", "--list", "--json")) == [made]
    before = synced.raw()
    synced.sandbox.workspace.github(REPO).issues.upsert(issue(20, 5_000))
    synced.sync()
    told = json.loads(headwater("restore", made["name"], "--json"))
    assert told["restored"] == made["name"]
    assert (Path(told["replaced"]) / "warehouse.duckdb").exists()
    assert synced.raw() == before
