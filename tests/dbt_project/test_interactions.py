"""What was done in Linear and Notion: to what, by whom, when; a later load takes nothing away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.dbt_project.conftest import Dbt, read, read_all
from tests.raw_warehouse import Event, RawWarehouse

BUILD: Final = (
    *("build", "--select", "+interactions"),
    *("--exclude-resource-type", "unit_test", "test"),
)


def at(day: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, 9, minute, tzinfo=UTC)


def linear(external_id: str, **payload: Any) -> Event:
    times = {"createdAt": at(1).isoformat(), "updatedAt": at(2).isoformat()}
    return Event(external_id, {**times, **payload}, at(2), container="ENG")


def notion(external_id: str, editor: str, edited: datetime, seen: int = 0, **changed: Any) -> Event:
    """A version of something that was made at the first minute, read at minute `seen`."""
    payload = {
        "created_by": {"id": "ada"},
        "created_time": at(1).isoformat(),
        "last_edited_by": {"id": editor},
        "last_edited_time": edited.isoformat(),
    }
    return Event(
        external_id,
        changed.get("payload", payload),
        changed.get("occurred_at", edited),
        changed.get("operation", "upsert"),
        "Tidewater",
        changed.get("connection_id"),
        at(28, seen),
    )


def done(warehouse: Path, columns: str, of_type: str) -> list[tuple[Any, ...]]:
    """Interactions of these types, by their ids."""
    return read(
        warehouse,
        f"select {columns} from core.interactions where interaction_type in ({of_type})"
        " order by interaction_id",
    )


def test_a_comment_in_linear_is_about_whatever_it_was_written_on(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    held = {
        "c1": {"issue": {"id": "i1", "identifier": "ENG-1"}},
        "c2": {"issue": {"id": "i2", "identifier": "ENG-2"}},
        "c3": {"project": {"id": "p1"}},
        "c4": {"projectUpdate": {"id": "pu1"}},
        "c5": {"initiative": {"id": "n1"}},
        "c6": {"initiativeUpdate": {"id": "nu1"}},
        "c7": {"documentContent": {"document": {"id": "d1"}}},
        "c8": {"projectUpdate": {"id": "not loaded"}},
    }
    raw.load(
        "raw_linear",
        {
            "issues": [linear("i1", identifier="ENG-1")],
            "projects": [linear("p1", slugId="tides")],
            "project_updates": [linear("pu1", slugId="may", project={"id": "p1"})],
            "initiatives": [linear("n1", slugId="harbour")],
            "initiative_updates": [linear("nu1", slugId="june", initiative={"id": "n1"})],
            "documents": [linear("d1", slugId="plan", project={"id": "p1"})],
            "comments": [linear(name, body="Yes", **on) for name, on in held.items()],
        },
    )
    dbt(*BUILD)
    assert done(warehouse, "document_id, source_id", "'commented'") == [
        ("linear:issue:i1", "ENG-1"),
        ("linear:comment:c2", "ENG-2"),
        ("linear:project:p1", "projects/tides"),
        ("linear:project_update:pu1", "project-updates/may"),
        ("linear:initiative:n1", "initiatives/harbour"),
        ("linear:initiative_update:nu1", "initiative-updates/june"),
        ("linear:document:d1", "documents/plan"),
        ("linear:comment:c8", "ENG"),
    ]


def test_an_edit_in_linear_is_told_with_its_author_where_that_is_sure(
    warehouse: Path, dbt: Dbt
) -> None:
    raw = RawWarehouse(warehouse)
    edited = {"editedAt": at(2).isoformat(), "user": {"id": "ada"}}
    raw.load(
        "raw_linear",
        {
            "issues": [linear("i1", identifier="ENG-1")],
            "project_updates": [linear("pu1", slugId="may", **edited)],
            "initiative_updates": [linear("nu1", slugId="june", **edited)],
            "comments": [
                linear("c1", issue={"id": "i1"}, **edited),
                linear("c2", editedAt=at(3).isoformat(), botActor={"id": "bot"}),
                linear("c3", user={"id": "ada"}),
            ],
        },
    )
    dbt(*BUILD)
    columns = "document_id, source_id, actor_identity_id, is_bot, occurred_at"
    assert done(warehouse, columns, "'edited'") == [
        ("linear:comment:c1", "ENG-1/comments/c1", "linear:ada", False, at(2)),
        ("linear:comment:c2", "ENG/comments/c2", "linear:bot", True, at(3)),
        ("linear:initiative_update:nu1", "initiative-updates/june", None, False, at(2)),
        ("linear:project_update:pu1", "project-updates/may", None, False, at(2)),
    ]


def test_a_history_of_relations_or_of_labels_ids_alone_is_told(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    label = Event("l1", {"name": "wet"}, at(1), container="tidewater")
    raw.listing("raw_linear", "labels", "tidewater", [label])
    entries: dict[str, Any] = {
        "h1": {"addedLabelIds": ["l1", "l2"], "addedLabels": []},
        "h2": {"removedLabelIds": ["l1"]},
        "h3": {"addedLabelIds": ["l3"], "addedLabels": [{"id": "l3", "name": "bug"}]},
        "h4": {"relationChanges": [{"type": "ab", "identifier": "ENG-2"}]},
    }
    raw.load(
        "raw_linear",
        {
            "issues": [linear("i1", identifier="ENG-1")],
            "issue_history": [
                linear(name, issue={"id": "i1"}, **changes) for name, changes in entries.items()
            ],
        },
    )
    dbt(*BUILD)
    columns = "interaction_type, field, from_value, to_value"
    assert done(warehouse, columns, "'labeled', 'unlabeled', 'relation_changed'") == [
        ("labeled", "label", None, "wet"),
        ("labeled", "label", None, "l2"),
        ("unlabeled", "label", "wet", None),
        ("labeled", "label", None, "bug"),
        ("relation_changed", "relation", None, "ab ENG-2"),
    ]


def test_every_edit_in_notion_that_was_read_stays_when_the_next_one_comes(
    warehouse: Path, dbt: Dbt
) -> None:
    raw = RawWarehouse(warehouse)
    trashed = {"reason": "trashed", "evidence": {}}
    raw.load(
        "raw_notion",
        {
            "pages": [
                notion("edited", "ada", at(1)),
                notion("edited", "ada", at(2)),
                notion("edited", "ada", at(2), connection_id="other"),
                notion("gone", "bo", at(2)),
                notion("returned", "ada", at(2)),
                notion("new", "bo", at(1)),
            ],
            "data_sources": [notion("table", "ada", at(3))],
        },
    )
    dbt(*BUILD)
    first = done(warehouse, "*", "'edited'")
    assert len(first) == 4
    raw.load(
        "raw_notion",
        {
            "pages": [
                notion("edited", "bo", at(4)),
                # Of one minute what was read last counts, whichever load came last.
                notion("edited", "cy", at(4, 1), 2),
                notion("edited", "bo", at(4, 1), 1),
                notion("edited", "cy", at(5), payload="{broken"),
                notion("gone", "", at(6), payload=trashed, operation="delete"),
                # What comes back is told as of its return: no other edit.
                notion("returned", "", at(6), payload=trashed, operation="delete"),
                notion("returned", "ada", at(2), occurred_at=at(7)),
            ],
            "data_sources": [notion("table", "bo", at(4))],
        },
    )
    dbt(*BUILD)
    assert {*first} < {*done(warehouse, "*", "'edited'")}
    columns = "connection_id, document_id, actor_identity_id, occurred_at"
    assert done(warehouse, columns, "'edited'") == [
        ("notion", "notion:data_source:table", "notion:ada", at(3)),
        ("notion", "notion:data_source:table", "notion:bo", at(4)),
        ("notion", "notion:page:edited", "notion:ada", at(2)),
        ("notion", "notion:page:edited", "notion:bo", at(4)),
        ("notion", "notion:page:edited", "notion:cy", at(4, 1)),
        ("notion", "notion:page:gone", "notion:bo", at(2)),
        ("notion", "notion:page:returned", "notion:ada", at(2)),
    ]
    assert read(
        warehouse,
        "select count(*), count(distinct interaction_id), count(distinct connection_id)"
        " from intermediate.int_headwater__interaction_readings"
        " where interaction_type = 'edited'",
    ) == [(8, 7, 2)]
    incremental = read_all(warehouse)
    dbt(*BUILD, "--full-refresh")
    assert read_all(warehouse) == incremental
