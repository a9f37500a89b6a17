"""The questions of operators and analysts, each compiled by dbt and asked of a built warehouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.conftest import ROOT, read, read_rows, run_dbt
from tests.dbt_project.github_payloads import ATTIC, COMMIT, GAUGE, WEB, at

Answer = list[dict[str, Any]]
Ask = Callable[..., Answer]
ISSUE = f"github:issue:I_{GAUGE}_1"


@pytest.fixture(scope="module")
def ask(small_warehouse: Path, dbt_folder: Path) -> Ask:
    """Ask one of the analyses by its name, of this warehouse or another one."""
    run_dbt(dbt_folder, small_warehouse, "compile", "--select", "path:analyses")
    compiled = dbt_folder / "target" / "compiled" / "headwater" / "analyses"
    questions = {path.stem: path.read_text() for path in compiled.glob("*.sql")}
    return lambda name, warehouse=small_warehouse: read_rows(warehouse, questions[name])


def pick(rows: Answer, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_every_analysis_is_asked_here() -> None:
    names = {path.stem for path in (ROOT / "dbt_project" / "analyses").glob("*.sql")}
    asked = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f'ask("{name}")' not in asked] == []


def test_documents_by_source_and_state(ask: Ask) -> None:
    rows = ask("documents_by_source_and_state")
    counted = pick(rows, "connection_id", "document_type", "state", "document_count")
    assert [row for row in counted if row[1] in ("issue", "pull_request")] == [
        ("github", "issue", "closed", 1),
        ("github", "issue", "open", 1),
        ("github", "pull_request", "merged", 1),
        ("github", "pull_request", "open", 1),
        ("linear", "issue", "closed", 1),
        ("linear", "issue", "open", 1),
        ("mirror", "issue", "open", 1),
    ]
    (files,) = (row for row in rows if row["document_type"] == "file")
    assert (files["state"], files["document_count"], files["deleted_count"]) == (
        "without a state",
        9,
        2,
    )


def test_documents_by_external_key(ask: Ask) -> None:
    assert pick(ask("documents_by_external_key"), "document_id", "title", "state", "url") == [
        (ISSUE, "Alarm too quiet", "closed", f"{WEB}/issues/1")
    ]


def test_another_key_is_given_as_a_variable(small_warehouse: Path, dbt_folder: Path) -> None:
    folder = dbt_folder / "of_eng_1"
    selected = ("--select", "documents_by_external_key", "--vars", "{key: eng-1}")
    run_dbt(folder, small_warehouse, "compile", *selected)
    compiled = folder / "target" / "compiled" / "headwater" / "analyses"
    rows = read_rows(small_warehouse, (compiled / "documents_by_external_key.sql").read_text())
    assert pick(rows, "source_id", "title") == [("ENG-1", "Plan 1")]


def test_a_key_may_have_an_apostrophe(small_warehouse: Path, dbt_folder: Path) -> None:
    names = ("documents_by_external_key", "related_documents", "comments_of_an_issue")
    folder = dbt_folder / "of_a_log"
    selected = ("--select", *names, "--vars", """{key: "Harbour's log"}""")
    run_dbt(folder, small_warehouse, "compile", *selected)
    compiled = folder / "target" / "compiled" / "headwater" / "analyses"
    assert [
        read_rows(small_warehouse, (compiled / f"{name}.sql").read_text()) for name in names
    ] == [[], [], []]


def test_related_documents(ask: Ask) -> None:
    rows = pick(ask("related_documents"), "direction", "relation", "source_id")
    back = "is referred to by"
    assert sorted(rows) == [
        (back, "mentions", "ENG-1"),
        (back, "parent", f"{GAUGE}#1/comments/11"),
        (back, "parent", f"{GAUGE}#1/comments/12"),
    ]


def test_comments_of_an_issue(ask: Ask) -> None:
    assert pick(
        ask("comments_of_an_issue"), "source_created_at", "author_identity_id", "body", "depth"
    ) == [
        (at(2), "github:U_bo", "comment 11", 1),
        (at(3), "github:U_ada", "comment 12", 1),
    ]


def test_failed_events_of_the_last_day(ask: Ask) -> None:
    """The world has one failure of an hour ago, and one of long ago."""
    assert pick(
        ask("failed_events_of_the_last_day"),
        *("connection_id", "stage", "resource", "error_code", "record_count", "attempt_count"),
    ) == [("github", "extract", "issues", "ValidationError", 1, 1)]


def test_timeline_by_day(ask: Ask) -> None:
    rows = [row for row in ask("timeline_by_day") if row["source_type"] == "github"]
    assert pick(rows, "day_date", "interaction_count", "bot_interaction_count")[:3] == [
        (date(2026, 3, 1), 6, 0),
        (date(2026, 3, 2), 4, 1),
        (date(2026, 3, 3), 4, 0),
    ]
    assert (rows[1]["person_count"], rows[1]["known_actor_share"]) == (2, 0.75)


def test_syncs_due_for_retry(ask: Ask) -> None:
    """The mirror was never synced."""
    assert pick(
        ask("syncs_due_for_retry"), "container", "reason", "consecutive_failure_count", "command"
    ) == [
        ("ENG", "failed", 1, "headwater sync linear --container 'ENG'"),
        (GAUGE, "overdue", 0, f"headwater sync github --container '{GAUGE}'"),
        (GAUGE, "never synced", 0, f"headwater sync mirror --container '{GAUGE}'"),
    ]


def test_a_container_that_sources_yml_has_no_more_is_not_due(
    ask: Ask, small_warehouse: Path, tmp_path: Path
) -> None:
    warehouse = tmp_path / small_warehouse.name
    warehouse.write_bytes(small_warehouse.read_bytes())
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "insert into ops.sync_state"
            f" select * replace ('{ATTIC}' as container) from ops.sync_state"
            f" where container = '{GAUGE}'"
        )
    assert ask("syncs_due_for_retry", warehouse) == ask("syncs_due_for_retry")


def test_sync_statistics(ask: Ask) -> None:
    assert pick(
        ask("sync_statistics"),
        *("connection_id", "resource", "sync_count", "failed_count", "items_processed"),
        *("items_new", "bytes_received", "median_duration_seconds"),
    ) == [
        ("github", "issues", 1, 0, 3, 2, 900, 120.0),
        ("linear", "issues", 1, 1, None, None, None, 60.0),
    ]


def test_recent_activity(ask: Ask, small_warehouse: Path) -> None:
    rows = ask("recent_activity")
    assert pick(rows, "occurred_at", "actor_identity_id", "interaction_type", "title")[0] == (
        *(at(10), "github:U_ada", "opened"),
        "Louder alarm",
    )
    times = [row["occurred_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert [(len(rows),)] == read(
        small_warehouse, "select count(*) from core.interactions where not is_bot"
    )


def test_unresolved_references(ask: Ask) -> None:
    rows = pick(ask("unresolved_references"), "reference_key", "document_count")
    assert ("github:tidewater-labs/attic#1", 1) in rows
    assert "github:tidewater-labs/gauge#1" not in dict(rows)


def test_who_reviewed_what(ask: Ask) -> None:
    """Ada approved her own pull request as well."""
    rows = pick(
        ask("who_reviewed_what"),
        *("source_id", "reviewer", "last_verdict", "hours_to_first_review"),
    )
    assert sorted(rows, key=str) == [
        (f"{GAUGE}#3", "bo", "approved", 48.0),
        (f"{GAUGE}#3", None, "requested_changes", 25.0),
    ]


def test_deployment_frequency(ask: Ask) -> None:
    """What pull requests waited for is production alone."""
    assert pick(
        ask("deployment_frequency"),
        *("repository", "environment", "week_start_date", "deployment_count"),
        *("pull_request_count", "median_deploy_hours", "median_lead_hours"),
    ) == [
        (GAUGE, "harbour", date(2026, 3, 2), 1, 1, 26.0, 98.0),
        (GAUGE, "staging", date(2026, 3, 2), 1, 0, None, None),
    ], COMMIT
