"""Walking Notion's listings: search, data-source queries, nested blocks, comments.

https://developers.notion.com/reference/intro#pagination
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from dlt_pipelines.http import Client, PermanentError
from dlt_pipelines.ledger import ResourceRun

PAGE_SIZE: Final = 100
# Their children are documents of their own, found by search.
SEPARATE_PAGES: Final = frozenset({"child_page", "child_database"})


class _Status(msgspec.Struct):
    type: str = "complete"


class _List(msgspec.Struct):
    results: list[msgspec.Raw]
    has_more: bool
    next_cursor: str | None = None
    request_status: _Status = msgspec.field(default_factory=_Status)


class _Keys(msgspec.Struct):
    id: str
    last_edited_time: datetime


@dataclass
class Workspace:
    """What one integration may see."""

    client: Client
    _data_sources: list[bytes] | None = field(default=None, repr=False)

    def fetch_users(self, run: ResourceRun) -> Iterator[bytes]:
        """Everyone in the workspace."""
        yield from self._list(run, "GET", "/v1/users", {})

    def data_sources(self, run: ResourceRun) -> list[bytes]:
        """Every data source that is shared with the integration; asked for once a sync."""
        if self._data_sources is None:
            self._data_sources = list(self._search(run, "data_source"))
        return self._data_sources

    def fetch_changed_pages(self, run: ResourceRun, since: datetime) -> Iterator[bytes]:
        """Pages edited at or after `since`, each state of a page once."""
        seen: set[tuple[str, datetime]] = set()
        for record in self._candidates(run, since):
            keys = _read(record)
            if keys is None:
                yield record  # Unreadable: it goes on to the dead letters.
            elif keys.last_edited_time >= since and (keys.id, keys.last_edited_time) not in seen:
                seen.add((keys.id, keys.last_edited_time))
                yield record

    def fetch_blocks(self, run: ResourceRun, block_id: str) -> list[dict[str, Any]]:
        """All blocks below a page or block, every page of children, nested under `children`."""
        blocks = []
        for record in self._list(run, "GET", f"/v1/blocks/{block_id}/children", {}):
            block = msgspec.json.decode(record, type=dict[str, Any])
            if block.get("has_children") and block.get("type") not in SEPARATE_PAGES:
                block["children"] = self.fetch_blocks(run, block["id"])
            blocks.append(block)
        return blocks

    def fetch_comments(self, run: ResourceRun, page_id: str) -> Iterator[bytes]:
        """Open comments on a page."""
        yield from self._list(run, "GET", "/v1/comments", {"block_id": page_id})

    def get(self, run: ResourceRun, path: str) -> dict[str, Any]:
        """One object."""
        return self.client.get(run.meter, path, None, dict[str, Any]).data

    def _candidates(self, run: ResourceRun, since: datetime) -> Iterator[bytes]:
        for record in self._search(run, "page"):
            keys = _read(record)
            if keys and keys.last_edited_time < since:
                break  # Newest first: all that follows is older.
            yield record
        edited = {
            "timestamp": "last_edited_time",
            "last_edited_time": {"on_or_after": _text(since)},
        }
        for source in self.data_sources(run):
            if keys := _read(source):
                path = f"/v1/data_sources/{keys.id}/query"
                yield from self._list(run, "POST", path, {"filter": edited})

    def _search(self, run: ResourceRun, kind: str) -> Iterator[bytes]:
        query = {
            "filter": {"property": "object", "value": kind},
            "sort": {"timestamp": "last_edited_time", "direction": "descending"},
        }
        yield from self._list(run, "POST", "/v1/search", query)

    def _list(
        self, run: ResourceRun, method: str, path: str, query: Mapping[str, Any]
    ) -> Iterator[bytes]:
        """Every record of a listing, page by page.

        Raises:
            PermanentError: Notion cut the listing off (10,000 results) and said so.
        """
        cursor: dict[str, str] = {}
        while True:
            asked = {**query, **cursor, "page_size": PAGE_SIZE}
            if method == "GET":
                page = self.client.get(run.meter, path, asked, _List).data
            else:
                page = self.client.post(run.meter, path, asked, _List).data
            yield from (bytes(record) for record in page.results)
            if page.request_status.type != "complete":
                raise _incomplete(run, path, f"request_status is {page.request_status.type}")
            if not page.has_more:
                return
            if not page.next_cursor:
                raise _incomplete(run, path, "has_more without next_cursor")
            cursor = {"start_cursor": page.next_cursor}


def without_signatures(payload: bytes) -> bytes:
    """The object without what changes at every read: signed file URLs and request ids."""
    if b'"expiry_time"' not in payload and b'"request_id"' not in payload:
        return payload
    record = msgspec.json.decode(payload)
    if isinstance(record, dict):
        record.pop("request_id", None)
    return msgspec.json.encode(_unsigned(record))


def _unsigned(value: Any) -> Any:
    if isinstance(value, dict):
        if "expiry_time" in value and isinstance(url := value.get("url"), str):
            return {"url": url.split("?")[0]}
        return {key: _unsigned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unsigned(item) for item in value]
    return value


def _read(record: bytes) -> _Keys | None:
    try:
        return msgspec.json.decode(record, type=_Keys)
    except msgspec.MsgspecError:
        return None


def _incomplete(run: ResourceRun, path: str, what: str) -> PermanentError:
    return PermanentError(
        f"notion.{run.resource}",
        f"{path}: {what}",
        "a complete listing",
        "sync smaller windows with --start and --end",
        code="incomplete",
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
