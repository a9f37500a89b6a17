"""Follows deliveries of webhooks: reads the objects that they name, and writes down how that ended.

    waiting deliveries → what they name, each object once → extract, per container → load → settle

A delivery that cannot be followed now waits for the next attempt, five at most; then it is kept as
failed until it is replayed. What a sync of the same container is about to read anyway, or what a
delivery never brought, is found by polling.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from filelock import FileLock, Timeout

from dlt_pipelines import pipeline, webhook
from dlt_pipelines.exceptions import HeadwaterError, PermanentError
from dlt_pipelines.lanes import AlreadyRunningError
from dlt_pipelines.ledger import Trigger
from dlt_pipelines.webhook import Place, Signed, Subject
from include import steps, warehouse
from include.settings import Settings
from include.sources_file import ConfigError
from include.spool import Delivery, Spool, State, Watch

ATTEMPTS: Final = 5
# What is held at once; a burst of thousands is followed in several rounds.
DELIVERIES_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 64 * 1024 * 1024
WATCH_SECONDS: Final = 0.5

Say = Callable[[str], None]


@dataclass
class _Followed:
    """One delivery on its way: what it names, and what went wrong with that."""

    delivery: Delivery
    subjects: list[Subject] = field(default_factory=list)
    error: HeadwaterError | None = None

    @property
    def status(self) -> str:
        """How this attempt ended, for the warehouse."""
        if self.error:
            return "failed"
        return "processed" if self.subjects else "ignored"


def process(
    settings: Settings,
    trigger: Trigger = Trigger("webhook"),  # noqa: B008 - frozen
    say: Say = lambda _: None,
    seconds: float = math.inf,
) -> list[dict[str, Any]]:
    """Follow all that waits; returns a row for each delivery: its id, event, status and error.

    Where deliveries never cease, it ends with the round in which so many seconds are over. One
    process at a time; a second one leaves the work to the first.
    """
    ends_at = time.monotonic() + seconds
    path = settings.data / "locks" / "inbox.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    spool = Spool(settings.inbox)
    rows: list[dict[str, Any]] = []
    tried: set[str] = set()
    try:
        with FileLock(path, timeout=0):
            while True:
                waiting = spool.waiting(DELIVERIES_AT_ONCE, BYTES_AT_ONCE, tried)
                if not waiting:
                    break
                tried |= {delivery.key for delivery in waiting}
                rows += _follow(settings, spool, waiting, trigger, say)
                if time.monotonic() > ends_at:
                    break
            spool.prune()
    except Timeout:
        say("another process follows deliveries")
    return rows


def _follow(
    settings: Settings,
    spool: Spool,
    deliveries: Iterable[Delivery],
    trigger: Trigger,
    say: Say,
) -> list[dict[str, Any]]:
    followed = [_opened(settings, delivery) for delivery in deliveries]
    for name in sorted({item.delivery.connection_id for item in followed if item.subjects}):
        of_source = [item for item in followed if item.delivery.connection_id == name]
        errors = _read(settings, name, of_source, trigger, say)
        for item in of_source:
            failures = (errors.get(subject.container) for subject in item.subjects)
            item.error = item.error or next((e for e in failures if e), None)
    outcomes = [(item, *_outcome(item)) for item in followed]
    rows = [_row(item, delivery) for item, delivery, state in outcomes if state != "waiting"]
    if rows:
        with warehouse.writer(settings) as db:
            pipeline.prepare((), settings.store, db)
            pipeline.load_deliveries(rows, settings.store, db)
    for _, delivery, state in outcomes:
        spool.settle(delivery, state)
    return [
        {
            "connection_id": item.delivery.connection_id,
            "delivery_id": item.delivery.delivery_id,
            "event": item.delivery.event,
            "action": item.delivery.action,
            "status": "waiting" if state == "waiting" else item.status,
            # To wait for another sync is no error.
            "error_message": str(item.error) if item.error and _is_tried(item) else None,
        }
        for item, _, state in outcomes
    ]


def _opened(settings: Settings, delivery: Delivery) -> _Followed:
    """A delivery with what it names of what is configured."""
    item = _Followed(delivery)
    try:
        source = settings.source(delivery.connection_id)
    except ConfigError as error:
        item.error = error
        return item
    source_type = settings.source_type(source.name)
    place = Place(source.owner, {c.name: c.kind for c in source.containers})
    signed = Signed(delivery.delivery_id, delivery.event, delivery.action)
    try:
        body = msgspec.json.decode(delivery.body)
        if source_type.webhook:
            item.subjects = list(source_type.webhook.subjects(signed, body, place))
    except (KeyError, TypeError, AttributeError) as error:
        item.error = PermanentError(
            f"{source.type}.{source.name}",
            f"{delivery.event} {delivery.action}: {type(error).__name__}: {error}",
            "the documented keys",
            "fix the reader, then replay the delivery",
            code="unreadable",
        )
    return item


def _read(
    settings: Settings, name: str, items: list[_Followed], trigger: Trigger, say: Say
) -> dict[str, HeadwaterError]:
    """Read and load what deliveries of one source name; the containers where that failed."""
    subjects = webhook.merged(subject for item in items for subject in item.subjects)
    containers = sorted({subject.container for subject in subjects})
    errors: dict[str, HeadwaterError] = {}
    try:
        steps.prepare(settings, name, containers, mode="webhook", trigger=trigger)
        for container in containers:
            named = [subject for subject in subjects if subject.container == container]
            try:
                _extract(settings, name, container, named, trigger, say)
            except HeadwaterError as error:
                errors[container] = error
        steps.load(settings, name)
    except HeadwaterError as error:
        errors |= dict.fromkeys(containers, error)
    return errors


def _extract(
    settings: Settings,
    name: str,
    container: str,
    subjects: list[Subject],
    trigger: Trigger,
    say: Say,
) -> None:
    """Read the named objects of a container, then visit what is named as a whole."""
    source_type, store = settings.source_type(name), settings.store
    objects = tuple(subject for subject in subjects if subject.key)
    request = replace(settings.request(name, container, mode="webhook"), objects=objects)
    if objects and source_type.resource_names(request):
        run = pipeline.extract(source_type, request, store, trigger)
        asked = sum(account.meter.requests_made for account in run.resources.values())
        say(f"{name}: {container}: {len(objects)} objects read with {asked} requests")
    visited = tuple(sorted({subject.resource for subject in subjects if not subject.key}))
    if not visited:
        return
    request = settings.request(name, container, resources=visited)
    if source_type.resource_names(request):
        pipeline.extract(source_type, request, store, trigger)
        say(f"{name}: {container}: {', '.join(visited)} visited")


def _outcome(item: _Followed) -> tuple[Delivery, State]:
    """The delivery as it is now, and where it goes."""
    if not item.error:
        return item.delivery, "done"
    attempts = item.delivery.attempts + _is_tried(item)
    changed = msgspec.structs.replace(item.delivery, attempts=attempts, error=str(item.error))
    is_final = item.error.code == "unreadable" or isinstance(item.error, ConfigError)
    return changed, "failed" if is_final or attempts >= ATTEMPTS else "waiting"


def _is_tried(item: _Followed) -> bool:
    """Nothing is, while another sync reads the container: that is not the delivery's fault."""
    return not isinstance(item.error, AlreadyRunningError)


def _row(item: _Followed, delivery: Delivery) -> dict[str, Any]:
    """The attempt as a row of `raw_headwater.webhook_deliveries`."""
    now = datetime.now(UTC)
    identity = f"{delivery.key} {now.isoformat()}"
    return {
        "delivery_event_id": sha256(identity.encode()).hexdigest(),
        "delivery_id": delivery.delivery_id,
        "connection_id": delivery.connection_id,
        "source_type": delivery.source_type,
        "event": delivery.event,
        "action": delivery.action,
        "status": item.status,
        "attempts": delivery.attempts + (item.error is None),
        "error_message": delivery.error if item.error else None,
        "payload": delivery.body,
        "received_at": delivery.received_at,
        "occurred_at": now,
    }


def follow(settings: Settings, say: Say) -> None:
    """Follow deliveries as they arrive, until the process ends."""
    watch = Watch(Spool(settings.inbox))
    while True:
        if watch.is_due():
            try:
                for row in process(settings, say=say):
                    if row["error_message"]:
                        say(row["error_message"])
            except HeadwaterError as error:  # The deliveries wait.
                say(str(error))
        time.sleep(WATCH_SECONDS)
