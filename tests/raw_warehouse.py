"""A raw warehouse made of rows: the tables dlt would have loaded, without dlt.

Tests of the dbt project say what arrived in which load; this module writes the envelope. Everything
is derived from the arguments, so two warehouses built alike are alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

SNAPSHOTS: Final = {
    "raw_github": (
        "repositories",
        "branches",
        "tags",
        "releases",
        "labels",
        "milestones",
        "collaborators",
        "wiki_pages",
        "organizations",
        "teams",
        "team_members",
    ),
    "raw_linear": (
        "organizations",
        "teams",
        "users",
        "team_memberships",
        "workflow_states",
        "labels",
        "project_statuses",
        "issue_relations",
        "initiative_to_projects",
    ),
    "raw_notion": ("users",),
}
HISTORIES: Final = {
    "raw_github": (
        "repository_counts",
        "issues",
        "issue_comments",
        "issue_events",
        "pull_requests",
        "pull_request_details",
        "pull_request_files",
        "pull_request_commits",
        "reviews",
        "review_threads",
        "review_comments",
        "discussions",
        "discussion_comments",
        "commits",
        "commit_files",
        "files",
        "blobs",
        "workflow_runs",
        "workflow_jobs",
        "deployments",
        "deployment_statuses",
    ),
    "raw_linear": (
        "issues",
        "issue_history",
        "comments",
        "projects",
        "project_milestones",
        "project_updates",
        "initiatives",
        "initiative_updates",
        "documents",
        "attachments",
        "customers",
        "customer_needs",
        "cycles",
    ),
    "raw_notion": (
        "databases",
        "data_sources",
        "pages",
        "page_contents",
        "comments",
        "files",
    ),
}
# One event, and one row, wherever it was read.
SHARED: Final = ("blobs",)
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

_ENVELOPE: Final = """
    event_id varchar, connection_id varchar, container varchar, external_id varchar,
    operation varchar, origin varchar, occurred_at timestamptz, observed_at timestamptz,
    payload_hash varchar, payload varchar, sync_id varchar, _dlt_load_id varchar
"""
_LEDGER: Final = {
    "sync_events": """
        ledger_event_id varchar, sync_id varchar, connection_id varchar, source_type varchar,
        container varchar, resource varchar, event varchar, occurred_at timestamptz,
        details varchar, _dlt_load_id varchar
    """,
    "dead_letters": """
        dead_letter_event_id varchar, dead_letter_id varchar, sync_id varchar,
        connection_id varchar, source_type varchar, container varchar, resource varchar,
        external_id varchar, stage varchar, error_code varchar, error_message varchar,
        payload varchar, occurred_at timestamptz, _dlt_load_id varchar
    """,
    "error_events": """
        error_event_id varchar, error_id varchar, action varchar, outcome varchar,
        reason varchar, done_by varchar, occurred_at timestamptz, _dlt_load_id varchar
    """,
    "webhook_deliveries": """
        delivery_event_id varchar, delivery_id varchar, connection_id varchar,
        source_type varchar, event varchar, action varchar, status varchar, attempts bigint,
        error_message varchar, payload varchar, received_at timestamptz,
        occurred_at timestamptz, _dlt_load_id varchar
    """,
    "sources": """
        connection_id varchar, source_type varchar, stores varchar,
        sync_frequency_minutes bigint, is_enabled boolean, content_visibility varchar,
        owner varchar, base_url varchar, secret_name varchar, containers varchar,
        is_configured boolean, observed_at timestamptz, _dlt_load_id varchar
    """,
}


@dataclass(frozen=True)
class Event:
    """One raw event of a test; `payload` may be text, to be as broken as the test needs."""

    external_id: str
    payload: Mapping[str, Any] | str
    occurred_at: datetime
    operation: str = "upsert"
    container: str = "tidewater-labs/gauge"
    connection_id: str | None = None
    observed_at: datetime | None = None


class RawWarehouse:
    """A DuckDB file with every raw table, empty until `load`, `listing` or `ledger` is called.

    The file is open only while a method writes, so that dbt can run between two calls.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loads = 0
        loads = "load_id varchar, schema_name varchar, status bigint, inserted_at timestamptz"
        versions = f"{_ENVELOPE}, _dlt_valid_from timestamptz, _dlt_valid_to timestamptz"
        with self._connect() as connection:
            for dataset in (*HISTORIES, "raw_headwater"):
                connection.execute(f"create schema {dataset}")
                connection.execute(f"create table {dataset}._dlt_loads ({loads})")
            for dataset, tables in HISTORIES.items():
                for table in tables:
                    connection.execute(f"create table {dataset}.{table} ({_ENVELOPE})")
            for dataset, tables in SNAPSHOTS.items():
                for table in tables:
                    connection.execute(f"create table {dataset}.{table} ({versions})")
            for table, columns in _LEDGER.items():
                connection.execute(f"create table raw_headwater.{table} ({columns})")

    def load(
        self,
        dataset: str,
        tables: Mapping[str, Iterable[Event]],
        *,
        status: int | None = 0,
        completed_at: datetime | None = None,
    ) -> str:
        """Add raw events in one load package; `status=None` leaves the load incomplete."""
        load_id, now = self._next_load()
        with self._connect() as connection:
            for table, events in tables.items():
                rows = [_envelope(dataset, table, event, load_id, now) for event in events]
                _insert(connection, f"{dataset}.{table}", rows)
            if status is not None:
                ending = (load_id, dataset, status, completed_at or now)
                _insert(connection, f"{dataset}._dlt_loads", [ending])
        return load_id

    def listing(self, dataset: str, table: str, container: str, events: Iterable[Event]) -> str:
        """Replace the complete listing of one container as scd2 does."""
        load_id, now = self._next_load()
        rows = [_envelope(dataset, table, event, load_id, now) for event in events]
        with self._connect() as connection:
            connection.execute(
                f"update {dataset}.{table} set _dlt_valid_to = ? where container = ?"
                " and _dlt_valid_to is null and not list_contains(?::varchar[], event_id)",
                [now, container, [row[0] for row in rows]],
            )
            active = connection.execute(
                f"select event_id from {dataset}.{table} where _dlt_valid_to is null"
            ).fetchall()
            new = [(*row, now, None) for row in rows if (row[0],) not in active]
            _insert(connection, f"{dataset}.{table}", new)
            _insert(connection, f"{dataset}._dlt_loads", [(load_id, dataset, 0, now)])
        return load_id

    def ledger(self, table: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """Add rows to a table of the sync ledger; JSON columns are given as Python values."""
        load_id, now = self._next_load()
        with self._connect() as connection:
            for row in rows:
                cells = {name: _cell(value) for name, value in row.items()}
                cells["_dlt_load_id"] = load_id
                _insert(
                    connection,
                    f"raw_headwater.{table} ({', '.join(cells)})",
                    [tuple(cells.values())],
                )
            _insert(connection, "raw_headwater._dlt_loads", [(load_id, "ledger", 0, now)])
        return load_id

    def complete(self, dataset: str, load_id: str, completed_at: datetime) -> None:
        """Let a load that was left incomplete end at the given time."""
        with self._connect() as connection:
            _insert(connection, f"{dataset}._dlt_loads", [(load_id, dataset, 0, completed_at)])

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path))
        connection.execute("set timezone = 'UTC'")
        return connection

    def _next_load(self) -> tuple[str, datetime]:
        self._loads += 1
        return f"{1_700_000_000 + self._loads}.0", EPOCH + timedelta(days=30, minutes=self._loads)


def _insert(
    connection: duckdb.DuckDBPyConnection, target: str, rows: list[tuple[Any, ...]]
) -> None:
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"insert into {target} values ({marks})", rows)


def _envelope(
    dataset: str, table: str, event: Event, load_id: str, now: datetime
) -> tuple[Any, ...]:
    payload = event.payload if isinstance(event.payload, str) else json.dumps(event.payload)
    connection_id = event.connection_id or dataset.removeprefix("raw_")
    payload_hash = _digest(payload)
    listed = table in SNAPSHOTS.get(dataset, ())
    moment = "" if listed else event.occurred_at.isoformat()
    place = () if table in SHARED else (connection_id, event.container)
    identity = (*place, table, event.external_id, event.operation, moment, payload_hash)
    return (
        _digest(*identity),
        connection_id,
        event.container,
        event.external_id,
        event.operation,
        "poll",
        event.occurred_at,
        event.observed_at or now,
        payload_hash,
        payload,
        f"sync-{load_id}",
        load_id,
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
