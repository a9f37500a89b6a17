"""Which containers to visit: one probe tells of many of them whether anything has changed.

A container whose fingerprint is the one before its last complete visit is not visited; its account
says so. What a probe cannot see is caught by the visit that every container gets once a day. What
is remembered lies beside the cursors, one file per container, and goes with them: without it, the
container is visited.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from dlt_pipelines import credentials
from dlt_pipelines.exceptions import HeadwaterError
from dlt_pipelines.http import Meter
from dlt_pipelines.ledger import SyncRun, Trigger, slug

if TYPE_CHECKING:
    from dlt_pipelines.pipeline import SourceType, Store, SyncRequest

SECONDS_BETWEEN_FULL_VISITS: Final = 86_400.0
# So long a run may take from its probe to the visit of a container.
SECONDS_TO_USE_AN_ANSWER: Final = 3_600.0
# A single container's own conditional requests cost no more than a probe.
FEWEST_TO_PROBE: Final = 2


class Visit(msgspec.Struct):
    """The last complete visit of a container, and the one that is under way.

    `requests` is what it cost; an unsettled visit saw something that was still going on. `answer`
    is what the probe got that led to the visit, for that run (`answer_of`) alone and once.
    """

    fingerprint: str = ""
    visited_at: float = 0.0
    requests: int = 0
    is_settled: bool = True
    next_fingerprint: str = ""
    next_sync_id: str = ""
    next_requests: int = 0
    next_is_settled: bool = True
    probe_requests: int = 0
    answer: str = ""
    answer_of: str = ""
    answered_at: float = 0.0


def choose(
    source_type: SourceType, requests: Sequence[SyncRequest], store: Store, trigger: Trigger
) -> tuple[list[str], list[SyncRun]]:
    """The containers to visit, and the accounts of those that need no visit."""
    probed = [request for request in requests if request.kind == source_type.probed_kind]
    wanted = [request.container for request in requests]
    if source_type.probe is None or len(probed) < FEWEST_TO_PROBE:
        return wanted, []
    meter = Meter("probe")
    try:
        found = source_type.probe(probed, meter)
    except HeadwaterError:
        return wanted, []  # Whatever is wrong, the visit will say it of the container it concerns.
    unchanged: list[SyncRun] = []
    cost = meter.requests_made
    for request in probed:
        visit = _read(_path(request, store))
        answer = found.get(request.container)
        fingerprint = _fingerprint(source_type, request, answer)
        # Neither long ago nor, since our clock was set back, in times to come.
        is_recent = abs(time.time() - visit.visited_at) < SECONDS_BETWEEN_FULL_VISITS
        if fingerprint and fingerprint == visit.fingerprint and is_recent and visit.is_settled:
            wanted.remove(request.container)
            unchanged.append(_account(source_type, request, store, trigger, visit.requests, cost))
        else:
            visit.next_fingerprint, visit.next_sync_id, visit.probe_requests = fingerprint, "", cost
            visit.answer, visit.answer_of = (answer or b"").decode(), _run_of(trigger)
            visit.answered_at = time.time()
            _write(_path(request, store), visit)
        cost = 0  # The first container's account bears it.
    return wanted, unchanged


def take_probe_requests(request: SyncRequest, store: Store) -> int:
    """What the probe cost that led to this visit, once."""
    path = _path(request, store)
    visit = _read(path)
    cost, visit.probe_requests = visit.probe_requests, 0
    if cost:
        _write(path, visit)
    return cost


def take_answer(request: SyncRequest, store: Store, trigger: Trigger) -> bytes:
    """What the probe of this run got that led to this visit, once; nothing of any other run's."""
    path = _path(request, store)
    visit = _read(path)
    if not visit.answer:
        return b""
    is_recent = visit.answered_at > time.time() - SECONDS_TO_USE_AN_ANSWER
    answer = visit.answer if is_recent and visit.answer_of == _run_of(trigger) else ""
    visit.answer = visit.answer_of = ""
    _write(path, visit)
    return answer.encode()


def extracted(request: SyncRequest, run: SyncRun, store: Store) -> None:
    """A visit has read everything; once it is loaded, it counts."""
    path = _path(request, store)
    visit = _read(path)
    if not visit.next_fingerprint:
        return
    visit.next_sync_id = run.sync_id
    visit.next_requests = sum(r.meter.requests_made for r in run.resources.values())
    visit.next_is_settled = run.is_settled
    _write(path, visit)


def loaded(run: SyncRun, store: Store) -> None:
    """What a visit has read is in the warehouse."""
    path = store.visits / f"{slug(run.connection_id)}__{slug(run.container)}.json"
    visit = _read(path)
    if visit.next_sync_id != run.sync_id:
        return
    _write(
        path,
        Visit(visit.next_fingerprint, time.time(), visit.next_requests, visit.next_is_settled),
    )


def _account(
    source_type: SourceType,
    request: SyncRequest,
    store: Store,
    trigger: Trigger,
    saved: int,
    cost: int,
) -> SyncRun:
    """A sync that found by the probe that there was nothing to read."""
    name = source_type.resource_names(request)[0]
    run = store.ledger.start(
        request.source_type,
        request.connection_id,
        request.container,
        mode=request.mode,
        resources=[name],
        trigger=trigger,
        tokens=credentials.describe(request.secret),
    )
    run.resource(name).meter.requests_made = cost
    run.resource(name).meter.requests_saved = saved
    run.extracted()
    run.loaded([], {})
    return run


def _fingerprint(source_type: SourceType, request: SyncRequest, found: bytes | None) -> str:
    """What was found, and what is asked for: a new content type needs a visit too."""
    if found is None:
        return ""
    asked = msgspec.json.encode([request.settings, source_type.resource_names(request)])
    return hashlib.sha256(asked + b"\0" + found).hexdigest()


def _run_of(trigger: Trigger) -> str:
    """A run's name: Airflow's, whose tasks are processes of their own, or this process."""
    return f"{trigger.dag_id} {trigger.run_id}" if trigger.run_id else f"process {os.getpid()}"


def _path(request: SyncRequest, store: Store) -> Path:
    return store.visits / f"{slug(request.connection_id)}__{slug(request.container)}.json"


def _read(path: Path) -> Visit:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Visit)
    except (FileNotFoundError, msgspec.MsgspecError):
        return Visit()


def _write(path: Path, visit: Visit) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(visit))


def accounts(runs: Iterable[SyncRun]) -> list[dict[str, object]]:
    """The accounts of unchanged containers as rows of a report."""
    return [
        {
            "sync_id": run.sync_id,
            "connection_id": run.connection_id,
            "container": run.container,
            "items_processed": 0,
            "items_failed": 0,
            "rows_added": 0,
            "requests_made": sum(r.meter.requests_made for r in run.resources.values()),
        }
        for run in runs
    ]
