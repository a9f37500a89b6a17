"""Tombstones of what a reconciliation did not find any more, and how many may come at once.

What is there again though a tombstone says that it was deleted is read, and told as of its return:
its own last change lies before its tombstone, which would win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EVENTS, Known, SyncRequest
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_tombstones

MASS_DELETION: Final = "mass_deletion"
_MOST_OF_KNOWN: Final = 0.2
_MOST_OBJECTS: Final = 50

# Why an object is gone, and on what evidence; objects that are gone, by id.
Reason = Mapping[str, Any]
Gone = dict[str, Reason]


# When each object was deleted that is, by id.
Deleted = Mapping[str, datetime]


@dataclass(frozen=True)
class Reconciled:
    """How a resource is reconciled.

    `find_gone` tells which known objects are not there any more. `read_back`, which is asked after
    it, reads the objects that are there again, and perhaps others that were missed; `read_keys` are
    the keys of its records. It keeps none that `find_gone` read: an edit since would be from before
    the return, and lose to it.
    """

    find_gone: Callable[[ResourceRun], Gone]
    read_back: Callable[[ResourceRun, Deleted], Iterable[bytes | msgspec.Raw]] | None = None
    read_keys: ReadKeys | None = None


def resources(
    reconciled: Mapping[str, Reconciled],
    request: SyncRequest,
    sync: SyncRun,
    known: Known,
    forget: Callable[[str, Gone], None] = lambda name, gone: None,
) -> list[DltResource]:
    """One resource of tombstones, and of what is back, for each that is asked for.

    `forget` hears what is gone of each before its tombstones are written.
    """
    return [
        _resource(name, request, sync.account(name), known, how, forget)
        for name, how in reconciled.items()
        if name in sync.resources
    ]


def _resource(
    name: str,
    request: SyncRequest,
    run: ResourceRun,
    known: Known,
    how: Reconciled,
    forget: Callable[[str, Gone], None],
) -> DltResource:
    @dlt.resource(name=name, **EVENTS)
    def rows() -> Iterator[pa.Table]:
        gone = how.find_gone(run)
        returned_at = run.sync.provider_time
        guard(run, len(known.objects(name)), len(gone), confirmed=request.confirm_deletions)
        forget(name, gone)
        yield from to_tombstones(gone.items(), run)
        if how.read_back and how.read_keys:
            deleted = known.deleted(name)
            read_keys = _as_of_return(how.read_keys, deleted, returned_at)
            yield from to_batches(how.read_back(run, deleted), run, read_keys)

    return rows()


def _as_of_return(read_keys: ReadKeys, deleted: Deleted, returned_at: datetime) -> ReadKeys:
    """Keys of what may be back: its tombstone would win over a last change from before it."""

    def read(record: bytes) -> tuple[str, datetime | None]:
        object_id, changed_at = read_keys(record)
        deleted_at = deleted.get(object_id)
        is_older = deleted_at and changed_at and changed_at <= deleted_at
        return object_id, returned_at if is_older else changed_at

    return read


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
