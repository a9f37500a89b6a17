"""Tombstones of what a reconciliation did not find any more, and how many may come at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EVENTS, Known, SyncRequest
from dlt_pipelines.raw_event import to_tombstones

MASS_DELETION: Final = "mass_deletion"
_MOST_OF_KNOWN: Final = 0.2
_MOST_OBJECTS: Final = 50

# Why an object is gone, and on what evidence; objects that are gone, by id.
Reason = Mapping[str, Any]
Gone = dict[str, Reason]


def resources(
    finders: Mapping[str, Callable[[ResourceRun], Gone]],
    request: SyncRequest,
    sync: SyncRun,
    known: Known,
    forget: Callable[[str, Gone], None] = lambda name, gone: None,
) -> list[DltResource]:
    """One resource of tombstones for each finder whose resource is reconciled.

    `forget` hears what is gone of each before its tombstones are written.
    """
    return [
        _tombstones(name, request, sync.account(name), known, find, forget)
        for name, find in finders.items()
        if name in sync.resources
    ]


def _tombstones(
    name: str,
    request: SyncRequest,
    run: ResourceRun,
    known: Known,
    find: Callable[[ResourceRun], Gone],
    forget: Callable[[str, Gone], None],
) -> DltResource:
    @dlt.resource(name=name, **EVENTS)
    def rows() -> Iterator[pa.Table]:
        gone = find(run)
        guard(run, len(known.objects(name)), len(gone), confirmed=request.confirm_deletions)
        forget(name, gone)
        yield from to_tombstones(gone.items(), run)

    return rows()


def guard(run: ResourceRun, known: int, gone: int, *, confirmed: bool) -> None:
    """Stop where so much is missing that a mistake is likelier than a clean-up.

    Raises:
        PermanentError: more than 20 % of what is known, and more than 50 objects.
    """
    if confirmed or gone <= _MOST_OBJECTS or gone <= _MOST_OF_KNOWN * known:
        return
    raise PermanentError(
        f"{run.sync.source_type}.{run.resource}",
        f"{gone} of {known} objects of {run.container} are missing",
        f"at most {_MOST_OF_KNOWN:.0%}, or {_MOST_OBJECTS}, to vanish at once",
        "check the token's access; if they were deleted, run again with --confirm-deletions",
        code=MASS_DELETION,
    )
