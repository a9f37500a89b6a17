"""Who may read or load a container now: its lanes, their locks, and what a dead process left there.

A container has a lane of its own. A window needs no cursor and leaves none: it goes by a lane
beside that one, so that several may be read at once, beside the live sync.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from dlt_pipelines.exceptions import TransientError
from dlt_pipelines.ledger import SyncRun, slug
from dlt_pipelines.raw_event import WHOLE_LISTING

if TYPE_CHECKING:
    from dlt_pipelines.pipeline import Store, SyncRequest

# How long a run waits for another that reads the same container; deliveries are read in seconds.
SECONDS_TO_WAIT: Final = 60.0


class AlreadyRunningError(TransientError):
    """Another process is reading or loading this container."""

    code = "already_running"


def name_of(connection_id: str, container: str, lane: int = 0) -> str:
    """The name of a lane's dlt pipeline, and of its lock."""
    name = f"{slug(connection_id)}__{slug(container)}"
    return f"{name}__{lane}" if lane else name


@contextmanager
def free(request: SyncRequest, store: Store, seconds: float) -> Iterator[int]:
    """Hold the container's own lane, or for a window the first where nobody is and nothing waits.

    Nothing waits: or the package there would have to wait for this reading, too.

    Raises:
        AlreadyRunningError: somebody is in the container's own lane, and still is after a while.
    """
    place = (request.source_type, request.connection_id, request.container)
    if request.mode != "window":
        with held(*place, store, seconds=seconds):
            yield 0
        return
    for lane in count(1):
        with ExitStack() as lock:
            try:
                lock.enter_context(held(*place, store, lane))
            except AlreadyRunningError:
                continue
            waiting = waiting_syncs(request.connection_id, store)
            if (request.container, lane) not in {(run.container, run.lane) for run in waiting}:
                yield lane
                return


@contextmanager
def held(
    source_type: str,
    connection_id: str,
    container: str,
    store: Store,
    lane: int = 0,
    seconds: float = 0,
) -> Iterator[None]:
    """Hold a lane, once nobody else does.

    Raises:
        AlreadyRunningError: after so many seconds somebody still does.
    """
    path = store.root / "locks" / f"{name_of(connection_id, container, lane)}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=seconds):
            yield
    except Timeout:
        raise AlreadyRunningError(
            f"{source_type}.{container}",
            "another sync of this container is running",
            "one at a time",
            "wait for it to end",
        ) from None


@contextmanager
def stillness(store: Store) -> Iterator[None]:
    """Hold every container's lock: nobody reads or loads meanwhile.

    Raises:
        TransientError: somebody does.
    """
    with ExitStack() as locks:
        for path in sorted((store.root / "locks").glob("*__*.lock")):
            try:
                locks.enter_context(FileLock(path, timeout=0))
            except Timeout:
                raise TransientError(
                    "headwater.sync",
                    f"a sync is running ({path.stem})",
                    "none while the warehouse is replaced",
                    "wait for it to end, or stop Airflow, then run again",
                    code="already_running",
                ) from None
        yield


def waiting_syncs(connection_id: str, store: Store) -> list[SyncRun]:
    """The syncs of a connection that were read and wait to be committed."""
    opened = store.ledger.open_syncs(connection_id)
    return [run for run, events in opened if "extracted" in events]


def wait_to_load(connection_id: str, expected: Iterable[str], store: Store) -> bool:
    """Whether packages of syncs still wait to be committed, since others read their containers.

    Waits until these have been read; hold no warehouse meanwhile.

    Raises:
        AlreadyRunningError: they are still being read after a while.
    """
    syncs = set(expected)
    waiting = [run for run in waiting_syncs(connection_id, store) if run.sync_id in syncs]
    for run in waiting:
        place = (run.source_type, connection_id, run.container)
        with held(*place, store, run.lane, SECONDS_TO_WAIT):
            pass
    return bool(waiting)


def close_interrupted(store: Store) -> list[SyncRun]:
    """End every sync whose process died while reading; those that are alive hold their lock."""
    ended: list[SyncRun] = []
    for run in store.ledger.all_open():
        try:
            place = (run.source_type, run.connection_id, run.container)
            with held(*place, store, run.lane):
                ended += close(run.connection_id, run.container, run.lane, store)
        except AlreadyRunningError:
            continue
    return ended


def close(connection_id: str, container: str, lane: int, store: Store) -> list[SyncRun]:
    """End syncs that died during extract: under their lane's lock none of them is alive.

    One that died after its package was complete has its rows in the next load, and goes on.
    """
    ended = []
    on_disk: Counter[tuple[str, str]] | None = None
    for run, events in store.ledger.open_syncs(connection_id):
        if (run.container, run.lane) == (container, lane) and "extracted" not in events:
            if on_disk is None:
                on_disk = _rows_on_disk(store.pipelines / name_of(connection_id, container, lane))
            rows = {name: on_disk[run.sync_id, name] for name in run.resources}
            if any(rows.values()):
                run.recovered(rows)
                continue
            run.interrupted()
            ended.append(run)
    return ended


def _rows_on_disk(folder: Path) -> Counter[tuple[str, str]]:
    """How many rows of each sync and resource lie in whole packages."""
    packages = {
        package.name: package
        for place in ("normalize/extracted", "load/normalized")
        for package in (folder / place).glob("*")
    }
    rows: Counter[tuple[str, str]] = Counter()
    for file in (file for p in packages.values() for file in p.glob("*_jobs/*.parquet")):
        if "sync_id" not in pq.read_schema(file).names:
            continue
        told = pc.field("external_id") != WHOLE_LISTING
        found = pq.read_table(file, columns=["sync_id"], filters=told).column("sync_id")
        for value in found.value_counts().to_pylist():
            rows[value["values"], file.name.partition(".")[0]] += value["counts"]
    return rows
