"""One installation of Headwater beside one sandbox, as tests use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from dlt_pipelines import pipeline
from dlt_pipelines.exceptions import HeadwaterError
from dlt_pipelines.http import RetryPolicy
from include import steps
from include.demo import sources_yml
from include.sandbox import Exchange, Sandbox
from include.settings import Settings

# Three attempts without waiting; a limit that asks for more than two seconds is not sat out. But an
# answer may be late: on a busy machine it would otherwise be asked for, and counted, twice.
QUICK: Final = RetryPolicy(
    attempts=3,
    wait_initial=0.0,
    wait_max=0.0,
    wait_jitter=0.0,
    rate_limit_wait_max=2.0,
    timeout=60.0,
)


@dataclass
class Installation:
    """A data folder whose sources are served by a sandbox."""

    settings: Settings
    sandbox: Sandbox
    _asked: int = field(default=0, repr=False)

    @classmethod
    def beside(
        cls,
        sandbox: Sandbox,
        data: Path,
        sources: str | None = None,
        retry: RetryPolicy = QUICK,
    ) -> Installation:
        """Sources that fit the sandbox's workspace, unless given as YAML."""
        data.mkdir(parents=True, exist_ok=True)
        file = data / "sources.yml"
        file.write_text(sources or sources_yml(sandbox.workspace), encoding="utf-8")
        settings = Settings(data, file, sandbox.url, secret_lookup=lambda _: None, retry=retry)
        return cls(settings, sandbox)

    def sync(self, name: str = "github", **options: Any) -> list[dict[str, Any]]:
        """Sync one source, which must succeed; returns the syncs that ended."""
        ended, failures = steps.sync(self.settings, name, **options)
        if failures:
            raise failures[0]
        return ended

    def failing_sync(self, name: str = "github", **options: Any) -> list[HeadwaterError]:
        """Sync one source; returns its failures."""
        return steps.sync(self.settings, name, **options)[1]

    def asked(self) -> list[Exchange]:
        """What was asked of the sandbox since the last call."""
        before, self._asked = self._asked, len(self.sandbox.requests)
        return self.sandbox.requests[before:]

    def query(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, in UTC."""
        with duckdb.connect(str(self.settings.warehouse)) as db:
            db.execute("set timezone = 'UTC'")
            return db.execute(sql, values or None).fetchall()

    def column(self, sql: str, **values: Any) -> list[Any]:
        """The first column of a query."""
        return [row[0] for row in self.query(sql, **values)]

    def raw(self) -> dict[str, set[str]]:
        """The ids of every raw event, by table; of listings also whether a row is current."""
        with duckdb.connect(str(self.settings.warehouse)) as db:
            return {
                table: {
                    str(row)
                    for row in db.execute(
                        f"select {_identity(table, columns)} from {table}"
                    ).fetchall()
                }
                for table, columns in _raw_tables(db)
            }

    def twice(self) -> list[tuple[str, str]]:
        """Raw events that are there more than once, with their tables."""
        with duckdb.connect(str(self.settings.warehouse)) as db:
            return [
                (table, event_id)
                for table, _ in _raw_tables(db)
                for (event_id,) in db.execute(
                    f"select event_id from {table} group by all having count(*) > 1"
                ).fetchall()
            ]

    def cursors(self, name: str, container: str) -> dict[str, str]:
        """dlt's live cursor of each resource."""
        source_type = self.settings.source_type(name)
        opened = pipeline._pipeline(
            source_type, name, container, self.settings.store, str(self.settings.warehouse)
        )
        return pipeline._cursors(opened, source_type.name)


def _raw_tables(db: duckdb.DuckDBPyConnection) -> list[tuple[str, list[str]]]:
    return db.execute(
        "select schema_name || '.' || table_name, list(column_name) from duckdb_columns()"
        " where schema_name in ('raw_github', 'raw_linear', 'raw_notion')"
        " group by all having list_contains(list(column_name), 'event_id') order by 1"
    ).fetchall()


def _identity(table: str, columns: list[str]) -> str:
    if table == "raw_github.repository_counts":  # A count is of the moment it was read at.
        return "external_id, payload_hash"
    return "event_id, _dlt_valid_to is null" if "_dlt_valid_to" in columns else "event_id"
