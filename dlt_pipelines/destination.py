"""DuckDB as dlt's destination, except that raw events are written once.

dlt's own `insert-only` copies a package into a staging table and merges that into the table: every
payload is written and compressed twice, and a record that a walk met twice is inserted twice. Here
one statement per file takes the new rows out of the package's parquet file. It is atomic, and
running it again inserts nothing. Everything else (`scd2`, `upsert`) is dlt's own.
"""

from __future__ import annotations

from typing import Any, Final

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import FollowupJobRequest, LoadJob, PreparedTableSchema
from dlt.common.normalizers.naming import NamingConvention
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob

# A row group of 122,880 payloads is half a gigabyte, and each thread fills one of its own. Beyond
# the limit DuckDB moves them to disk; a second thread costs more room than it saves time.
LIMITS: Final = {"threads": 1, "memory_limit": "450MB"}


# The schema with a view of each raw table's archived rows.
ARCHIVE: Final = "archive"


class Warehouse(duckdb):  # type: ignore[misc]
    """The destination: a path, or the connection of whoever holds the right to write."""

    @property
    def client_class(self) -> type[DuckDbClient]:
        """What dlt loads with."""
        return WarehouseClient

    def capabilities(
        self,
        config: DuckDbClientConfiguration | None = None,
        naming: NamingConvention | None = None,
    ) -> DestinationCapabilitiesContext:
        """What DuckDB can do, which no setting changes.

        Without a configuration dlt resolves one each time, dozens of times in a sync: a quarter of
        what a small one costs.
        """
        return super().capabilities(config or self.spec(), naming)


class WarehouseClient(DuckDbClient):  # type: ignore[misc]
    """Loads tables of the strategy `insert-only` without staging."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sql_client._global_config |= LIMITS

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        """Insert-only tables are loaded in place."""
        if _is_insert_only(self.prepare_load_table(table_name)):
            return False
        return bool(super().should_load_data_to_staging_dataset(table_name))

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """The job that carries one file into a table."""
        if _is_insert_only(table) and file_path.endswith(".parquet"):
            return InsertNewJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)

    def _create_merge_followup_jobs(
        self, table_chain: list[PreparedTableSchema]
    ) -> list[FollowupJobRequest]:
        if _is_insert_only(table_chain[0]):
            return []
        return list(super()._create_merge_followup_jobs(table_chain))


class InsertNewJob(DuckDbCopyJob):  # type: ignore[misc]
    """Inserts a file's rows whose key neither table nor archive has yet, each once."""

    def run(self) -> None:
        """Decide by key and position alone, then read the wide columns of the chosen rows."""
        client = self._job_client.sql_client
        table = client.make_qualified_table_name(self.load_table_name)
        file = client.capabilities.escape_literal(self._file_path)
        names = get_columns_names_with_prop(self._load_table, "primary_key")
        keys = [client.escape_column_name(name) for name in names]
        is_same = " and ".join(f"new.{key} = old.{key}" for key in keys)
        rows = f"read_parquet({file}, file_row_number = true)"
        archived = self._archived(rows)
        is_new = f"and not exists (from {archived} as old where {is_same})" if archived else ""
        client.execute_sql(
            f"""
            insert into {table} by name
            select * exclude (file_row_number) from {rows}
            where file_row_number in (
                select min(file_row_number) from {rows} as new
                where not exists (from {table} as old where {is_same}) {is_new}
                group by {", ".join(keys)}
            )
            """
        )

    def _archived(self, rows: str) -> str:
        """What of the table's archive may have these rows, as a query; empty if nothing.

        An event's time is part of its key, so older and newer files are not even opened. Only
        events without a time of their own (theirs is when they were seen) may be anywhere.
        """
        client = self._job_client.sql_client
        view = f"{client.dataset_name}__{self.load_table_name}"
        exists = "select 1 from duckdb_views() where schema_name = %s and view_name = %s"
        if not client.execute_sql(exists, ARCHIVE, view):
            return ""
        is_timeless = "false"
        if "observed_at" in self._load_table["columns"]:
            is_timeless = "coalesce(bool_or(occurred_at = observed_at), false)"
        times = f"select min(occurred_at), max(occurred_at), {is_timeless} from {rows}"
        ((oldest, newest, is_anywhere),) = client.execute_sql(times)
        if oldest is None or is_anywhere:
            return f"{ARCHIVE}.{view}" if oldest else ""
        return (
            f"(from {ARCHIVE}.{view} where occurred_at between"
            f" timestamptz '{oldest.isoformat()}' and timestamptz '{newest.isoformat()}')"
        )


def _is_insert_only(table: PreparedTableSchema) -> bool:
    return bool(
        table["write_disposition"] == "merge" and table.get("x-merge-strategy") == "insert-only"
    )
