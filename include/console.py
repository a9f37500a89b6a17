"""How commands speak: results to stdout, everything else to stderr, one line per failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from dlt_pipelines.exceptions import HeadwaterError
from include import durable

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
    except Exception as error:
        if not (cause := _full_disk(error)):
            raise
        print_error(durable.full_disk("headwater.disk", str(cause)))
        raise typer.Exit(1) from None


def _full_disk(error: BaseException | None) -> BaseException | None:
    """What says that there is no room: we, DuckDB, or somebody whose error hides behind another."""
    while error is not None and durable.NO_SPACE not in str(error):
        error = error.__cause__ or error.__context__
    return error
