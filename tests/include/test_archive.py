"""The archive: what may go, what stays, and that a kill at any moment loses and doubles nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from dlt_pipelines.exceptions import PermanentError
from include import archive, backup, cli, durable, sources_file, steps, warehouse
from include.sandbox import Workspace
from include.settings import Settings
from include.sources_file import ConfigError
from tests.installation import Installation
from tests.processes import killed_at
from tests.workspaces import (
    REPO,
    below,
    everything,
    gauge,
    issue,
    issue_comment,
    label,
    linear_issue,
    milestone,
    page,
    paragraph,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = datetime(2036, 1, 1, tzinfo=UTC)
SEED = 20_261_121
# 40 issues, each changed every 40 days; one change was never committed, one cannot be read.
ROWS = """
insert into raw_github._dlt_loads (load_id, schema_name, status, inserted_at, schema_version_hash)
values ('whole', 'github', 0, now(), '');
insert into raw_github.issues by name
select
    sha256(i || ' ' || v) as event_id, 'github' as connection_id,
    'tidewater-labs/gauge' as container, 'I_' || i as external_id,
    if(i = 3 and v = 9, 'delete', 'upsert') as operation, 'poll' as origin,
    timestamptz '2025-11-01 00:00:00+00' + to_days((v * 40 + i)::integer) as occurred_at,
    occurred_at as observed_at, sha256(v::varchar) as payload_hash,
    if(i = 1 and v = 1, '[]', json_object('number', i, 'version', v)::varchar) as payload,
    'sync ' || v as sync_id, if(i = 2 and v = 1, 'torn', 'whole') as _dlt_load_id
from range(40) issues(i), range(10) versions(v);
insert into raw_github.labels by name
select
    sha256('label ' || v) as event_id, 'github' as connection_id,
    'tidewater-labs/gauge' as container, 'LA_1' as external_id, 'upsert' as operation,
    'poll' as origin, timestamptz '2025-12-01 00:00:00+00' + to_days((v * 30)::integer)
        as occurred_at,
    occurred_at as observed_at, sha256(v::varchar) as payload_hash,
    json_object('version', v)::varchar as payload, 'sync ' || v as sync_id,
    'whole' as _dlt_load_id, occurred_at as _dlt_valid_from,
    if(v < 5, occurred_at + interval 30 days, null) as _dlt_valid_to
from range(6) versions(v);
"""
# A sync every 20 days, the second of which never ended; deliveries of which one was given up.
LEDGER = """
insert into raw_headwater.sync_events by name
select
    i || '-' || e as ledger_event_id, 'sync ' || i as sync_id, 'github' as connection_id,
    'github' as source_type, 'box' as container, if(e = 1, 'started', 'loaded') as event,
    timestamptz '2026-07-01 00:00:00+00' + to_days((i * 20)::integer) + to_minutes(e::integer)
        as occurred_at,
    '{"mode": "incremental"}' as details, 'whole' as _dlt_load_id
from range(9) syncs(i), range(1, 3) events(e) where not (i = 1 and e = 2);
insert into raw_headwater.webhook_deliveries by name
select
    i || '-' || a as delivery_event_id, i as delivery_id, 'github' as connection_id,
    'github' as source_type, 'issues' as event, 'opened' as action,
    if(a = 1 or i = 1, 'failed', 'processed') as status, a as attempts, '{}' as payload,
    timestamptz '2026-09-01 00:00:00+00' + to_days((i * 30)::integer) as occurred_at,
    occurred_at as received_at, 'whole' as _dlt_load_id
from range(4) deliveries(i), range(1, 3) attempts(a);
"""


@pytest.fixture
def filled(sandbox_of, install):
    """A warehouse with a year of changes."""
    installation = install(sandbox_of(gauge()))
    with warehouse.writer(installation.settings) as db:
        db.execute(ROWS)
    return installation


def rows(installation: Installation, table: str, *, archived: bool = True) -> Counter[Any]:
    """Every row of a raw table, with the archive's."""
    source = f"select * from raw_github.{table}"
    if archived:
        source += f" union all by name select * from archive.raw_github__{table}"
    with warehouse.writer(installation.settings) as db:
        return Counter(db.execute(source).fetchall())


def ages(installation: Installation) -> list[Any]:
    """What of the issues is in the archive: object and version."""
    with warehouse.writer(installation.settings) as db:
        return db.execute(
            "select payload ->> 'number', (payload ->> 'version')::integer"
            " from archive.raw_github__issues order by all"
        ).fetchall()


def test_a_dry_run_names_what_would_go_and_moves_nothing(filled):
    planned = archive.archive(filled.settings, dry_run=True, now=NOW)
    assert not (filled.settings.data / "archive").exists()
    assert [(p.table, p.month, p.rows) for p in planned] == [
        (p.table, p.month, p.rows) for p in archive.archive(filled.settings, now=NOW)
    ]


def test_the_command_says_what_would_move_and_what_has_moved(filled, monkeypatch):
    monkeypatch.setenv("HEADWATER_DATA", str(filled.settings.data))
    monkeypatch.setenv("HEADWATER_SOURCES", str(filled.settings.sources_file))

    def headwater(*arguments: str) -> str:
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    before = rows(filled, "issues", archived=False)
    planned = json.loads(headwater("archive", "--dry-run", "--json"))
    assert {row["table"] for row in planned} == {"issues", "labels"}
    assert rows(filled, "issues", archived=False) == before
    assert json.loads(headwater("archive", "--json")) == planned
    assert rows(filled, "issues") == before
    assert headwater("archive") == "nothing is old enough\n"


def test_old_superseded_events_go_and_newest_unreadable_and_uncommitted_ones_stay(filled):
    before = rows(filled, "issues", archived=False)
    moved = archive.archive(filled.settings, now=NOW)
    cutoff = NOW - timedelta(days=180)
    first = datetime(2025, 11, 1, tzinfo=UTC)
    expected = [
        (str(number), version)
        for number in range(40)
        for version in range(10)
        if first + timedelta(days=version * 40 + number) < cutoff
        and version < 9
        and (number, version) not in ((1, 1), (2, 1))
    ]
    assert Counter(ages(filled)) == Counter(expected)
    assert sum(m.rows for m in moved if m.table == "issues") == len(expected)
    assert rows(filled, "issues") == before
    assert archive.archive(filled.settings, now=NOW) == []


def test_retired_versions_of_a_listing_go_and_the_listed_one_stays(filled):
    before = rows(filled, "labels", archived=False)
    archive.archive(filled.settings, now=NOW)
    with warehouse.writer(filled.settings) as db:
        kept = db.execute(
            "select (payload ->> 'version')::integer from raw_github.labels order by all"
        ).fetchall()
    # Version 4 was retired on 30 April, version 3 on 31 March; the limit is 25 May.
    assert kept == [(5,)]
    assert rows(filled, "labels") == before


def test_a_month_is_one_file_with_its_checksum_that_later_runs_add_to(filled):
    archive.archive(filled.settings, now=NOW - timedelta(days=60))
    early = {path.name for path in (filled.settings.data / "archive").rglob("*.parquet")}
    archive.archive(filled.settings, now=NOW)
    manifest = json.loads((filled.settings.data / "archive" / "manifest.json").read_text())
    with warehouse.writer(filled.settings) as db:
        told = archive.files(db)
    assert [f["path"] for f in manifest["files"]] == [f.path for f in told]
    paths = {filled.settings.data / f.path for f in told}
    assert paths == {*(filled.settings.data / "archive").rglob("*.parquet")}
    assert [durable.sha256(filled.settings.data / f.path) for f in told] == [f.sha256 for f in told]
    months = [(f.table, f.month) for f in told]
    assert len(months) == len(set(months))
    assert early - {path.name for path in paths}  # A month that had a file got a new one.


def test_a_damaged_file_stops_the_run_before_anything_of_its_table_moves(filled):
    archive.archive(filled.settings, now=NOW - timedelta(days=60))
    newest = max((filled.settings.data / "archive/raw_github/issues").glob("*.parquet"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    before = rows(filled, "issues", archived=False)
    with pytest.raises(PermanentError, match="its SHA-256 is"):
        archive.archive(filled.settings, now=NOW)
    assert rows(filled, "issues", archived=False) == before


def test_syncs_that_ended_and_deliveries_that_were_followed_go_after_their_own_times(filled):
    with warehouse.writer(filled.settings) as db:
        db.execute(LEDGER)
    archive.archive(filled.settings, now=NOW)
    with warehouse.writer(filled.settings) as db:
        gone = db.execute(
            "select ledger_event_id from archive.raw_headwater__sync_events"
            " union all select delivery_event_id from archive.raw_headwater__webhook_deliveries"
            " order by all"
        ).fetchall()
    # 90 days before is 23 August, 30 days before 22 October; delivery 1 was given up.
    assert gone == [(name,) for name in ("0-1", "0-1", "0-2", "0-2", "2-1", "2-2")]


def test_times_are_configured_per_table(filled):
    file = filled.settings.sources_file
    file.write_text(file.read_text() + "retention: {tables: {raw_github.issues: null}}\n")
    settings = Settings(filled.settings.data, file)
    assert {m.table for m in archive.archive(settings, now=NOW)} == {"labels"}
    file.write_text(
        file.read_text().replace("tables: {raw_github.issues: null}", "raw_events_days: 3000")
    )
    assert archive.archive(Settings(filled.settings.data, file), now=NOW) == []
    text = file.read_text()
    file.write_text(text.replace("raw_events_days: 3000", "tables: {raw_github.isues: 3}"))
    line = 1 + file.read_text().splitlines().index("retention: {tables: {raw_github.isues: 3}}")
    with pytest.raises(ConfigError, match=rf":{line}: .*'raw_github.isues' is no raw table"):
        sources_file.load(file)


def test_a_killed_run_loses_nothing_and_doubles_nothing(filled, tmp_path):
    settings = filled.settings
    before = {table: rows(filled, table, archived=False) for table in ("issues", "labels")}
    archive.archive(settings, now=NOW - timedelta(days=60))  # So that files are replaced, too.

    def run(at: int) -> subprocess.CompletedProcess[str]:
        return killed_at(at, "include.archive:archive", data, NOW.isoformat())

    data = tmp_path / "counted"
    subprocess.run(["cp", "-r", str(settings.data), str(data)], check=True)
    last = int(run(0).stdout)
    # From when files are written; before that there is only reading.
    for at in sorted(random.Random(SEED).sample(range(last - 60, last + 1), 3)):
        data = tmp_path / f"killed {at}"
        subprocess.run(["cp", "-r", str(settings.data), str(data)], check=True)
        assert run(at).returncode == -signal.SIGKILL
        killed = Installation(Settings(data, data / "sources.yml"), filled.sandbox)
        assert {table: rows(killed, table) for table in before} == before
        archive.archive(killed.settings, now=NOW)
        assert {table: rows(killed, table) for table in before} == before
        assert ages(killed) != []
        with warehouse.writer(killed.settings) as db:
            listed = {data / f.path for f in archive.files(db)}
        assert {p for p in (data / "archive").rglob("*") if p.is_file()} == listed | {
            data / "archive" / "manifest.json"
        }


def test_files_of_another_warehouse_are_left_alone(filled):
    archive.archive(filled.settings, now=NOW)
    files = {*(filled.settings.data / "archive").rglob("*.parquet")}
    with warehouse.writer(filled.settings) as db:
        db.execute("delete from archive.files")
        db.execute("delete from raw_github.issues")
        db.execute("delete from raw_github.labels")
    archive.archive(filled.settings, now=NOW)
    assert {*(filled.settings.data / "archive").rglob("*.parquet")} == files


def test_a_backup_brings_the_archive_back_that_its_rows_are_in(filled):
    settings = filled.settings
    before = rows(filled, "issues", archived=False)
    archive.archive(settings, now=NOW - timedelta(days=60))
    backup.back_up(settings)
    archive.archive(settings, now=NOW)  # Replaces files that the backup refers to.
    _, aside = backup.restore(settings)
    assert rows(filled, "issues") == before
    with duckdb.connect(str(aside / "warehouse.duckdb")) as db:
        db.execute(f"set file_search_path = '{aside}'")
        found = db.execute(
            "from raw_github.issues union all by name from archive.raw_github__issues"
        ).fetchall()
    assert len(found) == before.total()


def marts(settings: Settings) -> dict[str, Any]:
    """Every table that models made, and the view of all events."""
    with warehouse.writer(settings) as db:
        tables = db.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where schema_name in ('staging', 'core', 'ops', 'analytics') order by all"
        ).fetchall()
        columns = "columns(c -> c <> 'observed_at')"
        found = {
            name: db.execute(f"select {columns} from {name} order by all").fetchall()
            for (name,) in tables
        }
        found["raw_events"] = db.execute("from ops.raw_events order by all").fetchall()
        return found


def change(workspace: Workspace, minutes: int) -> None:
    repository = workspace.github(REPO)
    repository.issues.upsert(issue(1, 60 * minutes, title=f"Issue {minutes}"))
    repository.issue_comments.upsert(issue_comment(4, 60 * minutes, body=f"Words {minutes}"))
    repository.labels.upsert(label(9, color=f"{minutes:06}"))
    repository.milestones.upsert(milestone(10, 60 * minutes, title=f"Version {minutes}"))
    workspace.linear.issues.upsert(linear_issue(1, 60 * minutes, title=f"Task {minutes}"))
    first = page("Handbook", minutes)
    workspace.notion.pages.upsert(first)
    workspace.notion.blocks.upsert(paragraph(f"Paragraph {minutes}", below(first)))


def test_archived_and_built_anew_the_marts_are_the_same_and_old_events_do_not_come_back(
    sandbox_of, install
):
    installation = install(sandbox_of(everything()))
    settings = installation.settings
    names = ("github", "linear", "notion")
    for minutes in (0, 200, 300):
        if minutes:
            change(installation.sandbox.workspace, minutes)
        for name in names:
            installation.sync(name)
    steps.transform(settings)
    before = marts(settings)

    moved = archive.archive(settings, now=LATER)

    assert {f"{m.dataset}.{m.table}" for m in moved} >= {
        "raw_github.issues",
        "raw_github.issue_comments",
        "raw_github.labels",
        "raw_github.milestones",
        "raw_linear.issues",
        "raw_notion.pages",
        "raw_notion.page_contents",
        "raw_headwater.sync_events",
    }
    assert marts(settings) == before
    steps.transform(settings, full_refresh=True)
    assert marts(settings) == before

    # The issue is what it was two changes ago, and everything is read from the beginning.
    known = installation.column("select count(*) from raw_github.issues where external_id = 'I_1'")
    installation.sandbox.workspace.github(REPO).issues.upsert(issue(1, 10))
    installation.sync("github", mode="full")
    assert (
        installation.column("select count(*) from raw_github.issues where external_id = 'I_1'")
        == known
    )
