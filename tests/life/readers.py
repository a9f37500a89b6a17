"""Analysts at work: processes that ask the published file all the time, and what they saw.

Run as a script, it is one reader: it asks until its standard input ends, then prints what it saw.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import Any

import duckdb

QUESTION = """
    select
        count(*), count(distinct document_id),
        max(title) filter (where document_id = $known),
        (select count(*) from ops.sync_history)
    from core.documents
"""
# An analyst who keeps a session asks so often before opening anew.
QUESTIONS_IN_A_SESSION = 200
PAUSE_SECONDS = 0.25
MARKS = """
    select document_id, deleted_at is not null,
        list_max(
            list_transform(
                regexp_extract_all(concat_ws(' ', title, body), 'life (\\d+)[:,]', 1),
                lambda mark: mark::integer
            )
        )
    from core.documents
    where concat_ws(' ', title, body) like '%life %'
"""


def read(path: str, known: str, title: str, *, keeps_open: bool) -> dict[str, Any]:
    """Ask until standard input ends; returns how often, and every failure."""
    asked, sessions, failures = 0, 0, []
    while not _is_over(0):
        try:
            with duckdb.connect(path, read_only=True) as db:
                sessions += 1
                first = None
                for _ in range(QUESTIONS_IN_A_SESSION if keeps_open else 1):
                    answer = db.execute(QUESTION, {"known": known}).fetchone()
                    asked += 1
                    first = first or answer
                    if answer != first:
                        failures.append(f"a session saw {first}, then {answer}")
                    if answer is None or answer[0] != answer[1] or answer[2] != title:
                        failures.append(f"wrong answer {answer}")
                    if _is_over(PAUSE_SECONDS):
                        break
        except Exception as error:  # noqa: BLE001 (whatever an analyst would see)
            failures.append(f"{type(error).__name__}: {error}")
    return {"asked": asked, "sessions": sessions, "failures": failures}


def _is_over(seconds: float) -> bool:
    return bool(select.select([sys.stdin], [], [], seconds)[0])


@dataclass
class Readers:
    """What all readers saw, once they have ended."""

    asked: int = 0
    sessions: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def readers(path: Path, known: str, title: str, opening: int, keeping: int) -> Iterator[Readers]:
    """So many readers that open the file for every question, and so many that keep it open."""
    seen = Readers()
    kinds = ["opens"] * opening + ["keeps"] * keeping
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(path), known, title, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for kind in kinds
    ]
    try:
        yield seen
    finally:
        for process in processes:
            try:
                said, complaint = process.communicate(timeout=120)
                told = json.loads(said)
                seen.asked += told["asked"]
                seen.sessions += told["sessions"]
                seen.failures += told["failures"]
            except (subprocess.TimeoutExpired, ValueError):
                process.kill()
                seen.failures.append(f"a reader ended badly: {complaint.decode()[-500:]}")


class Watcher:
    """Looks at every published file as it appears: which change was queryable when."""

    def __init__(self, path: Path, told: list[Any]) -> None:
        self._path, self._told, self._taken = path, told, 0
        self._waiting: dict[str, list[Any]] = {}
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self.publishes = 0
        self.seconds: list[float] = []
        self.errors: list[BaseException] = []

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        self._stopped.set()
        self._thread.join(120)

    @property
    def waiting(self) -> int:
        """Deliveries whose change nobody could see yet."""
        return len(self._told) - self._taken + sum(map(len, self._waiting.values()))

    def summary(self) -> str:
        """The median and the longest time from a delivery to an answer that shows it."""
        if not self.seconds:
            return "none"
        return f"median {median(self.seconds):.0f} s, slowest {max(self.seconds):.0f} s"

    def _run(self) -> None:
        try:
            before = None
            while not self._stopped.is_set():
                with suppress(FileNotFoundError):
                    inode = self._path.stat().st_ino
                    if inode != before:
                        before = inode
                        self._look()
                self._stopped.wait(0.5)
            self._look()
        except BaseException as error:  # noqa: BLE001 (the test's thread raises it)
            self.errors.append(error)

    def _look(self) -> None:
        self.publishes += 1
        seen_at = monotonic()
        with duckdb.connect(str(self._path), read_only=True) as db:
            shown = {row[0]: row[1:] for row in db.execute(MARKS).fetchall()}
        new = self._told[self._taken :]
        self._taken += len(new)
        for one in new:
            self._waiting.setdefault(one.document_id, []).append(one)
        for document_id, waiting in list(self._waiting.items()):
            is_deleted, mark = shown.get(document_id, (False, 0))
            there = [one for one in waiting if one.mark <= (mark or 0) and not is_deleted]
            self.seconds += [max(0.0, seen_at - one.at) for one in there]
            left = [] if is_deleted else [one for one in waiting if one not in there]
            self._waiting[document_id] = left


if __name__ == "__main__":
    print(json.dumps(read(*sys.argv[1:4], keeps_open=sys.argv[4] == "keeps")))
