"""What syncs of a Notion container remember, in dlt's state of `pages`.

The cursor is kept here and not by dlt: dlt drops every row before it, but a page may come to light
long after its last edit, by being shared, moved or found below another one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dlt_pipelines.pipeline import keep_newest

OVERLAP: Final = timedelta(minutes=2)
DEEP_EVERY: Final = timedelta(days=1)
# Of each page 48 bits of its id's hash and 24 of its edit's: thousands of them are one text.
_ID: Final = 8
_ENTRY: Final = _ID + 4
_RETURNED: Final = "returned at "

# A data source: its content when last seen, whether it lies in the container, whether search
# lists it.
Source = tuple[str, bool, bool]


@dataclass
class Memory:
    """The state of one container; outside of live syncs nothing but `gone` is read or kept."""

    stored: MutableMapping[str, Any]
    is_live: bool
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        state = self._state = self.stored if self.is_live else {}
        entries = _pieces(state.get("known", ""), _ENTRY)
        self._known = {entry[:_ID]: entry[_ID:] for entry in entries}
        self.hidden: set[str] = {*state.get("hidden", ())}
        self.sources: dict[str, Source] = {
            key: (mark, covered, listed)
            for key, (mark, covered, listed) in state.get("sources", {}).items()
        }
        self.settled: dict[str, str] = dict(state.get("settled", {}))
        # Pages of which something was not found: as of which edit, and whether the next sync looks.
        self._in_part: dict[str, tuple[str, bool]] = {
            key: (edit, is_due) for key, (edit, is_due) in state.get("in_part", {}).items()
        }
        # What a tombstone was written for, and why; or that it came back, and when.
        self.gone: dict[str, str] = self.stored.setdefault("gone", {})
        deep_at = state.get("deep_at")
        self.is_deep = deep_at is None or self.now - datetime.fromisoformat(deep_at) > DEEP_EVERY
        self.comments_refused = bool(state.get("comments_refused"))
        self._newest = self.cursor

    @property
    def cursor(self) -> datetime | None:
        """The newest edit that was read; it stands where dlt keeps cursors, for the ledger."""
        value = self._state.get("incremental", {}).get("occurred_at", {}).get("last_value")
        return datetime.fromisoformat(value) if isinstance(value, str) else value

    def start_over(self) -> None:
        """Forget what was read, but not what is gone: everything is read again."""
        self._known.clear()
        self.settled.clear()
        self._in_part.clear()
        self._state.pop("incremental", None)
        self._newest, self.is_deep = None, True

    def knows(self, identifier: str) -> bool:
        """Whether a page was read before, and has not gone since."""
        return _hash(identifier, 6) in self._known

    def has_read(self, identifier: str, edited_at: datetime) -> bool:
        """Whether a page was read as this edit left it, when no other edit could follow unseen."""
        return self._known.get(_hash(identifier, 6)) == _hash(edited_at.isoformat(), 3)

    def learn(self, identifier: str, edited_at: datetime, mark: str) -> None:
        """A page was read; `mark` is empty if an edit of the same minute may follow."""
        version = _hash(edited_at.isoformat(), 3) if mark else "----"
        self._known[_hash(identifier, 6)] = version
        if mark:
            self.settled[identifier] = mark
        self._newest = max(self._newest or edited_at, edited_at)

    def is_gone(self, identifier: str) -> bool:
        """Whether a tombstone was the last that was written of an object."""
        return not self.gone.get(identifier, _RETURNED).startswith(_RETURNED)

    def told_at(self, identifier: str, edited_at: datetime, now: datetime) -> datetime:
        """The time of an object's event: its last edit, but after its tombstone.

        What comes back is as of now, since its last edit lies before that. An edit that follows in
        the minute of the return has an earlier time, for Notion's are whole minutes: it is told as
        of the return, too, and what is seen last counts.
        """
        if identifier not in self.gone:
            return edited_at
        if self.is_gone(identifier):
            self.gone[identifier] = _RETURNED + now.isoformat()
        returned_at = self.returned_at(identifier) or now
        if edited_at > returned_at:
            del self.gone[identifier]
        return max(edited_at, returned_at)

    def returned_at(self, identifier: str) -> datetime | None:
        """When an object came back, if it did and has not been edited since."""
        said = self.gone.get(identifier, "")
        is_back = said.startswith(_RETURNED)
        return datetime.fromisoformat(said.removeprefix(_RETURNED)) if is_back else None

    @property
    def due(self) -> list[str]:
        """Pages to be read once more, since something of them was not found."""
        return [identifier for identifier, (_, is_due) in self._in_part.items() if is_due]

    def note_parts(self, identifier: str, edited_at: datetime, *, is_whole: bool) -> None:
        """Whether all of a page was found: if not, the next sync looks again, then daily ones."""
        if is_whole:
            self._in_part.pop(identifier, None)
            return
        edit = edited_at.isoformat()
        known, _ = self._in_part.get(identifier, ("", False))
        self._in_part[identifier] = (edit, edit != known)

    def forget(self, identifier: str, reason: str) -> None:
        """An object is gone: a tombstone says so."""
        self._in_part.pop(identifier, None)
        self._known.pop(_hash(identifier, 6), None)
        self.hidden.discard(identifier)
        self.settled.pop(identifier, None)
        self.sources.pop(identifier, None)
        self.gone[identifier] = reason

    def has_met(self, people: Iterable[str]) -> bool:
        """Whether all of these were known when people were last listed."""
        known = self._state.get("people")
        if known is None or self._state.get("people_are_due"):
            return False
        return {_hash(one, 6) for one in people} <= {*_pieces(known, _ID)}

    def meet(self, people: Iterable[str]) -> None:
        """People were listed; these were among them, or named somewhere."""
        known = {*_pieces(self._state.get("people", ""), _ID)}
        self._state["people"] = "".join(sorted(known | {_hash(one, 6) for one in people}))
        self._state.pop("people_are_due", None)

    def expect(self, people: Iterable[str]) -> None:
        """Named where people are not listed: if any is unknown, the next walk lists them."""
        if not self.has_met(people):
            self.meet(people)
            self._state["people_are_due"] = True

    def forget_people(self) -> None:
        """People could not be listed."""
        self._state.pop("people", None)

    def keep_forgotten(self) -> None:
        """Write down what is gone, and nothing else: a reconciliation moves no cursor."""
        self._state["known"] = self._known_text()
        self._state["hidden"] = sorted(self.hidden)
        self._state["sources"] = {key: list(value) for key, value in self.sources.items()}
        self._state["settled"] = self.settled
        self._state["in_part"] = {key: list(value) for key, value in self._in_part.items()}

    def keep(self) -> None:
        """Write down what was learnt, once everything before it is read."""
        if not self.is_live:
            return
        keep_newest(self.settled)
        self.keep_forgotten()
        self._state["comments_refused"] = self.comments_refused
        if self.is_deep:
            self._state["deep_at"] = self.now.isoformat()
        if self._newest is not None:
            cursors = self._state.setdefault("incremental", {})
            cursors.setdefault("occurred_at", {})["last_value"] = self._newest

    def _known_text(self) -> str:
        return "".join(key + version for key, version in sorted(self._known.items()))


def _pieces(text: str, size: int) -> Iterator[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


def content_mark(record: bytes, edited_at: datetime) -> str:
    """A version of an object; they sort by time."""
    return f"{edited_at.isoformat()} {hashlib.sha256(record).hexdigest()[:16]}"


def _hash(text: str, size: int) -> str:
    return base64.b64encode(hashlib.blake2b(text.encode(), digest_size=size).digest()).decode()
