"""The sync ledger: what every sync did and what it could not read, as files beside the data.

Extract must not touch the database, and an account that is true after `kill -9` must not depend on
a clean exit. So each sync appends to a JSON Lines file of its own, flushed to disk line by line;
`pipeline.load_ledger` carries the lines into `raw_headwater`. A line is an event (`started`,
`extracted` per resource, `loaded`, `failed`, `interrupted`) or a dead letter.

    <root>/open/<connection>/<container>/<sync_id>.jsonl      syncs that have not ended
    <root>/ended/<sync_id>.jsonl                              to be loaded, then removed
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import msgspec
import pyarrow as pa

from dlt_pipelines.exceptions import HeadwaterError, redact
from dlt_pipelines.http import Meter

Mode = Literal["incremental", "window", "full", "reconcile", "webhook"]
Event = Literal["started", "extracted", "loaded", "failed", "interrupted"]
Stage = Literal["extract", "load", "normalize"]

ORIGINS: Final[dict[str, str]] = {
    "incremental": "poll",
    "window": "backfill",
    "full": "backfill",
    "reconcile": "reconcile",
    "webhook": "webhook",
}
NOTES_KEPT: Final = 100
# An answer's time is a whole second, of when the provider began to answer.
CLOCKS_AGREE: Final = timedelta(seconds=5)
_UTC_TIME: Final = pa.timestamp("us", "UTC")
SYNC_EVENTS: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), False) for name in ("ledger_event_id", "sync_id")),
        *(
            pa.field(name, pa.string(), False)
            for name in ("connection_id", "source_type", "container")
        ),
        pa.field("resource", pa.string()),
        pa.field("event", pa.string(), False),
        pa.field("occurred_at", _UTC_TIME, False),
        pa.field("details", pa.string(), False),
    ]
)
DEAD_LETTERS: Final = pa.schema(
    [
        *(
            pa.field(name, pa.string(), False)
            for name in ("dead_letter_event_id", "dead_letter_id")
        ),
        *(
            pa.field(name, pa.string(), False)
            for name in ("sync_id", "connection_id", "source_type")
        ),
        *(pa.field(name, pa.string(), False) for name in ("container", "resource")),
        pa.field("external_id", pa.string()),
        *(pa.field(name, pa.string(), False) for name in ("stage", "error_code", "error_message")),
        pa.field("payload", pa.string(), False),
        pa.field("occurred_at", _UTC_TIME, False),
    ]
)
# What was done about an error: replayed (with what outcome) or dismissed, why and by whom.
ERROR_EVENTS: Final = pa.schema(
    [
        *(
            pa.field(name, pa.string(), False)
            for name in ("error_event_id", "error_id", "action", "outcome", "reason", "done_by")
        ),
        pa.field("occurred_at", _UTC_TIME, False),
    ]
)
# How an attempt to follow a delivery of a webhook ended; with its body, for replay.
DELIVERIES: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), False) for name in ("delivery_event_id", "delivery_id")),
        *(pa.field(name, pa.string(), False) for name in ("connection_id", "source_type")),
        *(pa.field(name, pa.string(), False) for name in ("event", "action", "status")),
        pa.field("attempts", pa.int64(), False),
        pa.field("error_message", pa.string()),
        pa.field("payload", pa.string(), False),
        pa.field("received_at", _UTC_TIME, False),
        pa.field("occurred_at", _UTC_TIME, False),
    ]
)
# What sources.yml says of a connection, and once said.
SOURCES: Final = pa.schema(
    [
        pa.field("connection_id", pa.string(), False),
        pa.field("source_type", pa.string(), False),
        pa.field("stores", pa.string(), False),
        pa.field("sync_frequency_minutes", pa.int64(), False),
        pa.field("is_enabled", pa.bool_(), False),
        pa.field("content_visibility", pa.string(), False),
        pa.field("owner", pa.string(), False),
        pa.field("base_url", pa.string()),
        pa.field("secret_name", pa.string(), False),
        pa.field("containers", pa.string(), False),
        pa.field("is_configured", pa.bool_(), False),
        pa.field("observed_at", _UTC_TIME, False),
    ]
)
TABLES: Final = {
    "sync_events": SYNC_EVENTS,
    "dead_letters": DEAD_LETTERS,
    "error_events": ERROR_EVENTS,
}


@dataclass(frozen=True, slots=True)
class Trigger:
    """Who asked for a sync: the command line, or an Airflow task instance."""

    kind: str = "cli"
    dag_id: str | None = None
    run_id: str | None = None
    try_number: int | None = None
    log_url: str | None = None


@dataclass
class ResourceRun:
    """One resource within one sync: counts, cost, cursors, and a place for unreadable records.

    `notes` are what a source has to say beside the numbers.
    """

    sync: SyncRun
    resource: str
    items_processed: int = 0
    items_succeeded: int = 0
    items_failed: int = 0
    expected_items: int | None = None
    cursor_before: str | None = None
    cursor_after: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_at: datetime | None = None
    refusal: HeadwaterError | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meter = Meter(self.resource)
        self.connection_id = self.sync.connection_id
        self.container = self.sync.container
        self.sync_id = self.sync.sync_id
        self.origin = ORIGINS[self.sync.mode]

    def refused(self, error: HeadwaterError) -> None:
        """The token may not read this resource: the sync goes on without it, and says so."""
        self.refusal = error

    def note(self, name: str, value: str) -> None:
        """Say something of one object, beside the numbers; the first hundred of a kind are kept."""
        said = self.notes.setdefault(name, [])
        if len(said) < NOTES_KEPT and value not in said:
            said.append(value)

    def dead_letter(self, payload: bytes, error: Exception) -> None:
        """Keep what cannot be read, a record or a part of one; the run goes on without it."""
        self.items_processed += 1
        self.items_failed += 1
        text = redact(payload.decode(errors="replace"))
        identity = (self.connection_id, self.container, self.resource, "extract", text)
        self.sync.append(
            "dead_letters",
            dead_letter_id=_digest(*identity),
            resource=self.resource,
            external_id=None,
            stage="extract",
            error_code=type(error).__name__,
            error_message=redact(
                f"{self.sync.source_type}.{self.resource}: a record cannot be read ({error});"
                " expected the documented keys; fix the reader, then replay the record"
            ),
            payload=text,
        )

    def summary(self) -> dict[str, Any]:
        """The details of an `extracted` event."""
        return {
            "started_at": self.started_at,
            "completed_at": self.completed_at or datetime.now(UTC),
            "cursor_before": self.cursor_before,
            "cursor_after": self.cursor_after,
            "items_processed": self.items_processed,
            "items_succeeded": self.items_succeeded,
            "items_failed": self.items_failed,
            "expected_items": self.expected_items,
            "is_complete": self.refusal is None,
            "requests_made": self.meter.requests_made,
            "requests_not_modified": self.meter.requests_not_modified,
            "requests_saved": self.meter.requests_saved,
            "rate_limit_remaining": self.meter.rate_limit_remaining,
            "rate_limit_wait_seconds": round(self.meter.rate_limit_wait_seconds, 3),
            "bytes_received": self.meter.bytes_received,
            "error_code": self.refusal.code if self.refusal else None,
            "error_message": str(self.refusal) if self.refusal else None,
            **({"token_expiries": expiries} if (expiries := self.meter.token_expiries) else {}),
            **({"notes": self.notes} if self.notes else {}),
        }


@dataclass
class SyncRun:
    """One sync of one container, from `started` to its end; every call is on disk on return.

    It is unsettled where it saw something that was still going on. `lane` tells syncs apart that
    may read one container at the same time (see `pipeline.extract`).
    """

    path: Path
    sync_id: str
    source_type: str
    connection_id: str
    container: str
    mode: Mode
    resources: dict[str, ResourceRun] = field(default_factory=dict)
    rows_added: dict[str, int] = field(default_factory=dict)
    started_at: str = ""
    is_settled: bool = True
    lane: int = 0

    def resource(self, name: str) -> ResourceRun:
        """The account of one resource, made at its first mention."""
        return self.resources.setdefault(name, ResourceRun(self, name))

    def account(self, name: str) -> ResourceRun:
        """The account of one resource; one that this sync does not read has none that is kept."""
        return self.resources.get(name) or ResourceRun(self, name)

    @property
    def provider_time(self) -> datetime:
        """Now by the provider's clock; by ours where they agree, for an answer is less exact."""
        offsets = (run.meter.clock_offset for run in self.resources.values())
        offset = max((told for told in offsets if told is not None), default=timedelta())
        return datetime.now(UTC) + (offset if abs(offset) > CLOCKS_AGREE else timedelta())

    def extracted(self) -> None:
        """The load package is complete on disk: account for every resource in it."""
        self._extracted({name: run.summary() for name, run in self.resources.items()})

    def recovered(self, rows: Mapping[str, int]) -> None:
        """The process died between its package and its account: tell what the package holds.

        What the reading cost, and how far the cursors went, died with it.
        """
        letters = Counter(
            row["resource"] for row in read_rows(self.path) if row["table"] == "dead_letters"
        )
        accounts = {}
        for name in self.resources:
            told = {"items_succeeded": rows.get(name, 0), "items_failed": letters[name]}
            accounts[name] = {"items_processed": sum(told.values()), **told}
        self._extracted(accounts)

    def loaded(self, load_ids: list[str], rows_added: dict[str, int]) -> None:
        """Every row is in the warehouse; the sync has ended."""
        self.rows_added = rows_added
        self._end("loaded", {"load_ids": load_ids, "rows_added": rows_added})

    def failed(self, stage: Stage, error: Exception, *, ends: bool = True) -> None:
        """The sync failed; a failed load does not end it: its package waits for the next try."""
        code = error.code if isinstance(error, HeadwaterError) else type(error).__name__
        details = {"stage": stage, "error_code": code, "error_message": redact(str(error))}
        if ends:
            self._end("failed", details)
        else:
            self._event("failed", None, details)

    def interrupted(self, why: str = "the process ended during extract") -> None:
        """The process died: found when the container's next sync starts, or by maintenance."""
        where = f"{self.source_type}.{self.container}"
        message = f"{where}: {why}; expected it to finish; run again"
        self._end("interrupted", {"stage": "extract", "error_message": message})

    def append(self, table: str, **columns: Any) -> None:
        """Write one row of a ledger table and force it to disk."""
        self._write([self._row(table, **columns)])

    def _row(self, table: str, **columns: Any) -> bytes:
        row = {
            "table": table,
            "sync_id": self.sync_id,
            "connection_id": self.connection_id,
            "source_type": self.source_type,
            "container": self.container,
            "occurred_at": datetime.now(UTC),
            **columns,
        }
        return msgspec.json.encode(row) + b"\n"

    def _write(self, rows: list[bytes]) -> None:
        with self.path.open("a+b") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            if file.read() not in (b"", b"\n"):
                file.write(b"\n")  # Or the line that `kill -9` tore would take this one along.
            file.write(b"".join(rows))
            file.flush()
            os.fsync(file.fileno())

    def _extracted(self, accounts: Mapping[str, Mapping[str, Any]]) -> None:
        """All at once: whoever finds one of them afterwards takes it for all."""
        self._write([self._told("extracted", name, details) for name, details in accounts.items()])

    def _event(self, event: Event, resource: str | None, details: Mapping[str, Any]) -> None:
        self._write([self._told(event, resource, details)])

    def _told(self, event: Event, resource: str | None, details: Mapping[str, Any]) -> bytes:
        text = msgspec.json.encode(details).decode()
        return self._row("sync_events", resource=resource, event=event, details=text)

    def _end(self, event: Event, details: dict[str, Any]) -> None:
        self._event(event, None, details)
        ended = self.path.parents[3] / "ended"
        ended.mkdir(parents=True, exist_ok=True)
        self.path.replace(ended / self.path.name)


@dataclass(frozen=True)
class Ledger:
    """All ledger files under one folder."""

    root: Path

    def start(
        self,
        source_type: str,
        connection_id: str,
        container: str,
        *,
        mode: Mode,
        resources: Iterable[str],
        trigger: Trigger,
        window: tuple[datetime | None, datetime | None] = (None, None),
        tokens: Iterable[Mapping[str, str]] = (),
        lane: int = 0,
    ) -> SyncRun:
        """Open the account of a new sync; `tokens` describe what it asks with, and tell none."""
        folder = self.root / "open" / connection_id / slug(container)
        folder.mkdir(parents=True, exist_ok=True)
        sync_id = str(uuid4())
        path = folder / f"{sync_id}.jsonl"
        run = SyncRun(path, sync_id, source_type, connection_id, container, mode, lane=lane)
        details = {
            "mode": mode,
            "trigger": trigger.kind,
            "dag_id": trigger.dag_id,
            "run_id": trigger.run_id,
            "try_number": trigger.try_number,
            "log_url": trigger.log_url,
            "window_start": window[0],
            "window_end": window[1],
            "resources": list(resources),
            **({"lane": lane} if lane else {}),
            **({"tokens": told} if (told := list(tokens)) else {}),
        }
        run._event("started", None, details)
        return run

    def open_syncs(self, connection_id: str) -> list[tuple[SyncRun, set[str]]]:
        """Syncs of a connection that have not ended, oldest first, each with the events it has."""
        paths = (self.root / "open" / connection_id).glob("*/*.jsonl")
        found = [item for path in paths if (item := _reopen(path))]
        return sorted(found, key=lambda item: item[0].started_at)

    def all_open(self) -> list[SyncRun]:
        """Every sync that has not ended, of any connection."""
        connections = sorted(path.name for path in (self.root / "open").glob("*"))
        return [run for name in connections for run, _ in self.open_syncs(name)]

    def files(self) -> list[Path]:
        """Every account that is still on disk, in a stable order."""
        return sorted(self.root.glob("*/**/*.jsonl"))

    def resolve(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Note what was done about errors: all of it in one file, or nothing."""
        number, now = str(uuid4()), datetime.now(UTC)
        path = self.root / "ended" / f"{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"table": "error_events", "sync_id": number, "occurred_at": now}
        fresh = path.with_suffix(".tmp")
        with fresh.open("wb") as file:
            file.writelines(msgspec.json.encode({**told, **row}) + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def forget(self, paths: Iterable[Path]) -> None:
        """Remove accounts that have ended and are in the warehouse."""
        for path in paths:
            if path.parent == self.root / "ended":
                path.unlink(missing_ok=True)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of one ledger file, each with a stable id; a torn last line is left out."""
    for number, line in enumerate(path.read_bytes().splitlines()):
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            continue
        row["row_id"] = _digest(row["sync_id"], row["table"], str(number))
        yield row


def to_table(name: str, paths: Iterable[Path]) -> pa.Table:
    """One ledger table out of files."""
    schema = TABLES[name]
    rows = []
    for row in (row for path in paths for row in read_rows(path)):
        if row["table"] == name:
            row[schema.names[0]] = row["row_id"]
            row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
            rows.append({column: row.get(column) for column in schema.names})
    return pa.Table.from_pylist(rows, schema=schema)


def slug(text: str) -> str:
    """A name that is safe as a file and pipeline name, and still unique."""
    safe = "".join(c if c.isalnum() else "_" for c in text.lower()).strip("_")
    return f"{safe[:40]}_{_digest(text)[:8]}"


def _reopen(path: Path) -> tuple[SyncRun, set[str]] | None:
    rows = list(read_rows(path))
    if not rows:
        # Killed before its first line was whole, or just beginning: nothing was asked for yet.
        return None
    first = rows[0]
    details = msgspec.json.decode(first["details"])
    run = SyncRun(
        path,
        first["sync_id"],
        first["source_type"],
        first["connection_id"],
        first["container"],
        details["mode"],
        started_at=first["occurred_at"],
        lane=details.get("lane", 0),
    )
    for name in details["resources"]:
        run.resource(name)
    return run, {row["event"] for row in rows if "event" in row}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
