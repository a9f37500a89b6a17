"""Analysts' marts, and the account of stores, syncs and raw events, built from a small world."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from tests.dbt_project.conftest import read, read_rows
from tests.dbt_project.github_payloads import ATTIC, COMMIT, GAUGE, at

ISSUE = f"github:issue:I_{GAUGE}_1"


def test_a_pull_request_is_timed_from_first_commit_to_production(small_warehouse: Path) -> None:
    rows = read_rows(
        small_warehouse,
        "select columns(c -> c like '%_at' or c like '%_hours' or c like '%_count')"
        " from analytics.pull_request_cycle_times where source_id = 'tidewater-labs/gauge#3'",
    )
    assert rows == [
        {
            "addition_count": 5,
            "deletion_count": 2,
            "changed_file_count": 1,
            # One by an account that is gone; the author's own approval is none.
            "review_count": 2,
            "reviewer_count": 1,
            "coding_hours": 0.0,
            "pickup_hours": 25.0,
            "approval_hours": 23.0,
            "review_hours": 47.0,
            "deploy_hours": 26.0,
            "cycle_hours": 72.0,
            "lead_hours": 98.0,
            "first_commit_at": at(4),
            "opened_at": at(1),
            "ready_at": at(1),
            "first_review_at": at(2, 1),
            "approved_at": at(3),
            "merged_at": at(4),
            "closed_at": None,
            "deployed_at": at(5, 2),
        }
    ]


def test_every_pull_request_and_issue_is_timed_once(small_warehouse: Path) -> None:
    for kind, mart in (
        ("pull_request", "pull_request_cycle_times"),
        ("issue", "issue_cycle_times"),
    ):
        timed = read(small_warehouse, f"select document_id from analytics.{mart} order by all")
        known = read(
            small_warehouse,
            "select document_id from core.documents"
            f" where document_type = '{kind}' and deleted_at is null order by all",
        )
        assert timed == known
        assert len(known) >= 2


def test_issues_are_timed_by_what_happened(small_warehouse: Path) -> None:
    assert read(
        small_warehouse,
        "select source_id, reopened_count, wait_hours, lead_hours, cycle_hours, open_hours,"
        " closed_at from analytics.issue_cycle_times"
        " where source_id in ('tidewater-labs/gauge#1', 'ENG-1', 'ENG-2') order by 1",
    ) == [
        ("ENG-1", 0, 24.0, None, None, None, None),
        ("ENG-2", 0, 24.0, 72.0, 48.0, 72.0, at(4)),
        ("tidewater-labs/gauge#1", 1, None, 120.0, None, 72.0, at(6)),
    ]


def test_open_work_waits_for_people(small_warehouse: Path) -> None:
    assert read(
        small_warehouse,
        "select source_id, role, person, min(identity_id), age_days, age_group"
        " from analytics.open_work left join core.contact_identities using (contact_id)"
        " group by all order by all",
    ) == [
        ("ENG-1", "assignee", "linear:lu-bo", "linear:lu-bo", 19, "under a month"),
        ("tidewater-labs/attic#2", "author", "ada", "github:U_ada", 19, "under a month"),
        # Nobody has synced the mirror: as of when it was last seen.
        ("tidewater-labs/gauge#4", "author", "ada", "github:U_ada", 10, "under a month"),
        ("tidewater-labs/gauge#4", "reviewer", "bo", "github:U_bo", 10, "under a month"),
        ("tidewater-labs/gauge#5", "author", "ada", "github:U_ada", 27, "under a month"),
    ]


def test_throughput_and_reviews_are_counted_by_week(small_warehouse: Path) -> None:
    assert read(
        small_warehouse,
        "select document_type, opened_count, completed_count, abandoned_count, median_hours,"
        " week_start_date from analytics.weekly_throughput"
        f" where connection_id = 'github' and project_key = '{GAUGE}' order by all",
    ) == [
        ("issue", 0, 1, 0, 120.0, date(2026, 3, 2)),
        ("issue", 1, 0, 0, None, date(2026, 2, 23)),
        ("pull_request", 0, 1, 0, 72.0, date(2026, 3, 2)),
        ("pull_request", 1, 0, 0, None, date(2026, 2, 23)),
        ("pull_request", 1, 0, 0, None, date(2026, 3, 9)),
    ]
    assert read(
        small_warehouse,
        "select reviewer, repository, review_count, approval_count,"
        " week_start_date from analytics.review_load",
    ) == [("bo", GAUGE, 1, 1, date(2026, 3, 2))]


def test_stores_hold_what_their_sources_read(small_warehouse: Path) -> None:
    assert read(small_warehouse, "select store, connection_ids from ops.stores order by store") == [
        ("archive", ["mirror"]),
        ("engineering", ["github", "mirror"]),
        ("planning", ["linear"]),
    ]
    assert read(
        small_warehouse,
        "select store, connection_id, is_public from ops.store_documents"
        f" where document_id = '{ISSUE}' order by all",
    ) == [("archive", "mirror", True), ("engineering", "github", True)]
    assert read(
        small_warehouse,
        "select store, document_count, public_document_count from ops.stores"
        " where store != 'engineering' order by store",
    ) == [("archive", 2, 1), ("planning", 2, 0)]
    unplaced = "from core.documents anti join ops.store_documents using (document_id)"
    assert read(small_warehouse, unplaced) == []


def test_sync_logs_tell_every_event(small_warehouse: Path) -> None:
    assert read(
        small_warehouse,
        "select sync_id, event, level, stage, items_processed, bytes_received, duration_seconds"
        " from ops.sync_logs order by occurred_at",
    ) == [
        ("g1", "started", "info", None, None, None, None),
        ("g1", "extracted", "info", None, 3, 900, None),
        ("g1", "completed", "info", None, 3, 900, 120.0),
        ("l1", "started", "info", None, None, None, None),
        ("l1", "failed", "error", "extract", None, None, 60.0),
    ]


def test_raw_events_are_those_of_every_raw_table(small_warehouse: Path) -> None:
    tables = read(
        small_warehouse,
        "select schema_name, table_name from duckdb_columns() where column_name = 'event_id'"
        " and schema_name in ('raw_github', 'raw_linear', 'raw_notion') order by all",
    )
    counted = {
        (schema.removeprefix("raw_"), table): count
        for schema, table in tables
        for ((count,),) in [read(small_warehouse, f"select count(*) from {schema}.{table}")]
        if count
    }
    told = read(
        small_warehouse,
        "select source_type, resource, count(*) from ops.raw_events group by all",
    )
    assert {(source, resource): count for source, resource, count in told} == counted
    unknown = "from core.documents anti join ops.raw_events using (event_id)"
    assert read(small_warehouse, unknown) == []


def test_sync_state_knows_the_branches(small_warehouse: Path) -> None:
    states = read(small_warehouse, "select container, state from ops.sync_state order by all")
    told = {container: json.loads(state) for container, state in states}
    names = ("main", "next", "release/1", "ruled")
    assert told[GAUGE]["branches"] == dict.fromkeys(names, COMMIT)
    assert told["ENG"]["branches"] == {}
    assert told[GAUGE]["resources"]["issues"]["cursor"] == at(6).isoformat()
    assert ATTIC not in told


def test_every_measure_and_dimension_of_the_metrics_exists(
    small_warehouse: Path, dbt_folder: Path
) -> None:
    """Nothing here runs MetricFlow: what it would select is selected without it."""
    told = json.loads((dbt_folder / "target" / "semantic_manifest.json").read_text())
    calls = {"sum": "sum({})", "median": "median({})", "count_distinct": "count(distinct {})"}
    measured = {}
    for model in told["semantic_models"]:
        relation = "{schema_name}.{alias}".format(**model["node_relation"])
        for part in [*model["dimensions"], *model["entities"]]:
            rows = read(small_warehouse, f"select {part['expr'] or part['name']} from {relation}")
            assert rows, part["name"]
        for measure in model["measures"]:
            call = calls[measure["agg"]].format(measure["expr"])
            ((measured[measure["name"]],),) = read(
                small_warehouse, f"select {call} from {relation}"
            )
    (documents,) = read(small_warehouse, "select count(*) from core.documents")
    (interactions,) = read(
        small_warehouse, "select count(*), count(distinct contact_id) from core.interactions"
    )
    assert measured == {
        "document_count": documents[0],
        "interaction_count": interactions[0],
        "active_person_count": interactions[1],
        "merged_count": 1,
        "deployed_count": 1,
        "median_cycle_hours": 72.0,
        "median_pickup_hours": 25.0,
        "median_lead_hours": 98.0,
    }
    used = {
        metric["type_params"]["measure"]["name"]
        for metric in told["metrics"]
        if metric["type"] == "simple"
    }
    assert used == set(measured)
