"""Deliveries of webhooks as files: durable before they are acknowledged, each once, for replay.

    <data>/inbox/waiting/<key>.json     to be followed; `key` stands for connection and delivery id
    <data>/inbox/done/<key>.json        followed; kept for thirty days
    <data>/inbox/failed/<key>.json      given up; kept until they are replayed
    <data>/inbox/bodies/<key>           bodies seen: GitHub does not sign its delivery ids

Moving between folders is one rename, so a delivery is in exactly one of them after `kill -9`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import msgspec

State = Literal["waiting", "done", "failed"]
STATES: Final[tuple[State, ...]] = ("waiting", "done", "failed")
AGAIN_AFTER_SECONDS: Final = 60.0
KEPT_SECONDS: Final = 30 * 24 * 3600.0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One genuine delivery as it is kept: its body as sent, and never its signature."""

    connection_id: str
    source_type: str
    delivery_id: str
    event: str
    action: str
    received_at: datetime
    body: str
    attempts: int = 0
    error: str | None = None

    @property
    def key(self) -> str:
        """A file name for this delivery and every repetition of it."""
        return _digest(self.connection_id, self.delivery_id)


class Spool:
    """The deliveries below one folder; several processes may keep and follow them at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, delivery: Delivery) -> bool:
        """Write a delivery durably; False if it is known already, by its id or its body."""
        seen = self._folder("bodies") / _digest(delivery.connection_id, delivery.body)
        known = [self._folder(state) / f"{delivery.key}.json" for state in STATES]
        if seen.exists() or any(path.exists() for path in known):
            return False
        try:
            self._write(known[0], delivery, is_new=True)
        except FileExistsError:  # The same one arrived twice at once.
            return False
        seen.touch()
        return True

    def waiting(self, most: int, most_bytes: int, tried: Container[str] = ()) -> list[Delivery]:
        """The oldest deliveries that wait and were not tried, as many as are asked for and fit."""
        found: list[Delivery] = []
        size = 0
        for path in self._oldest_first("waiting"):
            if path.stem in tried:
                continue
            with suppress(FileNotFoundError):
                text = path.read_bytes()
                size += len(text)
                if found and (size > most_bytes or len(found) == most):
                    break
                found.append(msgspec.json.decode(text, type=Delivery))
        return found

    def names(self, state: State) -> list[str]:
        """The keys of all deliveries in a state, oldest first."""
        return [path.stem for path in self._oldest_first(state)]

    def settle(self, delivery: Delivery, state: State) -> None:
        """Write down how an attempt to follow a delivery ended; safe to repeat."""
        waiting = self._folder("waiting") / f"{delivery.key}.json"
        if delivery.attempts and state != "done":
            self._write(waiting, delivery)
        if state != "waiting":
            waiting.replace(self._folder(state) / waiting.name)
            _sync_folder(self._folder(state))

    def replay(self, wanted: Iterable[str]) -> int:
        """Let deliveries wait again: `failed`, or delivery ids; returns how many there were."""
        names = {*wanted}
        count = 0
        for state in ("failed", "done"):
            for path in self._oldest_first(state):
                delivery = msgspec.json.decode(path.read_bytes(), type=Delivery)
                if delivery.delivery_id in names or (state == "failed" and "failed" in names):
                    again = msgspec.structs.replace(delivery, attempts=0, error=None)
                    self._write(self._folder("waiting") / path.name, again)
                    path.unlink()
                    count += 1
        return count

    def prune(self, older_than_seconds: float = KEPT_SECONDS) -> None:
        """Forget deliveries that were followed long ago: the warehouse has them."""
        limit = time.time() - older_than_seconds
        old = [*self._folder("done").glob("*.json"), *self._folder("bodies").iterdir()]
        for path in [*old, *self._folder("waiting").glob("*.tmp")]:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()

    def _oldest_first(self, state: State) -> Iterator[Path]:
        with os.scandir(self._folder(state)) as entries:
            files = [e for e in entries if e.name.endswith(".json")]
        times: list[tuple[int, str]] = []
        for entry in files:
            with suppress(FileNotFoundError):
                times.append((entry.stat().st_mtime_ns, entry.path))
        return (Path(path) for _, path in sorted(times))

    def _write(self, path: Path, delivery: Delivery, *, is_new: bool = False) -> None:
        fresh = path.with_suffix(f".{uuid4().hex[:8]}.tmp")
        try:
            with fresh.open("xb") as file:
                file.write(msgspec.json.encode(delivery))
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                path.hardlink_to(fresh)  # Fails where a rename would replace.
            else:
                fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _folder(self, name: str) -> Path:
        folder = self._root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Watch:
    """Tells when deliveries are to be followed: new ones at once, what is left every minute."""

    def __init__(self, spool: Spool, clock: Callable[[], float] = time.monotonic) -> None:
        self._spool, self._clock = spool, clock
        self._seen: set[str] = set()
        self._at = clock()

    def is_due(self) -> bool:
        """Whether something arrived since this last said so, or has waited long enough."""
        names = {*self._spool.names("waiting")}
        is_due = bool(names - self._seen) or bool(
            names and self._clock() - self._at >= AGAIN_AFTER_SECONDS
        )
        self._seen = names
        if is_due:
            self._at = self._clock()
        return is_due


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]
