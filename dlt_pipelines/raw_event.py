"""The raw event: the one shape in which every source hands records to the warehouse.

A record goes through untouched: pages are split into byte slices, only the keys are decoded, and
the slice itself becomes `payload`. Columns and their meaning: CONTRIBUTING, "The raw event".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa

from dlt_pipelines.ledger import ResourceRun

Operation = Literal["upsert", "delete"]

TEXT_COLUMNS: Final = (
    "event_id",
    "connection_id",
    "container",
    "external_id",
    "operation",
    "origin",
)
SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in TEXT_COLUMNS),
        pa.field("occurred_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("observed_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("payload_hash", pa.string(), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
        pa.field("sync_id", pa.string(), nullable=False),
    ]
)
# A page of records is 100 to 250 rows; 2,000 rows of 5 KB keep a batch near 10 MB.
BATCH_ROWS: Final = 2_000
# The whole listing of a container; stands in when a complete listing came back empty.
WHOLE_LISTING: Final = "*"

ReadKeys = Callable[[bytes], tuple[str, datetime | None]]


def to_batches(
    records: Iterable[bytes | msgspec.Raw],
    run: ResourceRun,
    read_keys: ReadKeys,
    *,
    stable: Callable[[bytes], bytes] | None = None,
    listing: bool = False,
    shared: bool = False,
    rows_at_once: int | None = None,
) -> Iterator[pa.Table]:
    """Turn records into Arrow batches of raw events; unreadable ones become dead letters.

    Args:
        records: JSON objects as the provider sent them.
        run: whose sync this is; it counts and keeps what could not be read.
        read_keys: a record's (external_id, last-change time or None); raises msgspec errors.
        stable: the record without volatile parts, for hashing; None where there are none.
        listing: complete listings version a row by content alone (their ids leave out the time),
            and a record that pages repeat is one row (`scd2` would insert it twice).
        shared: the same object in another container is the same event, and stored once.
        rows_at_once: the most rows of a batch; None: BATCH_ROWS.
    """
    listed: set[str] = set()
    rows: list[tuple[Any, ...]] = []
    for record in records:
        payload = bytes(record)
        try:
            external_id, changed_at = read_keys(payload)
            digest = hashlib.sha256(stable(payload) if stable else payload).hexdigest()
            text = payload.decode()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            run.dead_letter(payload, error)
            continue
        run.items_processed += 1
        row = _to_row(run, external_id, "upsert", changed_at, digest, text, listing, shared)
        if listing and row[0] in listed:
            run.items_succeeded += 1
            continue
        if listing:
            listed.add(row[0])
        rows.append(row)
        if len(rows) == (rows_at_once or BATCH_ROWS):
            yield _to_table(rows, run)
            rows = []
    if rows:
        yield _to_table(rows, run)


def to_empty_listing(run: ResourceRun, evidence: str) -> pa.Table:
    """The tombstone of a whole listing: without any row, `scd2` would retire nothing."""
    payload = msgspec.json.encode({"reason": "empty_listing", "evidence": evidence})
    digest = hashlib.sha256(payload).hexdigest()
    row = _to_row(run, WHOLE_LISTING, "delete", None, digest, payload.decode(), True)
    return _as_table([row])


def to_tombstones(
    gone: Iterable[tuple[str, Mapping[str, Any]]], run: ResourceRun
) -> Iterator[pa.Table]:
    """Deletions: (external_id, why and on what evidence) each, as raw events of this moment.

    By the provider's clock: the newest event of an object decides, and the others have its times.
    """
    rows: list[tuple[Any, ...]] = []
    for external_id, reason in gone:
        run.items_processed += 1
        payload = msgspec.json.encode(reason)
        digest = hashlib.sha256(payload).hexdigest()
        now = run.sync.provider_time
        rows.append(_to_row(run, external_id, "delete", now, digest, payload.decode(), False))
        if len(rows) == BATCH_ROWS:
            yield _to_table(rows, run)
            rows = []
    if rows:
        yield _to_table(rows, run)


def _to_row(
    run: ResourceRun,
    external_id: str,
    operation: Operation,
    changed_at: datetime | None,
    digest: str,
    payload: str,
    listing: bool,
    shared: bool = False,
) -> tuple[Any, ...]:
    observed_at = datetime.now(UTC)
    occurred_at = (changed_at or observed_at).astimezone(UTC)
    version = "" if listing or changed_at is None else occurred_at.isoformat()
    place = () if shared else (run.connection_id, run.container)
    identity = "\x1f".join((*place, run.resource, external_id, operation, version, digest))
    return (
        hashlib.sha256(identity.encode()).hexdigest(),
        run.connection_id,
        run.container,
        external_id,
        operation,
        run.origin,
        occurred_at,
        observed_at,
        digest,
        payload,
        run.sync_id,
    )


def _to_table(rows: list[tuple[Any, ...]], run: ResourceRun) -> pa.Table:
    run.items_succeeded += len(rows)
    return _as_table(rows)


def _as_table(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )
