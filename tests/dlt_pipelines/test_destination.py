"""The destination: dlt's own DuckDB, but for what it says it does otherwise."""

from __future__ import annotations

from dlt.destinations import duckdb

from dlt_pipelines.destination import Warehouse


def test_what_duckdb_can_do_is_what_dlt_says_with_its_settings_resolved(tmp_path):
    path = str(tmp_path / "warehouse.duckdb")
    assert dict(Warehouse(path).capabilities()) == dict(duckdb(path).capabilities())
