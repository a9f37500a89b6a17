"""What hangs on objects that changed: read by GraphQL, up to a hundred objects in one request.

A REST listing tells, for free where nothing did, which objects changed; their ids are asked for
here. Several resources come out of one request, whichever of them are wanted; where few objects
changed, those of several kinds are one request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.exceptions import HeadwaterError, NotFoundError
from dlt_pipelines.github.graphql import MOST, GraphQL, Json
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EVENTS, keep_newest
from dlt_pipelines.raw_event import to_batches

# An object that was read this long after its last change has been seen as that change left it.
SETTLING_SECONDS: Final = 60

Records = Mapping[str, list[Json]]
Rows = dict[str, dict[str, Any]]
Key = tuple[str, ...]
Split = Callable[["Nested", ResourceRun, Json], Records]


# The variables of the request for several kinds, where none is asked for.
NOTHING_ASKED: Final[Json] = {
    **dict.fromkeys(("details", "reviews", "threads", "files", "commits"), False),
    "pulls": [],
    "runs": [],
    "deployments": [],
    **dict.fromkeys(("hasPulls", "hasRuns", "hasDeployments"), False),
}


@dataclass
class Together:
    """Changed objects of several kinds, read in one request where they are few.

    Whoever is asked for first takes along what waits. Should that be refused, or too much, each
    kind is read on its own, and its error is its own.
    """

    graphql: GraphQL
    _waiting: dict[Key, tuple[Nested, pa.Table]] = field(default_factory=dict)

    def note(self, nested: Nested, changed: pa.Table) -> None:
        """These will be asked for: they may be, with others, before their turn."""
        self._waiting[_key(changed)] = (nested, changed)

    def read(self, first: Nested, changed: pa.Table) -> None:
        """Read a batch, and with it those that wait, as far as they are a hundred objects."""
        self._waiting.pop(_key(changed), None)
        batches = {first.alias: (first, _key(changed), first.rows_of(changed))}
        room = MOST - changed.num_rows
        for key, (nested, other) in [*self._waiting.items()]:
            if nested.alias not in batches and other.num_rows <= room:
                del self._waiting[key]
                batches[nested.alias] = (nested, key, nested.rows_of(other))
                room -= other.num_rows
        asked = {alias: rows for alias, (_, _, rows) in batches.items() if rows}
        answers = self._ask(first, batches, asked) if len(asked) > 1 else {}
        for alias, (nested, key, rows) in batches.items():
            found = zip(rows, answers[alias], strict=True) if alias in answers else None
            nested.keep(key, rows, found or nested.fetch(rows))

    def _ask(
        self,
        first: Nested,
        batches: Mapping[str, tuple[Nested, Key, Rows]],
        asked: Mapping[str, Rows],
    ) -> Mapping[str, list[Json | None]]:
        """The objects of each kind that is asked for, by its alias; nothing if it went wrong."""
        variables: Json = dict(NOTHING_ASKED)
        for alias, rows in asked.items():
            variables |= batches[alias][0].variables
            variables |= {alias: list(rows), f"has{alias.capitalize()}": True}
        run = first.sync.account(first.names[0])
        try:
            return self.graphql.ask(
                run, "changed", "Changed", variables, can_ask_less=True, accept_missing=True
            )
        except HeadwaterError:
            return {}


@dataclass
class Nested:
    """Reads the resources that follow one, for each batch of its changed objects.

    `split` turns one object into records by resource, reading on in lists that did not fit; `key`
    is the field of a record that identifies it.
    """

    graphql: GraphQL
    sync: SyncRun
    leader: str
    names: tuple[str, ...]
    document: str
    operation: str
    variables: Mapping[str, Any]
    split: Split
    is_live: bool
    together: Together
    alias: str
    key: str = "id"
    _waiting: dict[Key, dict[str, list[pa.Table]]] = field(default_factory=dict)

    def resources(self, leader: DltResource) -> list[DltResource]:
        """One transformer for each resource that is wanted."""
        return [leader | self._transformer(name) for name in self.names]

    def _transformer(self, name: str) -> DltResource:
        @dlt.transformer(name=name, **EVENTS)
        def rows(changed: pa.Table) -> Iterator[pa.Table]:
            key = _key(changed)
            if key not in self._waiting:
                self.together.read(self, changed)
            found = self._waiting[key]
            tables = found.pop(name)
            if not found:
                del self._waiting[key]
            yield from tables

        return rows

    def note(self, changed: pa.Table) -> None:
        """A batch of changed objects is on its way here."""
        if self.names:
            self.together.note(self, changed)

    def rows_of(self, changed: pa.Table) -> Rows:
        """The objects of a batch that have to be read, by their global id."""
        return {_node_id(row["payload"]): row for row in self._unsettled(changed)}

    def fetch(self, rows: Rows) -> Iterator[tuple[str, Json | None]]:
        """The objects themselves, None for one that is gone."""
        run = self.sync.account(self.names[0])
        return self.graphql.nodes(run, self.document, self.operation, list(rows), self.variables)

    def keep(self, key: Key, rows: Rows, found: Iterable[tuple[str, Json | None]]) -> None:
        """Take the objects of a batch apart, for the transformers of its resources."""
        run = self.sync.account(self.names[0])
        records: dict[str, list[bytes]] = {name: [] for name in self.names}
        times: dict[str, dict[str, datetime]] = {name: {} for name in self.names}
        for node_id, node in found:
            row = rows[node_id]
            if node is None:  # Gone since it was listed; the rest of the run is not.
                run.dead_letter(row["payload"].encode(), _gone(run, node_id))
                continue
            for name, parts in self.split(self, run, node).items():
                for part in parts:
                    records[name].append(msgspec.json.encode(part))
                    times[name][str(part[self.key])] = _time_of(part) or row["occurred_at"]
        self._waiting[key] = {
            name: list(
                to_batches(
                    records[name], self.sync.account(name), _keys_with(self.key, times[name])
                )
            )
            for name in self.names
        }

    def _unsettled(self, changed: pa.Table) -> list[dict[str, Any]]:
        """The objects whose parts may have changed since they were last read.

        The cursor's overlap lists the newest objects at every run; reading them again costs.
        """
        columns = ["external_id", "occurred_at", "observed_at", "payload"]
        rows: list[dict[str, Any]] = changed.select(columns).to_pylist()
        if not self.is_live:
            return rows
        state = dlt.current.source_state().setdefault("settled", {})
        settled = state.setdefault(self.leader, {})
        asked = ",".join(self.names)
        unsettled = []
        for row in rows:
            mark = f"{row['occurred_at'].isoformat()} {asked}"
            if settled.get(row["external_id"]) == mark:
                continue
            unsettled.append(row)
            if (row["observed_at"] - row["occurred_at"]).total_seconds() > SETTLING_SECONDS:
                settled[row["external_id"]] = mark
        keep_newest(settled)
        return unsettled

    def rest_of(
        self, run: ResourceRun, parent: Json, name: str, operation: str = "Page", **names: Any
    ) -> list[Json]:
        """All items of a list of an object that came with its first page."""
        flags = {name: True} if operation == "Page" else {}
        return self.graphql.complete(
            run,
            parent[name],
            self.document,
            operation,
            {"id": parent["id"], **flags, **names},
            lambda node: node[name],
        )


def _key(changed: pa.Table) -> Key:
    return tuple(changed["event_id"].to_pylist())


class _Listed(msgspec.Struct):
    node_id: str


def _node_id(payload: str) -> str:
    return msgspec.json.decode(payload, type=_Listed).node_id


def _keys_with(
    key: str, times: Mapping[str, datetime]
) -> Callable[[bytes], tuple[str, datetime | None]]:
    def read(record: bytes) -> tuple[str, datetime | None]:
        external_id = str(msgspec.json.decode(record)[key])
        return external_id, times[external_id]

    return read


def _time_of(part: Json) -> datetime | None:
    """A part's own last change; None for those that have none, and change with their parent."""
    text = part.get("updatedAt")
    return datetime.fromisoformat(text) if text else None


def _gone(run: ResourceRun, external_id: str) -> NotFoundError:
    return NotFoundError(
        f"github.{run.resource}",
        f"{external_id} is gone since it was listed",
        "an existing object",
        "run again: it is then listed no more",
    )
