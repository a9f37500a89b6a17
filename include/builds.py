"""What has changed since everything in the warehouse was last built: a build need do no more.

dbt looks at every model and test, whether anything new can have reached it or not, and that is most
of what a small build costs. So beside the data lies a note of what it was built from: a
fingerprint of each raw table and of the dbt project. The note is taken away before a build and
written after one that succeeded; without it everything is built.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Final

import duckdb

_NOTE: Final = "main.headwater_built_from"
_PROJECT: Final = "dbt_project"
_CODE: Final = (".sql", ".yml", ".py", ".csv")
_WRITTEN: Final = {"target", "logs"}


def inputs(db: duckdb.DuckDBPyConnection, project: Path) -> dict[str, str]:
    """A fingerprint of the project and of every raw table, by `dataset.table`."""
    found = {_PROJECT: _digest(project)}
    tables = db.execute(
        "select schema_name, table_name, bool_or(column_name = '_dlt_valid_to')"
        " from duckdb_columns() where starts_with(schema_name, 'raw_')"
        " and not ends_with(schema_name, '_staging')"
        " group by all having bool_or(column_name = '_dlt_load_id')"
    ).fetchall()
    for dataset, table, is_listing in tables:
        found[f"{dataset}.{table}"] = _fingerprint(db, dataset, table, is_listing=is_listing)
    return found


def documented(db: duckdb.DuckDBPyConnection, project: Path) -> str:
    """A fingerprint of what dbt's docs tell: of the project, dbt itself, and every column."""
    columns = db.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() order by all"
    ).fetchall()
    told = f"{_digest(project)} {version('dbt-core')} {columns}"
    return hashlib.sha256(told.encode()).hexdigest()


def changed(db: duckdb.DuckDBPyConnection, now: dict[str, str]) -> list[str] | None:
    """The raw tables that are not as they were; None where everything has to be built."""
    if not _is_noted(db):
        return None
    before = dict(db.execute(f"select input, fingerprint from {_NOTE}").fetchall())
    if before.get(_PROJECT) != now[_PROJECT] or before.keys() - now.keys():
        return None
    return sorted(name for name, fingerprint in now.items() if before.get(name) != fingerprint)


def forget(db: duckdb.DuckDBPyConnection) -> None:
    """Take the note away: what is built from now on may stop halfway."""
    db.execute(f"drop table if exists {_NOTE}")


def remember(db: duckdb.DuckDBPyConnection, then: dict[str, str]) -> None:
    """Note that all was built from this; of what came during the build, the next one hears."""
    db.execute(
        f"create or replace table {_NOTE} as"
        " select unnest($names) as input, unnest($fingerprints) as fingerprint",
        {"names": list(then), "fingerprints": list(then.values())},
    )


def _digest(project: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in project.rglob("*") if path.suffix in _CODE):
        name = path.relative_to(project)
        if name.parts[0] not in _WRITTEN:
            digest.update(f"{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _fingerprint(
    db: duckdb.DuckDBPyConnection, dataset: str, table: str, *, is_listing: bool
) -> str:
    """Of the rows whose load is complete. They are added, or archived; in listings, retired."""
    retired = "count(_dlt_valid_to), epoch_us(max(_dlt_valid_to))" if is_listing else "0, 0"
    row = db.execute(
        f'select count(*), epoch_us(max(loads.inserted_at)), {retired} from {dataset}."{table}"'
        f" inner join {dataset}._dlt_loads as loads on _dlt_load_id = load_id and loads.status = 0"
    ).fetchone()
    return " ".join(str(value) for value in row or ())


def _is_noted(db: duckdb.DuckDBPyConnection) -> bool:
    schema, table = _NOTE.split(".")
    found = db.execute(
        "select 1 from duckdb_tables() where schema_name = $schema and table_name = $table",
        {"schema": schema, "table": table},
    ).fetchone()
    return found is not None
