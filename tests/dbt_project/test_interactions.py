"""What was done in Linear and Notion: to what, by whom, when; a later load takes nothing away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.dbt_project.conftest import Dbt, read
from tests.raw_warehouse import Event, RawWarehouse

BUILD: Final = "build --select +interactions --exclude-resource-type unit_test test".split()


def at(day: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, 9, minute, tzinfo=UTC)


def linear(external_id: str, **payload: Any) -> Event:
    times = {"createdAt": at(1).isoformat(), "updatedAt": at(2).isoformat()}
    return Event(external_id, {**times, **payload}, at(2), container="ENG")


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
