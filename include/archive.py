"""The archive: rows that are old and no longer the newest of their object, as Parquet by month.

    archive/<dataset>/<table>/<month>.<checksum>.parquet
    archive/manifest.json                                  for people; the truth is `archive.files`

What belongs to the archive is a table in the warehouse, so that one transaction takes rows out of
their table and adds the file that has them: killed at any moment, every row is in exactly one of
the two, and a backup of the warehouse knows the files that it needs. A view per raw table
(`archive.<dataset>__<table>`) is what models and loads read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import msgspec

from dlt_pipelines import SOURCES
from dlt_pipelines.destination import ARCHIVE, LIMITS
from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.pipeline import LISTING
from include import durable, warehouse
from include.settings import Settings

FOLDER: Final = "archive"
_ROW_GROUP: Final = 10_000


class File(msgspec.Struct, frozen=True):
    """One file of the archive; `path` is relative to the data folder."""

    path: str
    dataset: str
    table: str
    month: str
    rows: int
    bytes: int
    sha256: str
    oldest_at: datetime
    newest_at: datetime


class Moved(msgspec.Struct, frozen=True):
    """What one run moves, or would move, of one table and month."""

    dataset: str
    table: str
    month: str
    rows: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True)
class _Table:
    """A table that is archived: its name, its key, and which of its rows may go."""

    dataset: str
    table: str
    key: str
    due: str
    days: int | None

    @property
    def name(self) -> str:
        return f"{self.dataset}.{self.table}"

    @property
    def view(self) -> str:
        return f"{ARCHIVE}.{self.dataset}__{self.table}"


def files(db: duckdb.DuckDBPyConnection) -> list[File]:
    """What the archive of this warehouse consists of."""
    if not db.execute(
        "select 1 from duckdb_tables() where schema_name = $1 and table_name = 'files'", [ARCHIVE]
    ).fetchone():
        return []
    names = ", ".join(f'"{name}"' for name in File.__struct_fields__)
    rows = db.execute(f"select {names} from {ARCHIVE}.files order by path").fetchall()
    return [File(*row) for row in rows]


def prepare(db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Make the list of files and every table's view exist, so that models find them."""
    db.execute(f"create schema if not exists {ARCHIVE}")
    db.execute(
        f"create table if not exists {ARCHIVE}.files ("
        'path varchar primary key, dataset varchar not null, "table" varchar not null,'
        ' month varchar not null, "rows" bigint not null, bytes bigint not null,'
        " sha256 varchar not null, oldest_at timestamptz not null, newest_at timestamptz not null)"
    )
    known = files(db)
    db.execute("begin")
    for table in _tables(db, settings):
        _show(db, table, known)
    db.execute("commit")


def archive(
    settings: Settings, *, dry_run: bool = False, now: datetime | None = None
) -> list[Moved]:
    """Move what is due out of the warehouse; a dry run only says what would be moved.

    Safe to kill at any moment and to run again.

    Raises:
        PermanentError: a file is not what was written; nothing of its table was moved.
    """
    now = now or datetime.now(UTC)
    moved: list[Moved] = []
    if not settings.warehouse.exists():
        return moved
    with warehouse.writer(settings) as db:
        for name, value in LIMITS.items():
            db.execute(f"set {name} = '{value}'")
        prepare(db, settings)
        if not dry_run:
            _sweep(db, settings)
        for table in _tables(db, settings):
            if table.days is not None:
                due = _choose(db, table, now - timedelta(days=table.days))
                moved += due
                if due and not dry_run:
                    _move(db, settings, table, due)
        if not dry_run:
            db.execute("checkpoint")
            _write_manifest(db, settings)
    return moved


def _tables(db: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[_Table]:
    """Every table that is archived and exists."""
    policy = settings.retention
    existing = {
        *db.execute("select schema_name, table_name from duckdb_tables()").fetchall(),
    }
    known = _known_errors(db)
    for source_type in SOURCES.values():
        for name, resource in source_type.resources.items():
            due = _LISTED if resource.strategy is LISTING else _EVENT
            sql = due.format(table=f"{source_type.dataset}.{name}", dataset=source_type.dataset)
            sql += f" and raw.event_id not in (select event_id from {known})"
            days = policy.days(source_type.dataset, name)
            table = _Table(source_type.dataset, name, "event_id", sql, days)
            if (table.dataset, table.table) in existing:
                yield table
    logs, deliveries = policy.sync_logs_days, policy.webhook_events_days
    for name, key, due, days in (
        ("sync_events", "ledger_event_id", _ENDED_SYNC, logs),
        ("dead_letters", "dead_letter_event_id", _SETTLED.format(known=known), logs),
        ("webhook_deliveries", "delivery_event_id", _FOLLOWED, deliveries),
    ):
        if ("raw_headwater", name) in existing:
            yield _Table("raw_headwater", name, key, due, days)


# Rows of loads that are not complete do not exist yet.
_COMPLETE: Final = "_dlt_load_id in (select load_id from {dataset}._dlt_loads where status = 0)"
_READABLE: Final = (
    "coalesce(if(json_valid(raw.payload), json_type(raw.payload), null) = 'OBJECT', false)"
)
# Objects are told apart by container too: what staging holds for the newest is among these.
_EVENT: Final = f"""
    raw.occurred_at < $before and raw.{_COMPLETE} and {_READABLE}
    and raw.rowid not in (
        select max_by(rowid, (occurred_at, observed_at, event_id, _dlt_load_id))
        from {{table}} where {_COMPLETE}
        group by connection_id, container, external_id
    )
"""
# Of a listing, only what has been retired, and for so long.
_LISTED: Final = f"""
    raw._dlt_valid_to < $before and raw.{_COMPLETE} and {_READABLE}
    and raw.rowid not in (
        select max_by(
            rowid,
            (
                coalesce(_dlt_valid_to, 'infinity'), _dlt_valid_from, observed_at, event_id,
                _dlt_load_id
            )
        )
        from {{table}} where {_COMPLETE}
        group by connection_id, container, external_id
    )
"""
# A sync goes as a whole, after it has ended, and never the last one of a container and mode.
_ENDED_SYNC: Final = """
    raw.sync_id in (
        select sync_id from raw_headwater.sync_events group by sync_id
        having max(occurred_at) < $before
            and bool_or(event in ('loaded', 'failed', 'interrupted'))
    )
    and raw.sync_id not in (
        select max_by(sync_id, (occurred_at, sync_id)) from raw_headwater.sync_events
        where event = 'started'
        group by connection_id, container, json_extract_string(details, '$.mode')
    )
"""
_SETTLED: Final = """
    raw.occurred_at < $before and raw.dead_letter_id not in (select error_id from {known})
"""

# Deliveries that were followed; one that was given up waits for a replay.
_FOLLOWED: Final = """
    raw.occurred_at < $before and (raw.connection_id, raw.delivery_id) not in (
        select (connection_id, delivery_id) from raw_headwater.webhook_deliveries
        group by connection_id, delivery_id
        having max_by(status, (occurred_at, attempts)) = 'failed'
    )
"""


def _known_errors(db: duckdb.DuckDBPyConnection) -> str:
    """A query of what is open, by id of the error and of the event; without models, everything."""
    if db.execute(
        "select 1 from duckdb_columns() where schema_name = 'ops'"
        " and table_name = 'raw_event_errors' and column_name = 'status'"
    ).fetchone():
        return (
            "(select raw_event_error_id as error_id, coalesce(event_id, '') as event_id"
            " from ops.raw_event_errors where status = 'open') as open_errors"
        )
    return (
        "(select dead_letter_id as error_id, '' as event_id from raw_headwater.dead_letters)"
        " as open_errors"
    )


def _choose(db: duckdb.DuckDBPyConnection, table: _Table, before: datetime) -> list[Moved]:
    """Note in `due` which rows go, and say so by month."""
    db.execute(
        "create or replace temp table due as"
        " select raw.rowid as row, raw.occurred_at,"
        f" strftime(raw.occurred_at, '%Y-%m') as month from {table.name} as raw where {table.due}",
        {"before": before},
    )
    rows = db.execute(
        "select month, count(*), min(occurred_at), max(occurred_at) from due group by month"
        " order by month"
    ).fetchall()
    return [Moved(table.dataset, table.table, *row) for row in rows]


def _move(
    db: duckdb.DuckDBPyConnection, settings: Settings, table: _Table, due: list[Moved]
) -> None:
    """Write every month's file anew, then let one transaction decide which of the two counts."""
    known = {f.month: f for f in files(db) if (f.dataset, f.table) == (table.dataset, table.table)}
    written = [_write(db, settings, table, month, known.get(month.month)) for month in due]
    replaced = [known[month.month] for month in due if month.month in known]
    db.execute("begin")
    gone = db.execute(f"delete from {table.name} where rowid in (select row from due)").fetchone()
    if not gone or gone[0] != sum(month.rows for month in due):
        db.execute("rollback")
        raise _error(table.name, "other rows than those written were to be removed", "those")
    for file in replaced:
        db.execute(f"delete from {ARCHIVE}.files where path = $1", [file.path])
    for file in written:
        values = list(msgspec.structs.asdict(file).values())
        marks = ", ".join("?" for _ in values)
        db.execute(f"insert into {ARCHIVE}.files values ({marks})", values)
    _show(db, table, files(db))
    db.execute("commit")
    for file in replaced:
        (settings.data / file.path).unlink(missing_ok=True)


def _write(
    db: duckdb.DuckDBPyConnection, settings: Settings, table: _Table, due: Moved, old: File | None
) -> File:
    """A month's file: what it had, and what is due; proved to hold exactly these rows."""
    if old:
        path = settings.data / old.path
        durable.check(path, durable.sha256(path), old.sha256)
    folder = settings.data / FOLDER / table.dataset / table.table
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{due.month}.parquet.tmp"
    before = (
        f"union all by name from read_parquet({_text(settings.data / old.path)})" if old else ""
    )
    rows = (
        f"select * from {table.name} where rowid in"
        f" (select row from due where month = {_text(due.month)}) {before}"
    )
    db.execute(
        f"copy (from ({rows}) order by occurred_at, {table.key}) to {_text(fresh)}"
        f" (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
    )
    told = _fingerprint(db, f"({rows})")
    found = _fingerprint(db, f"read_parquet({_text(fresh)})")
    if told != found:
        raise _error(f"{table.name}.{due.month}", "the file differs from the rows", "the same")
    digest = durable.sha256(fresh)
    path = folder / f"{due.month}.{digest[:12]}.parquet"
    durable.put(fresh, path)
    return File(
        str(path.relative_to(settings.data)),
        table.dataset,
        table.table,
        due.month,
        found[0],
        path.stat().st_size,
        digest,
        min(due.oldest_at, old.oldest_at) if old else due.oldest_at,
        max(due.newest_at, old.newest_at) if old else due.newest_at,
    )


def _fingerprint(db: duckdb.DuckDBPyConnection, rows: str) -> tuple[Any, ...]:
    """How many rows, and a number that depends on every value of every row."""
    found = db.execute(f"select count(*), sum(hash(r)::hugeint) from {rows} as r").fetchone()
    return found or (0, None)


def _show(db: duckdb.DuckDBPyConnection, table: _Table, known: list[File]) -> None:
    """The view of a table's archive: its files, or none of the table's rows."""
    mine = [f.path for f in known if (f.dataset, f.table) == (table.dataset, table.table)]
    paths = ", ".join(_text(path) for path in mine)
    rows = f"read_parquet([{paths}])" if mine else f"{table.name} where false"
    db.execute(f"create or replace view {table.view} as select * from {rows}")


def _sweep(db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Remove what a run that was killed wrote and never counted.

    Only what every row of is elsewhere: the files of another warehouse are none of ours.
    """
    listed = {settings.data / file.path for file in files(db)}
    for path in (settings.data / FOLDER).rglob("*.tmp"):
        path.unlink()
    for table in _tables(db, settings):
        folder = settings.data / FOLDER / table.dataset / table.table
        for path in {*folder.glob("*.parquet")} - listed:
            lost = db.execute(
                f"select count(*) from read_parquet({_text(path)}) anti join"
                f" (select {table.key} from {table.name}"
                f" union all select {table.key} from {table.view}) using ({table.key})"
            ).fetchone()
            if lost == (0,):
                path.unlink()


def _write_manifest(db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Say beside the files what they are, for whoever has nothing but them."""
    content = {"warehouse_id": warehouse.warehouse_id(db), "files": files(db)}
    text = msgspec.json.format(msgspec.json.encode(content))
    path = settings.data / FOLDER / "manifest.json"
    if content["files"] and (not path.exists() or path.read_bytes() != text):
        durable.write(path, text)


def _error(where: str, what: str, expected: str) -> PermanentError:
    return PermanentError(
        f"archive.{where}", what, expected, "nothing was moved: run again", code="archive_failed"
    )


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
