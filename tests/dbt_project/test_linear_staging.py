"""Linear's raw tables are staged: typed columns, what bots and guests did, reasons of deletion."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.dbt_project.conftest import read_rows, run_dbt
from tests.raw_warehouse import Event, RawWarehouse

TEAM: Final = "ENG"
WORKSPACE: Final = "tidewater"
MODELS: Final = ("issues", "comments", "issue_history", "issue_relations", "workflow_states")
# What every model has of the envelope; its own tests say what is in it.
ENVELOPE: Final = {
    "connection_id",
    "container",
    "event_id",
    "_dlt_load_id",
    "last_load_id",
    "occurred_at",
    "first_seen_at",
    "last_seen_at",
    "loaded_at",
}


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def event(external_id: str, day: int, container: str = TEAM, **payload: Any) -> Event:
    times = {"createdAt": at(1).isoformat(), "updatedAt": at(day).isoformat()}
    return Event(external_id, {"id": external_id, **times, **payload}, at(day), container=container)


def tombstone(external_id: str, reason: str, day: int) -> Event:
    payload = {"reason": reason, "evidence": {}}
    return Event(external_id, payload, at(day), operation="delete", container=TEAM)


FULL_ISSUE: Final = {
    "identifier": "ENG-1",
    "number": 1,
    "title": "Tide gauge drifts",
    "description": "By **4 mm**",
    "url": "https://linear.app/tidewater/issue/ENG-1",
    "branchName": "ada/eng-1",
    "priority": 2,
    "priorityLabel": "High",
    "estimate": 3,
    "previousIdentifiers": ["OPS-7"],
    "dueDate": "2026-04-01",
    "trashed": None,
    "team": {"id": "t1", "key": "ENG"},
    "state": {"id": "s1", "name": "In Progress", "type": "started"},
    "assignee": {"id": "u1"},
    "delegate": {"id": "b1"},
    "creator": None,
    "externalUserCreator": {"id": "x1", "name": "A guest"},
    "botActor": {"id": "b2", "name": "Slack", "type": "slack"},
    "project": {"id": "p1"},
    "projectMilestone": {"id": "m1"},
    "cycle": {"id": "c1"},
    "parent": {"id": "i0", "identifier": "ENG-0"},
    "labels": {"nodes": [{"id": "l1", "name": "bug"}, {"id": "l2", "name": "hardware"}]},
    "addedToTeamAt": at(2).isoformat(),
    "startedAt": at(3).isoformat(),
    "completedAt": at(4).isoformat(),
    "canceledAt": at(5).isoformat(),
    "archivedAt": None,
}
STAGED_ISSUE: Final = {
    "external_id": "i1",
    "team_id": "t1",
    "state_id": "s1",
    "project_id": "p1",
    "parent_issue_id": "i0",
    "creator_id": None,
    "bot_actor_id": "b2",
    "bot_actor_name": "Slack",
    "assignee_id": "u1",
    "cycle_id": "c1",
    "project_milestone_id": "m1",
    "delegate_id": "b1",
    "external_creator_id": "x1",
    "external_creator_name": "A guest",
    "identifier": "ENG-1",
    "title": "Tide gauge drifts",
    "description": "By **4 mm**",
    "issue_url": "https://linear.app/tidewater/issue/ENG-1",
    "team_key": "ENG",
    "source_state": "In Progress",
    "state_type": "started",
    "priority_label": "High",
    "branch_name": "ada/eng-1",
    "previous_identifiers": ["OPS-7"],
    "labels": ["bug", "hardware"],
    "issue_number": 1,
    "priority": 2.0,
    "estimate_points": 3.0,
    "is_trashed": False,
    "due_date": date(2026, 4, 1),
    "source_created_at": at(1),
    "source_updated_at": at(6),
    "added_to_team_at": at(2),
    "started_at": at(3),
    "completed_at": at(4),
    "canceled_at": at(5),
    "archived_at": None,
    "deletion_reason": None,
    "deleted_at": None,
}


@pytest.fixture(scope="module")
def staged(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a little of everything in Linear, staged."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    raw = RawWarehouse(path)
    issue = {"id": "i1", "identifier": "ENG-1"}
    raw.load(
        "raw_linear",
        {
            "issues": [
                event("i1", 5, **{**FULL_ISSUE, "title": "An older title"}),
                event("i1", 6, **FULL_ISSUE),
                event("i2", 6, trashed=True, archivedAt=at(5).isoformat()),
                event("i3", 6, archivedAt=at(5).isoformat()),
                event("i4", 6),
                tombstone("i4", "deleted", 7),
                event("i5", 6),
                tombstone("i5", "out_of_scope", 7),
                event("i5", 8),
            ],
            "comments": [
                event(
                    "c1",
                    2,
                    body="Which **datum**?",
                    url="https://linear.app/c1",
                    issue=issue,
                    parent={"id": "c0"},
                    user=None,
                    botActor={"id": "b1", "name": "Helper"},
                    externalUser={"id": "x1"},
                    resolvingUser={"id": "u2"},
                    resolvedAt=at(2).isoformat(),
                    editedAt=at(2).isoformat(),
                    quotedText="4 mm",
                ),
                event(
                    "c2",
                    3,
                    container=WORKSPACE,
                    body="In a document",
                    user={"id": "u1"},
                    documentContent={"document": {"id": "d1"}, "project": {"id": "p1"}},
                    archivedAt=at(3).isoformat(),
                ),
            ],
            "issue_history": [
                event(
                    "h1",
                    2,
                    issue=issue,
                    actor={"id": "u1"},
                    fromState={"id": "s0", "name": "Todo", "type": "unstarted"},
                    toState={"id": "s1", "name": "In Progress", "type": "started"},
                    fromStateId="s0",
                    toStateId="s1",
                    addedLabels=[{"id": "l1", "name": "bug"}],
                    addedLabelIds=["l1", "l2"],
                    relationChanges=[{"identifier": "OPS-2", "type": "ab"}],
                    toPriority=2,
                    fromPriority=0,
                    updatedDescription=True,
                    toDueDate="2026-04-01",
                ),
            ],
        },
    )
    raw.listing(
        "raw_linear",
        "issue_relations",
        WORKSPACE,
        [
            event(
                "r1",
                2,
                WORKSPACE,
                type="blocks",
                issue=issue,
                relatedIssue={"id": "i2", "identifier": "OPS-2"},
            )
        ],
    )
    team = {"id": "t1", "key": "ENG"}
    states = [
        event("s1", 2, name="Started", type="started", color="#fff", position=1, team=team),
        event("s2", 2, name="Gone", type="backlog", color="#000", position=0, team=team),
    ]
    raw.listing("raw_linear", "workflow_states", TEAM, states)
    renamed = event(
        "s1", 3, name="In Progress", type="started", color="#fff", position=1.5, team=team
    )
    raw.listing("raw_linear", "workflow_states", TEAM, [renamed])
    run_dbt(dbt_folder, path, "run", "--select", *(f"stg_linear__{name}" for name in MODELS))
    return path.rename(tmp_path_factory.mktemp("linear") / path.name)


def rows_of(staged: Path, name: str) -> list[dict[str, Any]]:
    found = read_rows(staged, f"select * from staging.stg_linear__{name} order by external_id")
    return [{key: row[key] for key in row.keys() - ENVELOPE} for row in found]


def given(**values: Any) -> dict[str, Any]:
    """The fields of a row that have a value."""
    return {name: value for name, value in values.items() if value is not None}


def filled(row: dict[str, Any]) -> dict[str, Any]:
    return given(**row)


def test_the_newest_issue_is_staged_with_every_column(staged: Path) -> None:
    assert rows_of(staged, "issues")[0] == STAGED_ISSUE


def test_an_issue_in_the_trash_is_deleted_an_archived_one_is_not(staged: Path) -> None:
    assert [
        (row["external_id"], row["is_trashed"], row["deletion_reason"], row["deleted_at"])
        for row in rows_of(staged, "issues")
    ] == [
        ("i1", False, None, None),
        ("i2", True, "trashed", at(5)),
        ("i3", False, None, None),
        ("i4", False, "deleted", at(7)),
        ("i5", False, None, None),
    ]


def test_comments_say_what_they_hang_on_and_who_wrote_them(staged: Path) -> None:
    assert [*map(filled, rows_of(staged, "comments"))] == [
        given(
            external_id="c1",
            issue_id="i1",
            issue_identifier="ENG-1",
            parent_comment_id="c0",
            bot_actor_id="b1",
            bot_actor_name="Helper",
            external_user_id="x1",
            resolving_user_id="u2",
            body="Which **datum**?",
            quoted_text="4 mm",
            comment_url="https://linear.app/c1",
            source_created_at=at(1),
            source_updated_at=at(2),
            edited_at=at(2),
            resolved_at=at(2),
        ),
        given(
            external_id="c2",
            linear_document_id="d1",
            project_id="p1",
            user_id="u1",
            body="In a document",
            source_created_at=at(1),
            source_updated_at=at(3),
            deletion_reason="archived",
            deleted_at=at(3),
        ),
    ]


def test_history_names_what_was_before_and_after(staged: Path) -> None:
    assert [*map(filled, rows_of(staged, "issue_history"))] == [
        given(
            external_id="h1",
            issue_id="i1",
            issue_identifier="ENG-1",
            actor_id="u1",
            from_state_id="s0",
            to_state_id="s1",
            from_state="Todo",
            to_state="In Progress",
            from_state_type="unstarted",
            to_state_type="started",
            added_labels=["bug", "l2"],
            removed_labels=[],
            relation_changes=["ab OPS-2"],
            from_priority=0.0,
            to_priority=2.0,
            is_description_changed=True,
            is_auto_archived=False,
            is_auto_closed=False,
            to_due_date=date(2026, 4, 1),
            source_created_at=at(1),
            source_updated_at=at(2),
        )
    ]


def test_relations_name_both_issues(staged: Path) -> None:
    assert [*map(filled, rows_of(staged, "issue_relations"))] == [
        given(
            external_id="r1",
            issue_id="i1",
            related_issue_id="i2",
            relation_type="blocks",
            issue_identifier="ENG-1",
            related_issue_identifier="OPS-2",
            source_created_at=at(1),
            source_updated_at=at(2),
        )
    ]


def test_a_state_has_its_newest_name_and_one_that_is_no_longer_listed_is_deleted(
    staged: Path,
) -> None:
    first, second = rows_of(staged, "workflow_states")
    assert filled(first) == given(
        external_id="s1",
        team_id="t1",
        team_key="ENG",
        state_name="In Progress",
        state_type="started",
        color="#fff",
        board_position=1.5,
        source_created_at=at(1),
        source_updated_at=at(3),
    )
    assert (second["external_id"], second["state_name"]) == ("s2", "Gone")
    assert second["deleted_at"] is not None
