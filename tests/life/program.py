"""A team at work: changes that follow from a seed, and the deliveries that tell of some of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

import httpx

from include.sandbox import Fault, Sandbox
from include.sandbox.collection import Collection, Json
from tests.deliveries import Sent, send

# Of a hundred changes so many are told by a delivery; polling has to find the others.
TOLD, TWICE, FORGED = 0.6, 0.1, 0.05
# What heals by itself: once or twice, then the provider is well again. The last ones outlive the
# client's patience, so that Airflow has to try the task again.
FAULTS = (
    Fault(kind="status", status=502, times=2),
    Fault(kind="status", status=500),
    Fault(kind="status", provider="notion", status=529, headers={"retry-after": "1"}),
    Fault(kind="rate_limit", provider="notion", seconds=2),
    Fault(kind="rate_limit", provider="github", status=429, seconds=2),
    Fault(kind="rate_limit", provider="linear", seconds=2),
    Fault(kind="secondary_limit", provider="github", seconds=2),
    Fault(kind="truncated"),
    Fault(kind="dropped"),
    Fault(kind="status", provider="linear", status=503, times=9),
    Fault(kind="status", provider="github", path="/issues", status=502, times=9),
    Fault(kind="status", provider="notion", path="/search$", status=500, times=9),
)


@dataclass(frozen=True)
class Done:
    """One change: its kind, the document whose text now says `life <mark>`, and its delivery."""

    kind: str
    document_id: str = ""
    mark: int = 0
    delivery: Sent | None = None
    is_always_told: bool = False


Change = Callable[[], Done | None]


class Marks:
    """Numbers for texts, so that what a reader sees says which change it shows."""

    def __init__(self) -> None:
        self.last = 0

    def text(self, words: str = "") -> str:
        """A text of the next change."""
        self.last += 1
        return f"life {self.last}: {words}".rstrip()


def any_of(
    chance: random.Random, rows: Collection, accept: Callable[[Json], Any] = lambda _: True
) -> Json | None:
    """An object of a kind by chance, decoding no others; None if none is found that will do."""
    ids = rows.ids()
    chance.shuffle(ids)
    found = (rows.get(object_id) for object_id in ids)
    return next((row for row in found if row is not None and accept(row)), None)


@dataclass
class Told:
    """A delivery that was acknowledged, and which mark of which document it is about."""

    document_id: str
    mark: int
    at: float


@dataclass
class Program:
    """Changes a sandbox's workspace until it is told to stop."""

    sandbox: Sandbox
    inbox: httpx.Client
    seed: int
    per_second: float
    sources: list[object] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)
    changes: Counter[str] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    told: list[Told] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="life", daemon=True)

    def choices(self) -> Iterator[tuple[float, Change]]:
        """Every kind of change, and how often it happens."""
        for source in self.sources:
            yield from source.choices()  # type: ignore[attr-defined]

    def start(self) -> None:
        """Begin to change things."""
        self._thread.start()

    def stop(self) -> None:
        """No more changes, and no more faults."""
        self._stopped.set()
        self._thread.join(120)
        self.sandbox.faults.clear()

    def _run(self) -> None:
        try:
            weights, changes = zip(*self.choices(), strict=True)
            next_fault = monotonic() + 20
            while not self._stopped.wait(self.random.expovariate(self.per_second)):
                change = self.random.choices(changes, weights)[0]
                done = self.sandbox.apply(change)
                if done is None:
                    continue
                self.changes[done.kind] += 1
                self._tell(done)
                if monotonic() > next_fault:
                    next_fault = monotonic() + self.random.uniform(5, 35)
                    self._break_something()
        except BaseException as error:  # noqa: BLE001 (the test's thread raises it)
            self.errors.append(error)

    def _tell(self, done: Done) -> None:
        if done.delivery is None:
            return
        chance = self.random.random()
        if chance > TOLD and not done.is_always_told:
            self.deliveries["lost"] += 1
            return
        name, headers, raw = done.delivery
        if self.random.random() < FORGED:
            self._send("forged", (name, headers, raw + b" "))
        self._send("sent", done.delivery)
        if done.mark:
            self.told.append(Told(done.document_id, done.mark, monotonic()))
        if self.random.random() < TWICE:
            self._send("twice", done.delivery)

    def _send(self, how: str, delivery: Sent) -> None:
        for _ in range(20):
            try:
                status = send(self.inbox, delivery)
            except httpx.TransportError:
                status = 0
            if status in (0, 429, 500, 503):  # Providers try again, too.
                self.answers[how, status] += 1
                self._stopped.wait(1)
                continue
            break
        self.deliveries[how] += 1
        self.answers[how, status] += 1

    def _break_something(self) -> None:
        scripted = self.random.choice(FAULTS)
        values = {name: getattr(scripted, name) for name in scripted.__struct_fields__}
        self.sandbox.faults.clear()
        self.sandbox.faults.add(Fault(**values))
        self.faults[
            f"{scripted.provider or 'any'} {scripted.kind} {scripted.status or ''}".rstrip()
        ] += 1
