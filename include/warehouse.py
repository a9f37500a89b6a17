"""The warehouse file: created once, one writer at a time, published as a copy that nobody locks.

DuckDB lets one process write and then nobody else open. So whoever writes holds a file lock (inside
Airflow the one-slot pool `warehouse` keeps tasks from queueing on it), and analysts read
`published/headwater.duckdb`, which is replaced whole, or a file beside it with a part of that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb
from filelock import FileLock, Timeout

from dlt_pipelines.exceptions import PermanentError, TransientError
from include import excerpt
from include.excerpt import Scope
from include.settings import Settings

# ZSTD for long strings came with this storage version; later ones choose dictionary coding, which
# is seven times larger on payloads. Older readers can open it, too.
STORAGE_VERSION: Final = "v1.2.0"
LOCK_TIMEOUT_SECONDS: Final = 1_800.0


@contextmanager
def writer_lock(settings: Settings, timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[int]:
    """Hold the right to write the warehouse; waits at most `timeout` seconds.

    Yields the lock's file descriptor: a child process that inherits it keeps the lock when its
    parent is killed, so that nobody writes beside an orphan.

    Raises:
        TransientError: somebody else held it all that time.
    """
    path = settings.data / "locks" / "warehouse.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=timeout) as lock:
            yield lock._context.lock_file_fd or -1
    except Timeout:
        raise TransientError(
            "headwater.warehouse",
            f"another process has been writing it for {timeout:.0f} s",
            "one writer at a time",
            "wait for it to end, then run again",
            code="warehouse_locked",
        ) from None


@contextmanager
def writer(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The only writing connection, to a warehouse that exists.

    Raises:
        TransientError: another process writes, or a reader has the warehouse itself open.
    """
    with writer_lock(settings):
        _create(settings.warehouse)
        db = connect(settings)
        try:
            yield db
        finally:
            db.close()


def warehouse_id(db: duckdb.DuckDBPyConnection) -> str:
    """The identity of this very file: cursors kept beside another one are not valid for it."""
    row = db.execute("select warehouse_id from main.headwater_warehouse").fetchone()
    return str(row[0]) if row else ""


def publish(settings: Settings, store: str | None = None, *, is_public: bool = False) -> Path:
    """Copy the marts into a new file and put it in place of the published one, at once.

    Readers that have the old file open keep their snapshot; whoever opens next sees the new one.
    With a store the file is `<store>.duckdb` and holds nothing of another; a public one has
    `.public` in its name and nothing private or deleted in it.

    Raises:
        ConfigError: no source belongs to the store.
        PermanentError: a part is asked for and the marts have not been built.
    """
    target = settings.published_file(store, is_public=is_public)
    scope = Scope(store, is_public)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{uuid4().hex[:8]}.tmp")
    try:
        with writer_lock(settings), connect(settings) as db:
            for abandoned in target.parent.glob("*.tmp*"):
                abandoned.unlink()  # By a publish that was killed: the lock is ours.
            db.execute(
                f"attach {_text(fresh)} as published (storage_version {_text(STORAGE_VERSION)})"
            )
            _copy_marts(db, scope)
            db.execute("detach published")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.chmod(0o444)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def _create(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{uuid4().hex[:8]}.tmp")
    with duckdb.connect() as db:
        db.execute(f"attach {_text(fresh)} as fresh (storage_version {_text(STORAGE_VERSION)})")
        db.execute(
            "create table fresh.main.headwater_warehouse as"
            " select $id as warehouse_id, now() as created_at",
            {"id": str(uuid4())},
        )
        db.execute("detach fresh")
    fresh.replace(path)


def connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A connection for whoever holds the lock; it finds the archive's files.

    Raises:
        TransientError: another process has the warehouse open.
    """
    path = settings.warehouse
    try:
        db = duckdb.connect(str(path))
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        raise TransientError(
            "headwater.warehouse",
            f"{path.name} is open in another process ({str(error).splitlines()[0]})",
            "nobody but Headwater to open the warehouse",
            "close that session, and read published/headwater.duckdb instead",
            code="warehouse_locked",
        ) from None
    db.execute("set timezone = 'UTC'")
    # DuckDB takes what runs by `python -c` for a person, and draws bars between what it prints.
    db.execute("set enable_progress_bar = false")
    db.execute(f"set global file_search_path = {_text(settings.data)}")
    return db


def _copy_marts(db: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Recreate every mart with its constraints and comments, and the rows that are in scope."""
    source = db.execute("select current_database()").fetchone()
    name = source[0] if source else "warehouse"
    tables = db.execute(
        "select schema_name, table_name, comment from duckdb_tables()"
        " where database_name = $name and (list_contains($schemas, schema_name)"
        " or (schema_name = 'staging' and list_contains($staging, table_name)))"
        " order by all",
        {"name": name, "schemas": list(excerpt.MARTS), "staging": list(excerpt.STAGING)},
    ).fetchall()
    if not scope.is_whole:
        if ("ops", "store_documents") not in {table[:2] for table in tables}:
            raise PermanentError(
                "headwater.publish",
                "the warehouse has no marts yet",
                "models that were built",
                "run `headwater transform` first",
                code="not_built",
            )
        excerpt.choose(db, scope)
    for schema, table, comment in tables:
        columns = db.execute(
            "select column_name, comment, is_nullable from duckdb_columns()"
            " where database_name = $name and schema_name = $schema and table_name = $table",
            {"name": name, "schema": schema, "table": table},
        ).fetchall()
        query = excerpt.query(scope, schema, table, [column for column, *_ in columns])
        if query is None:
            continue
        copy = f'published.{schema}."{table}"'
        db.execute(f"create schema if not exists published.{schema}")
        db.execute(f'create table {copy} as from "{name}".{schema}."{table}" limit 0')
        db.execute(f"insert into {copy} {query}")
        if comment:
            db.execute(f"comment on table {copy} is {_text(comment)}")
        for column, column_comment, is_nullable in columns:
            if not is_nullable:
                db.execute(f'alter table {copy} alter "{column}" set not null')
            if column_comment:
                db.execute(f'comment on column {copy}."{column}" is {_text(column_comment)}')


def _text(value: object) -> str:
    """A SQL string literal, for statements that take no parameters."""
    return "'" + str(value).replace("'", "''") + "'"
