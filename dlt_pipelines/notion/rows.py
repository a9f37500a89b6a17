"""Rows of several raw tables out of one walk, handed on to the resource that each belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import pyarrow as pa

from dlt_pipelines.deletions import Reason
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_tombstones


class _Edited(msgspec.Struct):
    id: str
    last_edited_time: datetime


class _Content(msgspec.Struct):
    page_id: str
    last_edited_time: datetime


def _edited_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = msgspec.json.decode(record, type=_Edited)
    return keys.id, keys.last_edited_time


def _content_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = msgspec.json.decode(record, type=_Content)
    return keys.page_id, keys.last_edited_time


@dataclass
class Rows:
    """Batches that wait for their resource to take them.

    `told_at` says which time an object's event has (`Memory.told_at`).
    """

    sync: SyncRun
    told_at: Callable[[str, datetime, datetime], datetime]
    meet: Callable[[bytes], None]
    _waiting: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self, resource: str, records: Iterable[bytes], not_before: datetime | None = None
    ) -> None:
        """Objects as upserts, none told before a time; what cannot be read is a dead letter."""
        keys = _content_keys if resource == "page_contents" else _edited_keys
        run = self.sync.account(resource)
        self._waiting[resource] += to_batches(self._met(records), run, self._told(keys, not_before))

    def bury(self, resource: str, gone: Mapping[str, Reason]) -> None:
        """Tombstones: ids, each with the reason and its evidence."""
        self._waiting[resource] += to_tombstones(gone.items(), self.sync.account(resource))

    def take(self, resource: str) -> list[pa.Table]:
        """What waits for a resource; it does so no longer."""
        return self._waiting.pop(resource, [])

    def _met(self, records: Iterable[bytes]) -> Iterator[bytes]:
        for record in records:
            self.meet(record)
            yield record

    def _told(self, keys: ReadKeys, not_before: datetime | None) -> ReadKeys:
        def read(record: bytes) -> tuple[str, datetime | None]:
            identifier, edited_at = keys(record)
            if edited_at is None:
                return identifier, None
            told_at = self.told_at(identifier, edited_at, self.sync.provider_time)
            return identifier, max(told_at, not_before or told_at)

        return read
