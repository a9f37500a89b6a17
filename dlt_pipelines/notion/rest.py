"""Walking Notion's listings: search, data-source queries, blocks, comments, long properties.

https://developers.notion.com/reference/intro#pagination. Every object that leaves here is without
signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from dlt_pipelines.deletions import Reason
from dlt_pipelines.exceptions import NotFoundError, PermanentError
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.payloads import without_signatures

Json = dict[str, Any]
Between = tuple[datetime | None, datetime | None]

PAGE_SIZE: Final = 100
RESULTS_PER_QUERY: Final = 10_000
# Their children are documents of their own.
SEPARATE_PAGES: Final = frozenset({"child_page", "child_database"})
SHORTEST_SPLIT: Final = timedelta(minutes=1)


class _Status(msgspec.Struct):
    type: str = "complete"


class _List(msgspec.Struct):
    results: list[msgspec.Raw]
    has_more: bool
    next_cursor: str | None = None
    request_status: _Status = msgspec.field(default_factory=_Status)
    property_item: Json = {}


class Keys(msgspec.Struct):
    """What every page, data source and database tells of itself."""

    id: str
    last_edited_time: datetime
    in_trash: bool = False
    archived: bool = False

    @property
    def is_trashed(self) -> bool:
        """`in_trash` since 2026-03-11, beside `archived` before."""
        return self.in_trash or self.archived


class _Created(msgspec.Struct):
    created_time: datetime


class IncompleteError(PermanentError):
    """Notion cut a listing off and said so."""

    code = "incomplete"


@dataclass
class Workspace:
    """What one integration may see."""

    client: Client

    def fetch_users(self, run: ResourceRun) -> Iterator[bytes]:
        """Everyone in the workspace."""
        yield from self._list(run, "GET", "/v1/users", {})

    def search(self, run: ResourceRun, kind: str) -> Iterator[bytes]:
        """Pages or data sources that are shared with the integration, newest edit first.

        Notion documents that search is not exhaustive: whoever needs all looks elsewhere too.

        Raises:
            IncompleteError: search stopped at its limit, and from the other end it did too.
        """
        seen: set[str] = set()
        try:
            for record in self._list(run, "POST", "/v1/search", _search(kind, "descending")):
                seen.add(read_id(record))
                yield record
        except IncompleteError:
            # What lies beyond the limit from the one end is found from the other one.
            for record in self._list(run, "POST", "/v1/search", _search(kind, "ascending")):
                if read_id(record) in seen:
                    return
                yield record

    def query(
        self, run: ResourceRun, source_id: str, edited: Between, created: Between = (None, None)
    ) -> Iterator[bytes]:
        """Rows of a data source edited within a time, whatever their number.

        A query ends at 10,000 results. What is longer is asked for again by time of creation, in
        halves that are halved again; rows may come twice.

        Raises:
            IncompleteError: more rows than that were created within one minute.
        """
        path, count = f"/v1/data_sources/{source_id}/query", 0
        earliest = latest = created[1] or datetime.now(UTC)
        filters = _within("last_edited_time", edited) + _within("created_time", created)
        body = {"filter": filters[0] if len(filters) == 1 else {"and": filters}} if filters else {}
        try:
            for record in self._list(run, "POST", path, body):
                count += 1
                earliest = min(earliest, _read_created(record) or earliest)
                yield record
            if count < RESULTS_PER_QUERY:
                return
            cut = _incomplete(run, path, f"{count} results, at which a query ends")
        except IncompleteError as error:
            cut = error
        earliest = created[0] or earliest
        if latest - earliest <= SHORTEST_SPLIT:
            raise cut
        middle = earliest + (latest - earliest) / 2
        yield from self.query(run, source_id, edited, (created[0], middle))
        yield from self.query(run, source_id, edited, (middle, created[1]))

    def fetch_children(self, run: ResourceRun, block_id: str) -> list[Json]:
        """The blocks directly below a page or block, every page of them.

        A block that moves down while the pages are read is listed twice; it is there once.
        """
        records = self._list(run, "GET", f"/v1/blocks/{block_id}/children", {})
        found = (msgspec.json.decode(record, type=Json) for record in records)
        blocks: dict[str, Json] = {}
        for number, block in enumerate(found):
            blocks.setdefault(block.get("id") or f"{number}", block)
        return list(blocks.values())

    def fetch_comments(self, run: ResourceRun, block_id: str) -> Iterator[bytes]:
        """Open comments on a page or block, those on blocks below it not included."""
        yield from self._list(run, "GET", "/v1/comments", {"block_id": block_id})

    def fetch_property(
        self, run: ResourceRun, page_id: str, property_id: str
    ) -> tuple[list[Json], Json]:
        """All items of a property of a page, and what the endpoint says of the property."""
        about: Json = {}
        path = f"/v1/pages/{page_id}/properties/{property_id}"
        records = list(self._list(run, "GET", path, {}, about))
        return [msgspec.json.decode(record, type=Json) for record in records], about

    def get(self, run: ResourceRun, path: str) -> Json:
        """One object.

        Raises:
            NotFoundError: it does not exist, or is not shared with the integration.
        """
        return msgspec.json.decode(self.fetch(run, path), type=Json)

    def fetch(self, run: ResourceRun, path: str) -> bytes:
        """One object as it is stored; raises like `get`."""
        return without_signatures(bytes(self.client.get(run.meter, path, None, msgspec.Raw).data))

    def find(self, run: ResourceRun, path: str) -> bytes | None:
        """One object, or None where it does not exist or is not shared."""
        try:
            return self.fetch(run, path)
        except NotFoundError:
            return None

    def find_alive(self, run: ResourceRun, path: str) -> bytes | Reason:
        """One object, or why it is there no longer: it is in the trash, or not to be seen."""
        record = self.find(run, path)
        if record is None:
            return {"reason": "access_lost", "evidence": {"url": path, "status": 404}}
        if (keys := read_keys(record)) and keys.is_trashed:
            return {"reason": "trashed", "evidence": {"url": path, "status": 200, "in_trash": True}}
        return record

    def _list(
        self,
        run: ResourceRun,
        method: str,
        path: str,
        query: Mapping[str, Any],
        about: Json | None = None,
    ) -> Iterator[bytes]:
        """Every record of a listing, page by page; `about` takes up its `property_item`.

        Raises:
            IncompleteError: Notion cut the listing off (10,000 results) and said so.
        """
        cursor: dict[str, str] = {}
        while True:
            asked = {**query, **cursor, "page_size": PAGE_SIZE}
            if method == "GET":
                page = self.client.get(run.meter, path, asked, _List).data
            else:
                page = self.client.post(run.meter, path, asked, _List).data
            yield from (without_signatures(bytes(record)) for record in page.results)
            if about is not None:
                about.update(page.property_item)
            if page.request_status.type != "complete":
                raise _incomplete(run, path, f"request_status is {page.request_status.type}")
            if not page.has_more:
                return
            if not page.next_cursor:
                raise _incomplete(run, path, "has_more without next_cursor")
            cursor = {"start_cursor": page.next_cursor}


def read_keys(record: bytes) -> Keys | None:
    """The keys of a page, data source or database; None if it lacks them."""
    try:
        return msgspec.json.decode(record, type=Keys)
    except msgspec.MsgspecError:
        return None


def read_id(record: bytes) -> str:
    """The id of a record, or an empty one."""
    keys = read_keys(record)
    return keys.id if keys else ""


def _read_created(record: bytes) -> datetime | None:
    try:
        return msgspec.json.decode(record, type=_Created).created_time
    except msgspec.MsgspecError:
        return None


def _search(kind: str, direction: str) -> Json:
    return {
        "filter": {"property": "object", "value": kind},
        "sort": {"timestamp": "last_edited_time", "direction": direction},
    }


def _within(timestamp: str, bounds: Between) -> list[Json]:
    """Timestamp filters for a time from the first bound (included) to the second (not)."""
    return [
        {"timestamp": timestamp, timestamp: {how: _text(bound)}}
        for how, bound in zip(("on_or_after", "before"), bounds, strict=True)
        if bound is not None
    ]


def _incomplete(run: ResourceRun, path: str, what: str) -> IncompleteError:
    return IncompleteError(
        f"notion.{run.resource}",
        f"{path}: {what}",
        "a complete listing",
        "sync smaller windows with --start and --end",
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
