"""Walking GitHub's REST listings so that nothing is missed while they change under the walk.

https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec
from httpx import URL

from dlt_pipelines.http import Client, Page, PermanentError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.pipeline import EARLIEST

T = TypeVar("T")
Params = Mapping[str, str | int]

PER_PAGE: Final = 100
# Between the `Date` of a response and the times in its records.
CLOCK_SKEW: Final = timedelta(minutes=1)


class Dated(msgspec.Struct):
    """The keys of a record that carries a last-change time."""

    node_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository's listings; paths are relative to `/repos/{owner}/{repo}`."""

    client: Client
    name: str

    def get(
        self, run: ResourceRun, path: str, shape: type[T], params: Params | None = None
    ) -> Page[T]:
        """One request below the repository."""
        return self.client.get(run.meter, f"/repos/{self.name}{path}", params, shape)

    def fetch_all(
        self, run: ResourceRun, path: str, params: Params | None = None
    ) -> Iterator[msgspec.Raw]:
        """Every record of a listing whose order does not change while it is read."""
        for page in self._pages(run, path, params or {}):
            yield from page.data

    def fetch_until(
        self, run: ResourceRun, path: str, params: Params, is_old: Callable[[bytes], bool]
    ) -> Iterator[msgspec.Raw]:
        """A newest-first listing, up to and without the first record that `is_old`.

        Records that change or arrive during the walk move to the front, which pushes others back:
        some are seen twice, none is skipped, and the movers are newer than this walk's cursor.
        """
        for page in self._pages(run, path, params):
            for record in page.data:
                if is_old(bytes(record)):
                    return
                yield record

    def fetch_changed(
        self, run: ResourceRun, path: str, since: datetime, until: datetime | None, params: Params
    ) -> Iterator[msgspec.Raw]:
        """Records changed at or after `since` (and before `until`), oldest change first.

        In this order a record that changes during the walk leaves its place, and the record after
        the page just read moves into it, unseen. A whole listing is therefore counted first, walked
        page by page, and where a record that was listed moved or vanished meanwhile, what lies
        behind it is read again by time. Everything else is short and read by time at once: nothing
        can slip out of that.
        """
        query = {**params, "sort": "updated", "direction": "asc", "per_page": PER_PAGE}
        if since > EARLIEST or until:
            yield from self._list_by_time(run, path, since, until, query)
            return
        query["since"] = to_text(since)
        total, started = self._count(run, path, query)
        run.expected_items = total
        if total is None:
            yield from self._list_by_time(run, path, since, until, query)
        if not total:
            return
        listed: list[array[int]] = []  # 8 bytes a record: whole listings are long.
        bounds: list[datetime] = []
        moved_from: list[int] = []
        for number, page in enumerate(self._pages(run, path, query)):
            listed.append(array("q"))
            for record in page.data:
                if dated := _read(record):
                    total += dated.created_at >= started
                    key = hash(dated.node_id)
                    if dated.updated_at >= started - CLOCK_SKEW:
                        moved_from += [n for n, keys in enumerate(listed[:number]) if key in keys]
                    listed[number].append(key)
                total -= 1
                yield record
            bounds.append(_last_change(page.data) or (bounds[-1] if bounds else since))
        if total > 0:  # Something counted was deleted: anywhere a record may have slipped by.
            yield from self._list_by_time(run, path, since, None, query)
        elif moved_from:  # Every page after the first that lost a record may have begun too late.
            yield from self._list_by_time(run, path, bounds[min(moved_from)], None, query)

    def _list_by_time(
        self, run: ResourceRun, path: str, since: datetime, until: datetime | None, query: Params
    ) -> Iterator[msgspec.Raw]:
        """Without page numbers: each request starts at the time where the last one ended."""
        while True:
            page = self.get(run, path, list[msgspec.Raw], {**query, "since": to_text(since)})
            for record in page.data:
                if until and (dated := _read(record)) and dated.updated_at >= until:
                    return
                yield record
            if "next" not in page.links:
                return
            last = _last_change(page.data)
            if last is None or last <= since:
                raise PermanentError(
                    f"github.{run.resource}",
                    f"more than {PER_PAGE} records changed in the second {to_text(since)}",
                    "at most one page a second in an incremental read",
                    "read it whole with --full",
                    code="incomplete",
                )
            since = last

    def _count(self, run: ResourceRun, path: str, query: Params) -> tuple[int | None, datetime]:
        """How many records a listing has (the last page at one a page), and the server's time.

        None where GitHub pages by cursor and does not say which page is the last.
        """
        page = self.get(run, path, list[msgspec.Raw], {**query, "per_page": 1})
        if (last := page.links.get("last")) and "page" in URL(last).params:
            return int(URL(last).params["page"]), page.date
        return (None if "next" in page.links else len(page.data)), page.date

    def _pages(
        self, run: ResourceRun, path: str, params: Params
    ) -> Iterator[Page[list[msgspec.Raw]]]:
        page = self.get(run, path, list[msgspec.Raw], {"per_page": PER_PAGE, **params})
        yield page
        while following := page.links.get("next"):
            page = self.client.get(run.meter, following, None, list[msgspec.Raw])
            yield page


def _read(record: msgspec.Raw) -> Dated | None:
    try:
        return msgspec.json.decode(record, type=Dated)
    except msgspec.MsgspecError:
        return None  # It becomes a dead letter where the event is made; the walk goes on.


def _last_change(records: Sequence[msgspec.Raw]) -> datetime | None:
    """The last change on a page in the order of changes, of what can be read."""
    return next((dated.updated_at for r in reversed(records) if (dated := _read(r))), None)


def to_text(moment: datetime) -> str:
    """A time as GitHub takes it: ISO 8601 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
