"""Running the real dbt on a warehouse file, and reading what it built."""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project import github_objects, small_world
from tests.raw_warehouse import RawWarehouse

ROOT = Path(__file__).parents[2]

Dbt = Callable[..., str]
Row = tuple[Any, ...]


@pytest.fixture(scope="session")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests: dbt parses the project again whenever a path changes."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def warehouse(dbt_folder: Path) -> Path:
    """Where the warehouse of this test goes; no file is there yet."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    return path


@pytest.fixture
def dbt(dbt_folder: Path, warehouse: Path) -> Dbt:
    """Run a dbt command on the warehouse; returns its output, fails the test where dbt fails."""

    return lambda *arguments: run_dbt(dbt_folder, warehouse, *arguments)


@pytest.fixture(scope="session")
def github_warehouse(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything of `github_objects`, built once."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    github_objects.fill(RawWarehouse(path))
    run_dbt(dbt_folder, path, "build")
    return path.rename(tmp_path_factory.mktemp("github") / path.name)


@pytest.fixture(scope="session")
def small_warehouse(dbt_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything of `small_world`, built once."""
    path = dbt_folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    small_world.fill(RawWarehouse(path))
    run_dbt(dbt_folder, path, "build", "--exclude-resource-type", "unit_test")
    return path.rename(tmp_path_factory.mktemp("small") / path.name)


@cache
def _manifest() -> Manifest:
    """The parsed project, for all commands of a worker."""
    result = dbtRunner().invoke(["--quiet", "parse"])
    assert result.success, result.exception
    gc.freeze()  # It stays: to look through it again and again takes a fifth of a build's time.
    return result.result


def run_dbt(dbt_folder: Path, warehouse: Path, *arguments: str) -> str:
    """Run a dbt command; returns its output, fails the test where dbt fails.

    It runs in this process: to start one and to load the project again takes longer than most of
    these commands. `steps.dbt`, which starts one, has tests of its own.
    """
    environment = {
        "HEADWATER_WAREHOUSE": str(warehouse),
        "HEADWATER_ROOT": str(ROOT),
        "DBT_PROFILES_DIR": str(ROOT / "dbt_project"),
        "DBT_PROJECT_DIR": str(ROOT / "dbt_project"),
        "DBT_TARGET_PATH": str(dbt_folder / "target"),
        "DBT_LOG_PATH": str(dbt_folder / "logs"),
        "DBT_LOG_LEVEL_FILE": "none",
    }
    said = io.StringIO()
    with patch.dict(os.environ, environment), chdir(ROOT), redirect_stdout(said):
        result = dbtRunner(_manifest()).invoke(["--no-use-colors", *arguments])
    # It keeps the file open until its process ends.
    reset_adapters()
    if environment_of_dbt := DuckDBConnectionManager._ENV:
        environment_of_dbt.close()
    assert result.success, f"{said.getvalue()[-6000:]} {result.exception}"
    return said.getvalue()


def read(warehouse: Path, query: str) -> list[Row]:
    """Rows of a query, without holding the file afterwards."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def read_rows(warehouse: Path, query: str) -> list[dict[str, Any]]:
    """Rows of a query by the names of their columns."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_all(warehouse: Path) -> dict[str, list[Row]]:
    """Every row of every table and view that dbt built, in a stable order."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_schema in ('staging', 'intermediate', 'core', 'ops') order by 1"
        ).fetchall()
        return {
            name: connection.execute(f"from {name} order by all").fetchall() for (name,) in names
        }
