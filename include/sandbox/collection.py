"""Objects of one kind, kept as the JSON that will be served.

An object stays the bytes it was read as, so that what a provider once sent is served again byte
for byte and 200,000 issues fit in memory. Everything computed from the objects (sorted listings,
decoded objects, indexes) is remembered until the next change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar, cast

import msgspec

Json = dict[str, Any]
T = TypeVar("T")

DERIVED_ENTRIES = 256
"""How many derived values are kept; listings by `since` would otherwise grow without end."""


class Collection:
    """The objects of one kind by id, in the order in which they were first seen."""

    def __init__(self, rows: Iterable[Json | bytes] = (), key: str = "id") -> None:
        self._key = key
        self._raw: dict[str, bytes] = {}
        self._derived: dict[Hashable, Any] = {}
        self._lock = RLock()
        self._key_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct("Key", [("key", str | int, msgspec.field(name=key))])
        )
        for row in rows:
            self._put(row)

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[Json]:
        return (msgspec.json.decode(raw) for raw in self.raw())

    def __contains__(self, object_id: object) -> bool:
        return str(object_id) in self._raw

    def ids(self) -> list[str]:
        """The ids of the objects."""
        with self._lock:
            return list(self._raw)

    def raw(self) -> list[bytes]:
        """The objects as JSON."""
        with self._lock:
            return list(self._raw.values())

    def get(self, object_id: str | int) -> Json | None:
        """One object, decoded anew: changing it changes nothing, use `upsert`."""
        raw = self._raw.get(str(object_id))
        return None if raw is None else msgspec.json.decode(raw)

    def raw_of(self, object_id: str | int) -> bytes | None:
        """One object as JSON."""
        return self._raw.get(str(object_id))

    def find(self, **equal: Any) -> Json | None:
        """The first object whose top-level fields have these values."""
        return next(
            (row for row in self if all(row.get(name) == value for name, value in equal.items())),
            None,
        )

    def upsert(self, row: Json | bytes) -> None:
        """Add an object or replace the one with its id."""
        with self._lock:
            self._put(row)
            self._derived.clear()

    def delete(self, object_id: str | int) -> None:
        """Forget an object.

        Raises:
            KeyError: there is none with this id.
        """
        with self._lock:
            del self._raw[str(object_id)]
            self._derived.clear()

    def derived(self, name: Hashable, build: Callable[[], T]) -> T:
        """The value of `build`, computed once until an object changes."""
        with self._lock:
            if name not in self._derived:
                if len(self._derived) >= DERIVED_ENTRIES:
                    self._derived.clear()
                self._derived[name] = build()
            return cast(T, self._derived[name])

    def decoded(self) -> dict[str, Json]:
        """Every object by id, decoded once. Read only."""
        return self.derived(
            "decoded", lambda: {key: msgspec.json.decode(raw) for key, raw in self._raw.items()}
        )

    def _put(self, row: Json | bytes) -> None:
        raw = row if isinstance(row, bytes) else msgspec.json.encode(row)
        self._raw[str(self._key_decoder.decode(raw).key)] = raw


def read_lines(path: Path) -> list[bytes]:
    """The lines of a JSON Lines file; none if there is no file.

    Only a line feed ends a line: text may hold U+2028 and others that `splitlines` breaks at.
    """
    if not path.exists():
        return []
    return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def read_json(path: Path) -> Json:
    """A JSON file holding one object; empty if there is no file."""
    return cast(Json, msgspec.json.decode(path.read_bytes())) if path.exists() else {}
