"""What a build leaves out, and what no build lets pass."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from dlt_pipelines.exceptions import PermanentError
from include import builds, steps
from include.settings import Settings
from tests.dbt_project.conftest import read
from tests.raw_warehouse import EPOCH, Event, RawWarehouse

PROJECT = {"dbt_project": "as it is"}


@pytest.fixture
def raw(tmp_path: Path) -> RawWarehouse:
    return RawWarehouse(tmp_path / "warehouse.duckdb")


def label(name: str) -> Event:
    return Event(name, {"name": name}, EPOCH)


def changed(raw: RawWarehouse, project: dict[str, str] = PROJECT) -> list[str] | None:
    """What has changed since this was last asked."""
    with duckdb.connect(str(raw.path)) as db:
        found = {**builds.inputs(db, raw.path.parent), **project}
        tables = builds.changed(db, found)
        builds.remember(db, found)
    return tables


def test_only_tables_with_another_complete_row_have_changed(raw: RawWarehouse) -> None:
    assert changed(raw) is None
    assert changed(raw) == []
    raw.listing("raw_github", "labels", "tidewater-labs/gauge", [label("bug"), label("wet")])
    unfinished = raw.load("raw_linear", {"issues": [Event("li", {}, EPOCH)]}, status=None)
    assert changed(raw) == ["raw_github.labels"]
    raw.complete("raw_linear", unfinished, EPOCH + timedelta(days=1))
    raw.listing("raw_github", "labels", "tidewater-labs/gauge", [label("bug")])
    assert changed(raw) == ["raw_github.labels", "raw_linear.issues"]
    assert changed(raw) == []


def test_another_project_or_a_build_that_ended_halfway_builds_everything(
    raw: RawWarehouse,
) -> None:
    changed(raw)
    assert changed(raw, {"dbt_project": "edited"}) is None
    with duckdb.connect(str(raw.path)) as db:
        builds.forget(db)
    assert changed(raw, {"dbt_project": "edited"}) is None
    assert changed(raw, {"dbt_project": "edited"}) == []


def test_a_key_that_repeats_and_a_reference_to_nothing_fail_the_next_build(
    small_warehouse: Path, dbt_folder: Path, warehouse: Path
) -> None:
    shutil.copy(small_warehouse, warehouse)
    with duckdb.connect(str(warehouse)) as db:
        db.execute(
            "insert into intermediate.int_headwater__interaction_readings"
            " from intermediate.int_headwater__interaction_readings limit 1"
        )
        db.execute(
            "update core.documents set parent_document_id = 'gone' where document_type = 'review'"
        )
    settings = Settings(dbt_folder, secret_lookup=lambda _: None)
    for test in ("assert_keys_are_unique", "assert_references_resolve"):
        with pytest.raises(PermanentError, match=f"test.headwater.{test}"):
            steps.dbt(settings, "test", "--select", test)


def test_docs_are_written_again_only_where_they_have_more_to_tell(
    small_warehouse: Path, dbt_folder: Path, warehouse: Path
) -> None:
    shutil.copy(small_warehouse, warehouse)
    settings = Settings(dbt_folder, secret_lookup=lambda _: None)
    page = Path(steps.docs(settings))
    written = page.stat().st_mtime_ns
    assert "came_later" not in page.read_text()
    with duckdb.connect(str(warehouse)) as db:
        db.execute("insert into raw_github.issues from raw_github.issues limit 1")
    steps.docs(settings)
    assert page.stat().st_mtime_ns == written
    with duckdb.connect(str(warehouse)) as db:
        db.execute("alter table raw_github.issues add column came_later varchar")
    steps.docs(settings)
    assert "came_later" in page.read_text()


def test_marts_refuse_what_their_contract_excludes(small_warehouse: Path, warehouse: Path) -> None:
    shutil.copy(small_warehouse, warehouse)
    with duckdb.connect(str(warehouse)) as db:
        for change in ("title = null, connection_id = null", "source_type = 'jira'"):
            with pytest.raises(duckdb.ConstraintException):
                db.execute(f"update core.documents set {change}")
    assert read(warehouse, "select distinct source_type from core.documents order by 1") == [
        ("github",),
        ("linear",),
    ]
