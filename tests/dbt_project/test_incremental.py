"""Whatever arrives in whatever order: an incremental build leaves what a full refresh would."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from include import builds, steps
from include.settings import Settings
from tests.dbt_project.conftest import Dbt, Row, read
from tests.dbt_project.random_changes import Changes
from tests.raw_warehouse import RawWarehouse

OVERRIDES = (
    ("merge", "github:U_ada", "linear:l_bo", None),
    ("split", "github:bo", "email:bo@tidewater.example", None),
)


def built(warehouse: Path) -> dict[str, list[Row]]:
    """Every row of every table that dbt built, in a stable order."""
    names = read(
        warehouse,
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where schema_name in ('staging', 'intermediate', 'core', 'ops', 'analytics') order by 1",
    )
    return {name: read(warehouse, f"from {name} order by all") for (name,) in names}


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(1, 6))
def test_increments_of_random_changes_leave_what_a_full_refresh_would(
    seed: int, warehouse: Path, dbt: Dbt, tmp_path: Path
) -> None:
    settings = Settings(warehouse.parent, secret_lookup=lambda _: None)
    changes = Changes(RawWarehouse(warehouse), seed)
    changes.begin()
    steps.build(settings)

    def must_be_as_refreshed() -> None:
        incremental = built(warehouse)
        kept = shutil.copy(warehouse, tmp_path / "incremental.duckdb")
        dbt("run", "--full-refresh")
        refreshed = built(warehouse)
        shutil.copy(kept, warehouse)
        for name, rows in refreshed.items():
            assert incremental[name] == rows, name
        assert incremental.keys() == refreshed.keys()
        assert all(refreshed[f"core.{name}"] for name in ("documents", "interactions", "contacts"))

    for _ in range(2):
        changes.go_on()
        steps.build(settings)
    must_be_as_refreshed()
    # A build that is killed halfway; more has changed when it is tried again.
    changes.go_on()
    with duckdb.connect(str(warehouse)) as connection:
        builds.forget(connection)
    dbt("run", "--select", "staging", "int_headwater__documents", "document_relationships")
    changes.go_on()
    steps.build(settings)
    # Nobody else changes the seed's table, so nobody looks for it.
    with duckdb.connect(str(warehouse)) as connection:
        connection.executemany("insert into seeds.contact_overrides values (?, ?, ?, ?)", OVERRIDES)
    dbt("run", "--select", "contact_overrides+")
    must_be_as_refreshed()
