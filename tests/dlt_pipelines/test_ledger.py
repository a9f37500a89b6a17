"""The ledger is true at every moment, also after the process was killed in the middle of a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dlt_pipelines.exceptions import AuthError, PermanentError
from dlt_pipelines.ledger import Ledger, SyncRun, Trigger, read_rows, slug, to_table

REPO = "tidewater-labs/gauge"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


def start(ledger: Ledger, container: str = REPO, connection: str = "github") -> SyncRun:
    return ledger.start(
        "github",
        connection,
        container,
        mode="window",
        resources=["issues", "labels"],
        trigger=Trigger("airflow", "ingest_github", "manual__1", 2, "http://localhost/log"),
        window=(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    )


def events(path: Path) -> list[tuple[str, str | None]]:
    return [(row["event"], row["resource"]) for row in read_rows(path)]


def details(path: Path, number: int) -> dict[str, Any]:
    return json.loads(list(read_rows(path))[number]["details"])


def test_a_sync_is_on_disk_from_its_first_line(ledger):
    run = start(ledger)
    assert run.path == ledger.root / "open" / "github" / slug(REPO) / f"{run.sync_id}.jsonl"
    (row,) = read_rows(run.path)
    assert row.pop("row_id")
    assert datetime.fromisoformat(row.pop("occurred_at")).tzinfo
    assert json.loads(row.pop("details")) == {
        "mode": "window",
        "trigger": "airflow",
        "dag_id": "ingest_github",
        "run_id": "manual__1",
        "try_number": 2,
        "log_url": "http://localhost/log",
        "window_start": "2026-01-01T00:00:00Z",
        "window_end": "2026-02-01T00:00:00Z",
        "resources": ["issues", "labels"],
    }
    assert row == {
        "table": "sync_events",
        "sync_id": run.sync_id,
        "connection_id": "github",
        "source_type": "github",
        "container": REPO,
        "resource": None,
        "event": "started",
    }


def test_an_extracted_sync_accounts_for_every_resource(ledger):
    run = start(ledger)
    issues = run.resource("issues")
    issues.items_processed, issues.items_succeeded, issues.items_failed = 12, 11, 1
    issues.expected_items = 12
    issues.cursor_before, issues.cursor_after = "2026-01-01", "2026-01-31"
    issues.meter.requests_made, issues.meter.requests_not_modified = 3, 1
    issues.meter.rate_limit_remaining, issues.meter.rate_limit_wait_seconds = 4_990, 1.23456
    issues.meter.bytes_received, issues.meter.requests_saved = 2_048, 2
    run.resource("labels")
    run.extracted()
    assert events(run.path) == [
        ("started", None),
        ("extracted", "issues"),
        ("extracted", "labels"),
    ]
    found = details(run.path, 1)
    assert found.pop("started_at") <= found.pop("completed_at")
    assert found == {
        "cursor_before": "2026-01-01",
        "cursor_after": "2026-01-31",
        "items_processed": 12,
        "items_succeeded": 11,
        "items_failed": 1,
        "expected_items": 12,
        "is_complete": True,
        "requests_made": 3,
        "requests_not_modified": 1,
        "requests_saved": 2,
        "rate_limit_remaining": 4_990,
        "rate_limit_wait_seconds": 1.235,
        "bytes_received": 2_048,
        "error_code": None,
        "error_message": None,
    }


def test_a_resource_that_the_token_may_not_read_is_accounted_as_incomplete(ledger):
    run = start(ledger)
    run.resource("collaborators").refused(
        AuthError("github.collaborators", "403", "push access", "grant it", code="forbidden")
    )
    run.extracted()
    found = details(run.path, 1)
    assert (found["is_complete"], found["error_code"], found["error_message"]) == (
        False,
        "forbidden",
        "github.collaborators: 403; expected push access; grant it",
    )


def test_each_end_moves_the_account_out_of_the_open_ones(ledger):
    loaded, failed, interrupted = start(ledger), start(ledger), start(ledger)
    loaded.loaded(["1.5"], {"issues": 3})
    failed.failed("extract", PermanentError("github.issues", "x", "y", "z", code="incomplete"))
    interrupted.interrupted()
    assert ledger.open_syncs("github") == []
    ended = ledger.root / "ended"
    assert details(ended / loaded.path.name, 1) == {
        "load_ids": ["1.5"],
        "rows_added": {"issues": 3},
    }
    assert details(ended / failed.path.name, 1) == {
        "stage": "extract",
        "error_code": "incomplete",
        "error_message": "github.issues: x; expected y; z",
    }
    assert details(ended / interrupted.path.name, 1) == {
        "stage": "extract",
        "error_message": (
            "github.tidewater-labs/gauge: the process ended during extract;"
            " expected it to finish; run again"
        ),
    }


def test_a_failed_load_leaves_the_account_open_for_the_next_try(ledger):
    run = start(ledger)
    run.extracted()
    run.failed("load", ValueError("disk full"), ends=False)
    ((again, seen),) = ledger.open_syncs("github")
    assert (again.sync_id, seen) == (run.sync_id, {"started", "failed"})
    assert details(run.path, 1) == {
        "stage": "load",
        "error_code": "ValueError",
        "error_message": "disk full",
    }


def test_reopening_gives_back_the_whole_sync(ledger):
    run = start(ledger)
    run.resource("issues")
    run.extracted()
    ((again, seen),) = Ledger(ledger.root).open_syncs("github")
    assert seen == {"started", "extracted"}
    assert list(again.resources) == ["issues", "labels"]
    assert again.started_at
    for name in ("path", "sync_id", "source_type", "connection_id", "container", "mode"):
        assert getattr(again, name) == getattr(run, name)


def test_open_syncs_are_of_one_connection_and_oldest_first(ledger):
    first, other, second = (
        start(ledger, "a/z"),
        start(ledger, connection="mirror"),
        start(ledger, "a/a"),
    )
    assert [r.sync_id for r, _ in ledger.open_syncs("github")] == [first.sync_id, second.sync_id]
    assert {r.sync_id for r in ledger.all_open()} == {r.sync_id for r in (first, other, second)}


def tear(path: Path) -> None:
    """What `kill -9` leaves of the last line."""
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: last + (len(content) - last) // 2])


def test_a_torn_last_line_is_left_out(ledger):
    run = start(ledger)
    run.extracted()
    run.resource("issues")
    run.extracted()
    tear(run.path)
    assert events(run.path) == [("started", None)]
    ((_, seen),) = ledger.open_syncs("github")
    assert seen == {"started"}


def test_what_is_written_after_a_torn_line_is_not_lost_with_it(ledger):
    run = start(ledger)
    run.resource("issues")
    run.extracted()
    tear(run.path)
    ((again, _),) = ledger.open_syncs("github")
    again.interrupted()
    assert events(ledger.root / "ended" / run.path.name) == [
        ("started", None),
        ("interrupted", None),
    ]


def test_an_account_without_one_whole_line_is_nobodys_sync(ledger):
    run = start(ledger)
    tear(run.path)
    assert ledger.open_syncs("github") == []
    assert to_table("sync_events", ledger.files()).num_rows == 0


def test_an_account_that_another_process_is_about_to_begin_is_left_alone(ledger):
    run = start(ledger)
    line = run.path.read_bytes()
    with run.path.open("wb") as file:  # The moment between opening the file and its first line.
        assert ledger.open_syncs("github") == []
        file.write(line)
    assert [again.sync_id for again, _ in ledger.open_syncs("github")] == [run.sync_id]


def test_ids_of_lines_stay_the_same_while_a_file_grows(ledger):
    run = start(ledger)
    run.resource("issues").dead_letter(b"{}", ValueError("x"))
    before = [row["row_id"] for row in read_rows(run.path)]
    run.loaded([], {})
    after = [row["row_id"] for row in read_rows(ledger.root / "ended" / run.path.name)]
    assert after[:2] == before
    assert len(set(after)) == 3


def test_ledger_tables_hold_each_line_once_with_its_time(ledger):
    run = start(ledger)
    run.resource("issues").dead_letter(b'{"id": 1}', KeyError("node_id"))
    run.loaded([], {})
    events_table = to_table("sync_events", ledger.files())
    letters = to_table("dead_letters", ledger.files()).to_pylist()
    assert events_table["event"].to_pylist() == ["started", "loaded"]
    assert events_table["occurred_at"].type.tz == "UTC"
    assert [(row["resource"], row["error_code"], row["payload"]) for row in letters] == [
        ("issues", "KeyError", '{"id": 1}')
    ]
    assert letters[0]["error_message"] == (
        "github.issues: a record cannot be read ('node_id'); expected the documented keys;"
        " fix the reader, then replay the record"
    )


def test_the_same_bad_record_has_one_dead_letter_id_and_one_event_per_attempt(ledger):
    for _ in range(2):
        run = start(ledger)
        run.resource("issues").dead_letter(b"{}", ValueError("x"))
        run.loaded([], {})
    letters = to_table("dead_letters", ledger.files())
    assert len(set(letters["dead_letter_id"].to_pylist())) == 1
    assert len(set(letters["dead_letter_event_id"].to_pylist())) == 2


def test_only_ended_accounts_are_forgotten(ledger):
    still_open, ended = start(ledger), start(ledger)
    ended.loaded([], {})
    ledger.forget(ledger.files())
    assert ledger.files() == [still_open.path]


def test_an_account_tells_no_token(ledger):
    run = start(ledger)
    run.failed("extract", ValueError("got ghp_" + "a" * 36))
    assert details(ledger.root / "ended" / run.path.name, 1)["error_message"] == "got ***"


def test_slugs_are_safe_as_file_names_and_tell_names_apart():
    names = ["a/b", "a_b", "A/B", "a/b/", "../..", "Ünïcode ☂", "x" * 300]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(len(text) <= 50 and "/" not in text and "." not in text for text in slugs)
    assert slug("a/b") == slug("a/b")


def test_a_line_with_unicode_line_separators_is_one_line(ledger):
    run = start(ledger)
    text = "one\u2028two\u0085three\x0bfour"
    run.resource("issues").dead_letter(msgspec.json.encode({"title": text}), ValueError("x"))
    (letter,) = [row for row in read_rows(run.path) if row["table"] == "dead_letters"]
    assert json.loads(letter["payload"]) == {"title": text}
