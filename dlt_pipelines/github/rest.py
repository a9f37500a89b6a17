"""Walking GitHub's REST listings so that nothing is missed while they change under the walk.

https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource
from httpx import URL

from dlt_pipelines import deletions
from dlt_pipelines.exceptions import AuthError, NotFoundError, PermanentError
from dlt_pipelines.http import Client, Page
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EARLIEST, LISTING, SyncRequest
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_empty_listing

T = TypeVar("T")
Params = Mapping[str, str | int]

PER_PAGE: Final = 100
# Beyond read access to Contents, Issues, Metadata and Pull requests.
NEED_MORE_PERMISSION: Final = frozenset(
    {"collaborators", "deployments", "discussions", "teams", "team_members", "workflow_runs"}
)
# Between the `Date` of a response and the times in its records.
CLOCK_SKEW: Final = timedelta(minutes=1)


class Dated(msgspec.Struct):
    """The keys of a record that carries a last-change time."""

    node_id: str
    created_at: datetime
    updated_at: datetime


State = dict[str, Any]


@dataclass(frozen=True)
class Repository:
    """One repository's (or organization's) listings; paths are relative to `root`.

    Where a `state` is given, what a listing answered is remembered in it by its ETag, and what has
    not changed since is not read again: the answer 304 costs no quota. `empty` are the resources
    that a probe has just found to have no objects: their listings are not asked for.
    """

    client: Client
    name: str
    root: str
    empty: frozenset[str] = frozenset()

    def get(
        self, run: ResourceRun, path: str, shape: type[T], params: Params | None = None
    ) -> Page[T]:
        """One request below the root."""
        return self.client.get(run.meter, f"{self.root}{path}", params, shape)

    def get_if_changed(
        self, run: ResourceRun, path: str, shape: type[T], params: Params | None, state: State
    ) -> Page[T] | None:
        """One request below the root; None where its answer is known."""
        validators = state.setdefault("etags", {})
        return self.client.get_if_changed(
            run.meter, f"{self.root}{path}", params, shape, validators
        )

    def fetch_all(
        self, run: ResourceRun, path: str, params: Params | None = None
    ) -> Iterator[msgspec.Raw]:
        """Every record of a listing whose order does not change while it is read."""
        for page in self._pages(run, path, params or {}):
            yield from page.data

    def fetch_listing(
        self, run: ResourceRun, path: str, params: Params, state: State | None
    ) -> Iterator[msgspec.Raw] | None:
        """Every record of a complete listing; None where no page of it has changed."""
        query = {"per_page": PER_PAGE, **params}
        if self.is_empty(run, state):
            return None if state and state.get("listed") == 0 else iter(())
        if state is None:
            return self.fetch_all(run, path, query)
        if "digest" in state:  # Last read by other means: no ETag says what is known now.
            forget(state)
        first = self.get_if_changed(run, path, list[msgspec.Raw], query, state)
        if first is None:
            etags = state["etags"]
            others = (
                self.client.get_if_changed(run.meter, url, None, list[msgspec.Raw], etags)
                for url in state.get("pages", [])
            )
            if all(page is None or not page.data for page in others):
                return None
            etags.clear()
            first = self.get(run, path, list[msgspec.Raw], query)
        return self._remembered(run, first, state)

    def is_empty(self, run: ResourceRun, state: State | None) -> bool:
        """Whether a resource needs no request, since it is known to have no objects.

        What its listing answered before is forgotten: the same answer is news when it comes back.
        """
        if run.resource not in self.empty:
            return False
        forget(state)
        run.meter.requests_saved += 1
        return True

    def _remembered(
        self, run: ResourceRun, page: Page[list[msgspec.Raw]], state: State
    ) -> Iterator[msgspec.Raw]:
        """The records of a listing from its first page on; the URLs of the others are kept."""
        state["pages"] = []
        number = 1
        while True:
            yield from page.data
            following = page.links.get("next")
            if following is None:
                break
            number += 1
            state["pages"].append(self.client.relative(following))
            found = self.client.get_if_changed(
                run.meter, following, None, list[msgspec.Raw], state["etags"]
            )
            page = found or self.client.get(run.meter, following, None, list[msgspec.Raw])
        if len(page.data) == PER_PAGE and state["etags"]:
            # A page that follows a full one need not change it.
            last = next(reversed(state["etags"])).split(" ", 1)[1]
            url = URL(last).copy_set_param("page", str(number + 1))
            state["pages"].append(self.client.relative(str(url)))

    def fetch_until(
        self,
        run: ResourceRun,
        path: str,
        params: Params,
        is_old: Callable[[bytes], bool],
        state: State | None = None,
        items: str = "",
    ) -> Iterator[msgspec.Raw]:
        """A newest-first listing, up to and without the first record that `is_old`.

        Records that change or arrive during the walk move to the front, which pushes others back:
        some are seen twice, none is skipped, and the movers are newer than this walk's cursor.
        Nothing at all where the first page is known. `items` names the list in pages that are
        objects.
        """
        if self.is_empty(run, state):
            return
        for page in self._pages(run, path, params, state, items):
            for record in page.data:
                if is_old(bytes(record)):
                    return
                yield record

    def fetch_news(
        self,
        run: ResourceRun,
        path: str,
        since: datetime,
        until: datetime | None,
        params: Params,
        state: State | None,
    ) -> Iterator[msgspec.Raw]:
        """Records changed at or after `since` (and before `until`), most cheaply.

        The newest hundred come first, in one answer: nothing is read where they are known, and
        nothing else where they reach back to `since`.
        """
        if self.is_empty(run, state):
            return
        if state is not None:
            query = {**params, "sort": "updated", "direction": "desc", "per_page": PER_PAGE}
            newest = self.get_if_changed(run, path, list[msgspec.Raw], query, state)
            if newest is None:
                run.meter.requests_saved += 1
                return
            oldest = _last_change(newest.data)
            if "next" not in newest.links or (oldest and oldest < since):
                run.expected_items = len(newest.data) if "next" not in newest.links else None
                yield from newest.data
                return
        yield from self.fetch_changed(run, path, since, until, params)

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
        self,
        run: ResourceRun,
        path: str,
        params: Params,
        state: State | None = None,
        items: str = "",
    ) -> Iterator[Page[list[msgspec.Raw]]]:
        shape = dict[str, msgspec.Raw] if items else list[msgspec.Raw]
        query = {"per_page": PER_PAGE, **params}
        page: Page[Any] | None
        if state is None:
            page = self.get(run, path, shape, query)
        else:
            page = self.get_if_changed(run, path, shape, query, state)
        while page is not None:
            data = msgspec.json.decode(page.data[items], type=list[msgspec.Raw]) if items else None
            yield Page(data or [], page.links, page.date) if items else page
            following = page.links.get("next")
            page = self.client.get(run.meter, following, None, shape) if following else None


Fetch = Callable[[ResourceRun, State | None], Iterator[Any] | None]


def listing(
    name: str,
    repository: Repository,
    request: SyncRequest,
    sync: SyncRun,
    path: str,
    read_keys: ReadKeys,
    **params: str,
) -> DltResource:
    """A complete REST listing."""
    return listed(
        name,
        request,
        sync,
        lambda run, state: repository.fetch_listing(run, path, params, state),
        read_keys,
        "GraphQL, repository: totalCount 0"
        if name in repository.empty
        else f"GET {repository.root}{path}: 200 with no items",
    )


def listed(
    name: str,
    request: SyncRequest,
    sync: SyncRun,
    fetch: Fetch,
    read_keys: ReadKeys,
    emptiness: str,
) -> DltResource:
    """A complete listing, however it is read: rows that are absent from it are retired.

    `fetch` returns None where nothing has changed; `emptiness` is the evidence of an empty listing.
    """
    run = sync.account(name)

    @dlt.resource(name=name, **LISTING)
    def rows() -> Iterator[pa.Table]:
        state = dlt.current.resource_state()
        is_unchanged = False

        def records() -> Iterator[Any]:
            nonlocal is_unchanged
            found = fetch(run, state if request.is_live else None)
            is_unchanged = found is None
            yield from found or ()

        yield from to_batches(refusable(records(), run, request), run, read_keys, listing=True)
        if is_unchanged or run.refusal:
            return
        if not run.items_processed:
            yield to_empty_listing(run, emptiness)
        known = state.get("listed", 0)
        gone = known - run.items_processed
        deletions.guard(run, known, gone, confirmed=request.confirm_deletions)
        if request.is_live:
            state["listed"] = run.items_processed
        else:  # What is remembered of the last live sync is not what is loaded now.
            forget(state)

    return rows()


def news(records: list[bytes], state: State | None) -> Iterator[bytes] | None:
    """The records of a listing that has no ETag; None where they are those that were last read."""
    if state is None:
        return iter(records)
    digest = hashlib.sha256(b"\n".join(records)).hexdigest()
    if state.get("digest") == digest:
        return None
    forget(state)
    state["digest"] = digest
    return iter(records)


def forget(state: State | None) -> None:
    """Forget what a listing answered, by whichever way it was read."""
    for name in ("etags", "pages", "digest"):
        (state or {}).pop(name, None)


@dataclass
class About:
    """What GitHub says of the repository itself, asked for at most once in a sync."""

    repository: Repository
    is_live: bool
    _payload: msgspec.Raw | None = None
    _is_asked: bool = False
    _own_state: State = field(default_factory=dict)

    def payload(self, run: ResourceRun, *, is_needed: bool) -> msgspec.Raw | None:
        """The repository's object; None where it has not changed, unless it is needed anyway."""
        if not self._is_asked:
            self._is_asked = True
            page = self.repository.get_if_changed(run, "", msgspec.Raw, None, self._state())
            self._keep(page)
        if self._payload is None and is_needed:
            self._keep(self.repository.get(run, "", msgspec.Raw))
        return self._payload

    def has(self, run: ResourceRun, feature: str) -> bool:
        """Whether the repository has `discussions`, a `wiki`, …; true where GitHub does not say."""
        self.payload(run, is_needed=False)
        return bool(self._state().get("features", {}).get(f"has_{feature}", True))

    def default_branch(self, run: ResourceRun) -> str:
        """The name of the branch that is read where none is configured.

        Not asked for where it is known: whoever reads the repository itself has just learned it.
        """
        if "default_branch" not in self._state():
            self.payload(run, is_needed=True)
        return str(self._state()["default_branch"])

    def _keep(self, page: Page[msgspec.Raw] | None) -> None:
        if page is None:
            return
        self._payload = page.data
        facts = msgspec.json.decode(page.data, type=dict[str, Any])
        self._state()["features"] = {k: v for k, v in facts.items() if k.startswith("has_")}
        self._state()["default_branch"] = facts.get("default_branch", "")

    def _state(self) -> State:
        if not self.is_live:
            return self._own_state
        state: State = dlt.current.source_state().setdefault("about", {})
        return state


def refusable(records: Iterable[T], run: ResourceRun, request: SyncRequest) -> Iterator[T]:
    """The records; none, and an account that says why, where the token may not read them.

    What needs more than reading a repository's talk is left out rather than failing all the rest,
    unless the configuration asks for it by name.
    """
    try:
        yield from records
    except (AuthError, NotFoundError) as error:  # A classic token without the scope gets 404.
        is_refusal = error.code in ("forbidden", "not_found")
        is_optional = run.resource in NEED_MORE_PERMISSION
        if not is_refusal or not is_optional or run.resource in request.content_types:
            raise
        run.refused(error)


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
