"""The people and bots of a workspace: when their listing is read, and what it brings.

Nothing says whether anybody was renamed, came or left, and a listing at every sync would be a
request that mostly brings nothing. So it is read once a day, with everything else that has no
cursor, and at once when a page, a comment or a database names somebody who was never seen; where
that was read for a webhook, by the next sync.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from dlt_pipelines.exceptions import AuthError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.memory import Memory
from dlt_pipelines.notion.rest import Workspace
from dlt_pipelines.raw_event import to_batches, to_empty_listing


class _Id(msgspec.Struct):
    id: str


@dataclass
class People:
    """Everybody in one workspace; `memory` is that of the walk, where there is one."""

    workspace: Workspace
    run: ResourceRun
    memory: Memory | None = None
    _met: set[str] = field(default_factory=set)
    _is_asked: bool = False

    def meet(self, record: bytes) -> None:
        """Note who is named in an object. Guests are, too, whom no listing tells."""
        try:
            self._met.update(_named(msgspec.json.decode(record)))
        except msgspec.MsgspecError:
            return  # It goes to the dead letters.

    @property
    def are_due(self) -> bool:
        """Whether a day has passed, or a walk met somebody who is not known; once a sync."""
        if self._is_asked or self.memory is None:
            return False
        return self.memory.is_deep or not self.memory.has_met(self._met)

    def leave_to_next_walk(self) -> None:
        """Whoever was met here is looked for by the next walk, if unknown."""
        if self.memory:
            self.memory.expect(self._met)

    def listed(self) -> Iterator[pa.Table]:
        """The complete listing; whoever left is retired.

        An integration may be denied it; the sync goes on without, and says so.
        """
        self._is_asked = True
        try:
            records = list(self.workspace.fetch_users(self.run))
        except AuthError as error:
            if error.code != "forbidden":
                raise
            self.run.refused(error)
            if self.memory:
                self.memory.forget_people()  # It is asked for again until it is allowed.
            return
        yield from to_batches(records, self.run, self._keys, listing=True)
        if not self.run.items_processed:
            yield to_empty_listing(self.run, "GET /v1/users: 200 with no results")
        if self.memory:
            self.memory.meet(self._met)

    def _keys(self, record: bytes) -> tuple[str, datetime | None]:
        identifier = msgspec.json.decode(record, type=_Id).id
        self._met.add(identifier)
        return identifier, None


def _named(record: Any) -> Iterator[str]:
    """The ids of all users in an object, at any depth."""
    waiting = [record]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if value.get("object") == "user" and isinstance(value.get("id"), str):
                yield value["id"]
            waiting += (item for item in value.values() if isinstance(item, dict | list))
