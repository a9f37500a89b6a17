"""What the sync ledger tells becomes sync history, sync state, and errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.dbt_project.conftest import Dbt, read
from tests.raw_warehouse import Event, RawWarehouse

REPOSITORY = "tidewater-labs/gauge"


def event(
    sync_id: str, minute: int, name: str, resource: str | None = None, **details: Any
) -> dict[str, Any]:
    return {
        "ledger_event_id": f"{sync_id}-{minute}",
        "sync_id": sync_id,
        "connection_id": "github",
        "source_type": "github",
        "container": REPOSITORY,
        "resource": resource,
        "event": name,
        "occurred_at": datetime(2026, 3, 1, 0, minute, tzinfo=UTC),
        "details": details,
    }


def sync(sync_id: str, minute: int, mode: str, cursor: str, **ending: Any) -> list[dict[str, Any]]:
    started = {"mode": mode, "trigger": "cli", "resources": ["issues"]}
    extracted = {
        "cursor_after": cursor,
        "items_processed": 3,
        "items_succeeded": 3 - ending.get("failed", 0),
        "items_failed": ending.get("failed", 0),
        "is_complete": True,
    }
    rows = [
        event(sync_id, minute, "started", **started),
        event(sync_id, minute + 1, "extracted", "issues", **extracted),
    ]
    if "error" in ending:
        details = {"stage": "load", "error_code": ending["error"], "error_message": "…"}
        return [*rows, event(sync_id, minute + 2, "failed", **details)]
    return [*rows, event(sync_id, minute + 2, "loaded", load_ids=["1"], rows_added={"issues": 1})]


def test_a_refused_resource_and_saved_requests_are_told(warehouse: Path, dbt: Dbt) -> None:
    counts = {"items_processed": 0, "items_succeeded": 0, "items_failed": 0}
    refusal = {"error_code": "forbidden", "error_message": "github.teams: the token may not"}
    resources = ["issues", "teams"]
    raw = RawWarehouse(warehouse)
    raw.ledger(
        "sync_events",
        [
            *sync("s0", 0, "incremental", "c1"),
            event("s1", 10, "started", mode="reconcile", trigger="cli", resources=resources),
            event(
                *("s1", 11, "extracted", "issues"),
                **(counts | {"requests_saved": 7, "is_complete": True, "cursor_after": "c0"}),
            ),
            event("s1", 12, "extracted", "teams", **counts, **refusal, is_complete=False),
            event("s1", 13, "loaded", load_ids=["1"], rows_added={}),
            *sync("s2", 20, "webhook", "c9", error="unreachable"),
        ],
    )
    delivery = {
        "delivery_id": "72d3162e",
        "connection_id": "github",
        "source_type": "github",
        "event": "issues",
        "action": "edited",
        "payload": {"action": "edited"},
        "received_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    failed = {"status": "failed", "attempts": 5, "error_message": "…"}
    raw.ledger(
        "webhook_deliveries",
        [
            {**delivery, **ending, "delivery_event_id": str(minute), "occurred_at": at}
            for minute, ending in ((1, failed), (2, {"status": "processed", "attempts": 1}))
            for at in [datetime(2026, 3, 1, 0, minute, tzinfo=UTC)]
        ],
    )

    dbt("run", "--select", "+sync_state", "+webhook_deliveries")

    assert read(warehouse, "select * from ops.webhook_deliveries") == [
        (
            *("72d3162e", "github", "github", "issues", "edited", "processed", None, 1, 20),
            *(datetime(2026, 3, 1, 0, minute, tzinfo=UTC) for minute in (0, 2)),
        )
    ]

    assert read(
        warehouse,
        "select resource, mode, status, is_complete, requests_saved, error_code, error_message"
        " from ops.sync_history where sync_id = 's1' order by 1",
    ) == [
        ("issues", "reconcile", "completed", True, 7, None, None),
        ("teams", "reconcile", "completed_with_errors", False, None, *refusal.values()),
    ]
    ((status, state),) = read(warehouse, "select last_status, state from ops.sync_state")
    assert (status, json.loads(state)["resources"]["issues"]["cursor"]) == (
        "completed",
        "c1",
    )


def test_ledger_becomes_history_state_and_errors(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    raw.ledger(
        "sync_events",
        [
            *sync("s1", 0, "incremental", "c1", failed=1),
            *sync("s2", 10, "window", "c0"),
            *sync("s3", 20, "incremental", "c2", error="disk_full"),
            event("s4", 30, "started", mode="full", trigger="cli", resources=["issues"]),
            *sync("s5", 40, "window", "c0"),
        ],
    )
    letter = {
        "dead_letter_id": "d",
        "sync_id": "s1",
        "connection_id": "github",
        "source_type": "github",
        "container": REPOSITORY,
        "resource": "issues",
        "external_id": None,
        "stage": "extract",
        "error_code": "ValidationError",
        "error_message": "…",
        "payload": "{}",
    }
    raw.ledger(
        "dead_letters",
        [
            {
                **letter,
                "dead_letter_event_id": str(minute),
                "occurred_at": datetime(2026, 3, 1, 0, minute, tzinfo=UTC),
            }
            for minute in (1, 11)
        ],
    )
    raw.ledger(
        "sources",
        [
            {
                "connection_id": "github",
                "source_type": "github",
                "stores": ["default"],
                "sync_frequency_minutes": 60,
                "is_enabled": True,
                "content_visibility": "mixed",
                "owner": "tidewater-labs",
                "secret_name": "GITHUB_TOKEN",
                "containers": [
                    {
                        "container": REPOSITORY,
                        "kind": "repository",
                        "settings": {
                            "branches": ["main"],
                            "content_types": ["issues"],
                            "code_filters": {
                                "include_paths": [],
                                "exclude_paths": ["vendor/**"],
                                "max_file_size_bytes": 1048576,
                            },
                        },
                    }
                ],
                "is_configured": True,
                "observed_at": datetime(2026, 3, 1, tzinfo=UTC),
            }
        ],
    )
    repository = {"full_name": REPOSITORY, "private": False, "default_branch": "main"}
    observed = datetime(2026, 3, 1, tzinfo=UTC)
    raw.listing("raw_github", "repositories", REPOSITORY, [Event("R", repository, observed)])
    raw.load(
        "raw_github",
        {
            "issues": [
                Event("I", {"number": 1, "title": "Public", "state": "open"}, observed),
                Event(
                    "J",
                    {"number": 1, "title": "Unknown repository", "state": "open"},
                    observed,
                    container="tidewater-labs/attic",
                ),
            ]
        },
    )

    dbt("build", "--exclude-resource-type", "unit_test")

    assert read(
        warehouse,
        "select sync_id, mode, status, items_processed, items_failed, items_unchanged, error_code"
        " from ops.sync_history order by 1",
    ) == [
        ("s1", "incremental", "completed_with_errors", 3, 1, 1, None),
        ("s2", "window", "completed", 3, 0, 2, None),
        ("s3", "incremental", "failed", 3, 0, None, "disk_full"),
        ("s5", "window", "completed", 3, 0, 2, None),
    ]
    ((status, failures, state),) = read(
        warehouse, "select last_status, consecutive_failure_count, state from ops.sync_state"
    )
    assert (status, failures) == ("failed", 1)
    assert json.loads(state)["resources"]["issues"]["cursor"] == "c1"
    assert read(
        warehouse,
        "select stage, error_code, attempt_count, status from ops.raw_event_errors order by stage",
    ) == [("extract", "ValidationError", 2, "open"), ("load", "disk_full", 1, "open")]
    assert read(
        warehouse,
        "select repository, branches, exclude_paths, max_file_size_bytes, is_private, last_status"
        " from ops.ingestion_repositories",
    ) == [(REPOSITORY, ["main"], ["vendor/**"], 1048576, False, "failed")]
    assert read(warehouse, "select containers, is_configured from ops.ingestion_sources") == [
        ([REPOSITORY], True)
    ]
    assert read(warehouse, "select title, visibility from core.documents order by 1") == [
        ("Public", "public"),
        ("Unknown repository", "private"),
    ]
