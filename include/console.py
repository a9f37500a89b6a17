"""How commands speak: results to stdout, everything else to stderr, one line per failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import duckdb
import typer
from rich.console import Console

from dlt_pipelines.http import HeadwaterError, PermanentError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def print_error(error: HeadwaterError) -> None:
    """One line, however narrow the terminal, so that it can be searched for."""
    err.print(str(error), style="red", markup=False, soft_wrap=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn an expected failure into one line and exit code 1."""
    try:
        yield
    except HeadwaterError as error:
        print_error(error)
        raise typer.Exit(1) from None
    except (OSError, duckdb.Error) as error:
        # Wherever it is met, by us or by DuckDB, it is the same: nobody can write.
        if "no space left" not in str(error).lower():
            raise
        print_error(
            PermanentError(
                "headwater.disk",
                " ".join(str(error).split()),
                "room for what is written",
                "free some space, then run again: nothing that was loaded is lost",
                code="disk_full",
            )
        )
        raise typer.Exit(1) from None
