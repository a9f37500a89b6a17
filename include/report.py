"""What the published file says, for people: the summary behind `status` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dlt_pipelines.exceptions import PermanentError
from include.settings import Settings

_QUERIES: Final = {
    "documents": """
        select source_type, document_type, count(*) as documents
        from core.documents group by all order by all
    """,
    "interactions": """
        select interaction_type, count(*) as interactions
        from core.interactions group by all order by interactions desc, interaction_type
    """,
    "syncs": """
        select
            connection_id as source,
            container,
            case
                when bool_or(status = 'failed') then 'failed'
                when bool_or(status = 'interrupted') then 'interrupted'
                when bool_or(status = 'completed_with_errors') then 'completed_with_errors'
                else 'completed'
            end as status,
            sum(items_processed)::bigint as read,
            sum(items_processed - items_unchanged)::bigint as new,
            sum(requests_made)::bigint as requests
        from ops.sync_history
        group by connection_id, container, sync_id
        qualify row_number() over (
            partition by connection_id, container order by min(started_at) desc, sync_id
        ) = 1
        order by connection_id, container
    """,
    "errors": "select count(*) as open_errors from ops.raw_event_errors where status = 'open'",
}
EXAMPLES: Final = (
    (
        "What changed last",
        """\
  select source_id, document_type, state, title
  from core.documents
  where title is not null
  order by source_updated_at desc
  limit 5""",
    ),
    (
        "Who did most",
        """\
  select actor_identity_id, count(*) as interactions
  from core.interactions
  where not is_bot
  group by all
  order by interactions desc
  limit 5""",
    ),
)


def read(settings: Settings) -> dict[str, Any]:
    """Counts by type, the last sync of each container, and where the file is.

    Raises:
        PermanentError: nothing has been published yet, or nothing by this version.
    """
    path = settings.published
    if not path.exists():
        raise PermanentError(
            "headwater.status",
            f"{path.name} does not exist yet",
            "a published file",
            "run `headwater sync`, `headwater transform` and `headwater publish`",
            code="not_published",
        )
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        try:
            found = {name: _rows(db, query) for name, query in _QUERIES.items()}
        except (duckdb.BinderException, duckdb.CatalogException):
            raise PermanentError(
                "headwater.status",
                f"{path.name} is from another version",
                "the marts of this one",
                "run `headwater transform` and `headwater publish`",
                code="not_published",
            ) from None
    return {"published": str(path), **found}


def show(console: Console, summary: dict[str, Any]) -> None:
    """The summary as tables, and two queries to try."""
    for name in ("documents", "interactions", "syncs"):
        console.print(table(name.capitalize(), summary[name]))
    if errors := summary["errors"][0]["open_errors"]:
        console.print(f"[red]{errors} records could not be read: see `headwater errors list`[/red]")
    path = _short(Path(summary["published"]))
    console.print(f"\nPublished: [bold]{path}[/bold]", soft_wrap=True)
    console.print(f"\nTry: [bold]duckdb -readonly {path}[/bold]", soft_wrap=True)
    for title, query in EXAMPLES:
        console.print(f"\n  -- {title}\n{query};")


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = db.execute(query)
    columns = [column[0] for column in result.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    """Rows as a table; numbers to the right."""
    made = Table(title=title or None, title_justify="left", title_style="bold")
    for column in rows[0] if rows else ():
        is_number = isinstance(rows[0][column], int)
        made.add_column(column, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def _cell(value: Any) -> str:
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M"))
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value if value is not None else ""))  # A name may hold square brackets.


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
