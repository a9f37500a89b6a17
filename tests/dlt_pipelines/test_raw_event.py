"""A record becomes one row of the envelope; one that cannot be read becomes a dead letter."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pytest

from dlt_pipelines import raw_event
from dlt_pipelines.ledger import read_rows
from dlt_pipelines.raw_event import SCHEMA, to_batches, to_empty_listing


class Keys(msgspec.Struct):
    id: str
    at: datetime


def read_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = msgspec.json.decode(record, type=Keys)
    return keys.id, keys.at


def read_id(record: bytes) -> tuple[str, datetime | None]:
    return msgspec.json.decode(record, type=dict)["id"], None


SAME = ("github", "tidewater-labs/gauge", "issues")


@pytest.fixture
def run(resource_run):
    return resource_run(*SAME)


def rows(batches) -> list[dict]:
    return pa.Table.from_batches([b for table in batches for b in table.to_batches()]).to_pylist()


RECORD = '{"at": "2026-03-01T12:00:00+02:00", "id": "I_1",  "title": "Ünïcode ☂"}'.encode()


OTHER = RECORD.replace(b"I_1", b"I_2")


def test_one_record_is_one_whole_row_with_the_payload_byte_for_byte(run):
    before = datetime.now(UTC)
    (row,) = rows(to_batches([RECORD], run, read_keys))
    digest = hashlib.sha256(RECORD).hexdigest()
    identity = (
        "github\x1ftidewater-labs/gauge\x1fissues\x1fI_1\x1fupsert\x1f"
        f"2026-03-01T10:00:00+00:00\x1f{digest}"
    )
    assert before <= row.pop("observed_at") <= datetime.now(UTC)
    assert row == {
        "event_id": hashlib.sha256(identity.encode()).hexdigest(),
        "connection_id": "github",
        "container": "tidewater-labs/gauge",
        "external_id": "I_1",
        "operation": "upsert",
        "origin": "poll",
        "occurred_at": datetime(2026, 3, 1, 10, tzinfo=UTC),
        "payload_hash": digest,
        "payload": RECORD.decode(),
        "sync_id": run.sync_id,
    }
    assert (run.items_processed, run.items_succeeded, run.items_failed) == (1, 1, 0)


def test_batches_have_exactly_the_envelope(run):
    (batch,) = to_batches([RECORD], run, read_keys)
    assert batch.schema == SCHEMA
    assert [field.name for field in SCHEMA if field.nullable] == []


def event_ids(run, *records: bytes, **options) -> list[str]:
    return [row["event_id"] for row in rows(to_batches(records, run, read_keys, **options))]


def test_ids_depend_on_what_was_read_and_not_on_when_or_by_whom(run, resource_run):
    later = resource_run(*SAME)
    later.sync.mode = "full"
    later.origin = "backfill"
    assert event_ids(run, RECORD) == event_ids(later, RECORD)


def test_ids_differ_by_connection_container_resource_object_time_and_content(run, resource_run):
    other_time = RECORD.replace(b"12:00", b"12:01")
    other_id = RECORD.replace(b"I_1", b"I_2")
    other_text = RECORD.replace(b"title", b"title ")
    found = [
        *event_ids(run, RECORD, other_time, other_id, other_text),
        *event_ids(resource_run("other", "tidewater-labs/gauge", "issues"), RECORD),
        *event_ids(resource_run("github", "tidewater-labs/else", "issues"), RECORD),
        *event_ids(resource_run("github", "tidewater-labs/gauge", "labels"), RECORD),
    ]
    assert len(set(found)) == 7


def test_a_listing_versions_by_content_alone(run, resource_run):
    one, two = RECORD, RECORD.replace(b"12:00", b"12:01")
    same_content = {"stable": lambda record: b"the same"}
    as_events = event_ids(run, one, two, **same_content)
    as_listing = event_ids(resource_run(*SAME), one, two, listing=True, **same_content)
    assert (len(as_events), len(as_listing)) == (2, 1)


def test_without_a_time_a_row_occurred_when_seen_and_its_id_leaves_that_out(run, resource_run):
    (first,) = rows(to_batches([b'{"id": "a"}'], run, read_id))
    (again,) = rows(to_batches([b'{"id": "a"}'], resource_run(*SAME), read_id))
    assert first["occurred_at"] == first["observed_at"]
    assert first["event_id"] == again["event_id"]


def test_volatile_parts_are_in_neither_hash_nor_id_but_in_the_payload(run, resource_run):
    def stable(record: bytes) -> bytes:
        return record.split(b"?")[0]

    one, two = RECORD[:-1] + b',"u":"x?1"}', RECORD[:-1] + b',"u":"x?2"}'
    (first,) = rows(to_batches([one], run, read_keys, stable=stable))
    (second,) = rows(to_batches([two], resource_run(*SAME), read_keys, stable=stable))
    assert first["payload"] != second["payload"]
    assert first["payload_hash"] == second["payload_hash"]
    assert first["event_id"] == second["event_id"]


UNREADABLE = {
    "missing key": (b'{"id": "x"}', "ValidationError", "missing required field `at`"),
    "wrong type": (b'{"id": 1, "at": "2026-03-01T12:00:00Z"}', "ValidationError", "got `int`"),
    "null key": (b'{"id": null, "at": "2026-03-01T12:00:00Z"}', "ValidationError", "got `null`"),
    "no object": (b"[1]", "ValidationError", "got `array`"),
    "no json": (b'{"id": ', "DecodeError", "truncated"),
    "no time": (b'{"id": "x", "at": "yesterday"}', "ValidationError", "Invalid RFC3339"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(run, name):
    record, code, reason = UNREADABLE[name]
    found = rows(to_batches([RECORD, record, OTHER], run, read_keys))
    assert [row["external_id"] for row in found] == ["I_1", "I_2"]
    assert (run.items_processed, run.items_succeeded, run.items_failed) == (3, 2, 1)
    (letter,) = [r for r in read_rows(run.sync.path) if r["table"] == "dead_letters"]
    assert letter.pop("row_id")
    assert letter.pop("occurred_at").startswith("20")
    assert reason in letter.pop("error_message")
    assert letter == {
        "table": "dead_letters",
        "sync_id": run.sync_id,
        "connection_id": "github",
        "source_type": "github",
        "container": "tidewater-labs/gauge",
        "dead_letter_id": hashlib.sha256(
            "\x1f".join(
                ("github", "tidewater-labs/gauge", "issues", "extract", record.decode())
            ).encode()
        ).hexdigest(),
        "resource": "issues",
        "external_id": None,
        "stage": "extract",
        "error_code": code,
        "payload": record.decode(),
    }


def test_bytes_that_are_no_text_are_a_dead_letter(run):
    record = b'{"id": "x", "at": "2026-03-01T12:00:00Z", "title": "\xff\xfe"}'
    assert list(to_batches([record], run, read_keys)) == []
    (letter,) = [r for r in read_rows(run.sync.path) if r["table"] == "dead_letters"]
    assert letter["payload"].endswith('"title": "\ufffd\ufffd"}')


def test_a_dead_letter_tells_no_token(run):
    record = json.dumps({"id": "x", "body": "mine is ghp_" + "a" * 36}).encode()
    assert list(to_batches([record], run, read_keys)) == []
    assert b"ghp_" not in run.sync.path.read_bytes()
    assert b"mine is ***" in run.sync.path.read_bytes()


@pytest.mark.parametrize(
    "records, sizes", [(0, []), (5, [5]), (6, [6]), (7, [6, 1]), (13, [6, 6, 1])]
)
def test_memory_is_bounded_by_the_batch(run, monkeypatch, records, sizes):
    monkeypatch.setattr(raw_event, "BATCH_ROWS", 6)
    different = (RECORD.replace(b"I_1", b"I_%d" % n) for n in range(records))
    batches = to_batches(different, run, read_keys)
    assert [len(batch) for batch in batches] == sizes
    assert (run.items_processed, run.items_succeeded) == (records, records)


def test_records_are_read_lazily(run, monkeypatch):
    monkeypatch.setattr(raw_event, "BATCH_ROWS", 2)
    taken = []

    def records():
        for number in range(10):
            taken.append(number)
            yield RECORD.replace(b"I_1", b"I_%d" % number)

    next(to_batches(records(), run, read_keys))
    assert taken == [0, 1]


def test_what_a_listing_repeats_is_one_row(run):
    # `scd2` tells a row from those of earlier loads, but not from others of its own.
    repeated = to_batches([RECORD, OTHER, RECORD], run, read_keys, listing=True)
    assert [row["external_id"] for row in rows(repeated)] == ["I_1", "I_2"]
    assert (run.items_processed, run.items_succeeded, run.items_failed) == (3, 3, 0)


def test_an_empty_listing_is_one_delete_that_says_why(run):
    table = to_empty_listing(run, "GET /labels: 200 with no items")
    assert table.schema == SCHEMA
    (row,) = table.to_pylist()
    assert (row["external_id"], row["operation"]) == ("*", "delete")
    assert json.loads(row["payload"]) == {
        "reason": "empty_listing",
        "evidence": "GET /labels: 200 with no items",
    }
    assert row["occurred_at"] == row["observed_at"]
    (again,) = to_empty_listing(run, "GET /labels: 200 with no items").to_pylist()
    assert again["event_id"] == row["event_id"]
    assert (run.items_processed, run.items_succeeded) == (0, 0)
