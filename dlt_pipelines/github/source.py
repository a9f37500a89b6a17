"""Loads GitHub repositories through REST: their issues, pull requests, talk and history.

    GET /repos/{repo}                    → raw_github.repositories     complete, versioned
    GET /repos/{repo}/labels             → raw_github.labels           complete, versioned
    GET /repos/{repo}/milestones         → raw_github.milestones       complete, versioned
    GET /repos/{repo}/issues             → raw_github.issues           since; pull requests too
    GET /repos/{repo}/issues/comments    → raw_github.issue_comments   since
    GET /repos/{repo}/pulls/comments     → raw_github.review_comments  since
    GET /repos/{repo}/pulls              → raw_github.pull_requests    newest first, to the cursor
    GET /repos/{repo}/pulls/{n}/reviews  → raw_github.reviews          of changed pull requests
    GET /repos/{repo}/issues/events      → raw_github.issue_events     newest first, to the cursor
    GET /repos/{repo}/commits, /compare  → raw_github.commits          by SHA range

Cursors: GitHub sets `updated_at` at every change of an object; it can be trusted within a minute of
replication lag, hence the overlap. Commits are walked by SHA, since a commit's date is its author's
claim: an old commit may be pushed late. A deleted issue or comment is simply absent: its tombstone
comes from reconciliation; labels and milestones absent from their listing are retired at once.

API: https://docs.github.com/rest. Run one: `headwater sync github --container owner/repo`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.github.commits import walk_commits
from dlt_pipelines.github.rest import Dated, Repository
from dlt_pipelines.http import Client, Meter, NotFoundError, PermanentError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import (
    CURSOR,
    EARLIEST,
    EVENTS,
    LISTING,
    Cursor,
    Resource,
    SourceType,
    SyncRequest,
    keep_newest,
)
from dlt_pipelines.raw_event import to_batches, to_empty_listing

OVERLAP_SECONDS: Final = 60

RESOURCES: Final = {
    "repositories": Resource(LISTING, "repository"),
    "labels": Resource(LISTING, "repository"),
    "milestones": Resource(LISTING, "repository"),
    "issues": Resource(EVENTS, "repository"),
    "issue_comments": Resource(EVENTS, "repository"),
    "review_comments": Resource(EVENTS, "repository"),
    "pull_requests": Resource(EVENTS, "repository"),
    "reviews": Resource(EVENTS, "repository", follows="pull_requests"),
    "issue_events": Resource(EVENTS, "repository"),
    "commits": Resource(EVENTS, "repository"),
}


@contextmanager
def open_repository(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of one repository, over one connection that closes with them."""
    with _client(request) as client:
        repository = Repository(client, request.container)
        changes = request.cursor(OVERLAP_SECONDS)
        pulls = pull_requests(repository, sync.resource("pull_requests"), changes)
        yield [
            repositories(repository, sync.resource("repositories")),
            listing("labels", repository, sync, "/labels"),
            listing("milestones", repository, sync, "/milestones", state="all"),
            updated("issues", repository, sync, request, "/issues", state="all"),
            updated("issue_comments", repository, sync, request, "/issues/comments"),
            updated("review_comments", repository, sync, request, "/pulls/comments"),
            pulls,
            pulls | reviews(repository, sync.resource("reviews"), request.mode == "incremental"),
            issue_events(
                repository, sync.resource("issue_events"), request.cursor(OVERLAP_SECONDS)
            ),
            commits(repository, sync.resource("commits"), request),
        ]


def check(request: SyncRequest) -> str:
    """Try the credential on the repository; say who it belongs to."""
    with _client(request) as client:
        meter = Meter("repositories")
        repository = client.get(meter, f"/repos/{request.container}", None, dict[str, Any]).data
        return f"{repository['full_name']} ({'private' if repository['private'] else 'public'})"


@dlt.resource(name="repositories", **LISTING)
def repositories(repository: Repository, run: ResourceRun) -> Iterator[pa.Table]:
    """One row: the repository itself, versioned whenever anything in it changes."""
    page = repository.get(run, "", msgspec.Raw)
    yield from to_batches([page.data], run, _updated_keys, listing=True)


def listing(name: str, repository: Repository, sync: SyncRun, path: str, **params: str) -> Any:
    """A complete listing: rows that are absent from it are retired."""
    run = sync.resource(name)

    @dlt.resource(name=name, **LISTING)
    def rows() -> Iterator[pa.Table]:
        yield from to_batches(
            repository.fetch_all(run, path, params), run, _node_keys, listing=True
        )
        if not run.items_processed:
            yield to_empty_listing(run, f"GET /repos/{repository.name}{path}: 200 with no items")

    return rows()


def updated(
    name: str, repository: Repository, sync: SyncRun, request: SyncRequest, path: str, **params: str
) -> Any:
    """Objects that GitHub lists by last change, read from the cursor on."""
    run = sync.resource(name)

    @dlt.resource(name=name, **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        since = occurred_at.start_value or EARLIEST
        records = repository.fetch_changed(run, path, since, request.end, params)
        yield from to_batches(records, run, _updated_keys)

    return rows(request.cursor(OVERLAP_SECONDS))


@dlt.resource(name="pull_requests", **EVENTS)
def pull_requests(
    repository: Repository, run: ResourceRun, occurred_at: Cursor = CURSOR
) -> Iterator[pa.Table]:
    """Pull requests have no `since`: newest change first, up to the cursor."""
    params = {"state": "all", "sort": "updated", "direction": "desc"}
    is_old = _older_than(occurred_at.start_value, Dated, lambda record: record.updated_at)
    records = repository.fetch_until(run, "/pulls", params, is_old)
    yield from to_batches(records, run, _updated_keys)


@dlt.transformer(name="reviews", **EVENTS)
def reviews(
    changed: pa.Table, repository: Repository, run: ResourceRun, skip_known: bool
) -> Iterator[pa.Table]:
    """Reviews of the pull requests that changed; a review always changes its pull request.

    The cursor's overlap lists the newest pull requests at every run. Those whose change was a
    minute old when their reviews were last read are known: asking again costs a request each.
    """
    settled = dlt.current.resource_state().setdefault("settled", {}) if skip_known else {}
    for row in changed.select(["external_id", "occurred_at", "payload", "observed_at"]).to_pylist():
        changed_at = row["occurred_at"].isoformat()
        if settled.get(row["external_id"]) == changed_at:
            continue
        number = msgspec.json.decode(row["payload"], type=_Numbered).number
        try:
            records = list(repository.fetch_all(run, f"/pulls/{number}/reviews"))
        except NotFoundError as error:  # Gone since it was listed; the rest of the run is not.
            run.dead_letter(row["payload"].encode(), error)
            continue
        yield from to_batches(records, run, _review_keys(row["occurred_at"]))
        if (row["observed_at"] - row["occurred_at"]).total_seconds() > OVERLAP_SECONDS:
            settled[row["external_id"]] = changed_at
    keep_newest(settled)


@dlt.resource(name="issue_events", **EVENTS)
def issue_events(
    repository: Repository, run: ResourceRun, occurred_at: Cursor = CURSOR
) -> Iterator[pa.Table]:
    """Events never change and arrive at the front: newest first, up to the cursor."""
    is_old = _older_than(occurred_at.start_value, _Event, lambda record: record.created_at)
    records = repository.fetch_until(run, "/issues/events", {}, is_old)
    yield from to_batches(records, run, _event_keys)


@dlt.resource(name="commits", **EVENTS)
def commits(repository: Repository, run: ResourceRun, request: SyncRequest) -> Iterator[pa.Table]:
    """Commits of the configured branches (default: the default branch), from head to last head."""
    heads = dlt.current.resource_state().setdefault("heads", {})
    live = request.mode == "incremental"
    for branch in request.settings.get("branches") or [""]:
        window = None if live else (request.start, request.end)
        head, records = walk_commits(
            repository, run, branch, heads.get(branch) if live else None, window
        )
        yield from to_batches(records, run, _commit_keys)
        if live and head:
            heads[branch] = head


class _Numbered(msgspec.Struct):
    number: int


class _Node(msgspec.Struct):
    node_id: str


class _Review(msgspec.Struct):
    node_id: str
    submitted_at: datetime | None = None


class _Event(msgspec.Struct):
    node_id: str
    created_at: datetime


class _Signature(msgspec.Struct):
    date: datetime | None = None


class _CommitBody(msgspec.Struct):
    committer: _Signature | None = None
    author: _Signature | None = None


class _Commit(msgspec.Struct):
    sha: str
    commit: _CommitBody


class _Stamped(msgspec.Struct):
    node_id: str
    updated_at: datetime


_decode_node = msgspec.json.Decoder(_Node).decode
_decode_stamped = msgspec.json.Decoder(_Stamped).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_review = msgspec.json.Decoder(_Review).decode
_decode_commit = msgspec.json.Decoder(_Commit).decode


def _node_keys(record: bytes) -> tuple[str, datetime | None]:
    return _decode_node(record).node_id, None


def _updated_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_stamped(record)
    return keys.node_id, keys.updated_at


def _event_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_event(record)
    return keys.node_id, keys.created_at


def _commit_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_commit(record)
    signature = keys.commit.committer or keys.commit.author
    return keys.sha, (signature.date if signature else None) or EARLIEST


def _review_keys(pull_changed_at: datetime) -> Callable[[bytes], tuple[str, datetime | None]]:
    def read(record: bytes) -> tuple[str, datetime | None]:
        keys = _decode_review(record)
        return keys.node_id, keys.submitted_at or pull_changed_at  # Pending reviews have no time.

    return read


def _older_than(
    start: datetime | None, shape: type[Any], time_of: Callable[[Any], datetime]
) -> Callable[[bytes], bool]:
    def is_old(record: bytes) -> bool:
        try:
            return start is not None and time_of(msgspec.json.decode(record, type=shape)) < start
        except msgspec.MsgspecError:
            return False  # Unreadable: it goes on to the dead letters.

    return is_old


def _client(request: SyncRequest) -> Client:
    if request.container.count("/") != 1:
        raise PermanentError(
            "github.repositories",
            f"{request.container!r} is not a repository",
            "owner/name",
            "correct it in sources.yml",
        )
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {request.secret}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return Client("github", request.base_url, headers, request.secret_name, request.retry)


GITHUB: Final = SourceType(
    name="github",
    default_url="https://api.github.com",
    resources=RESOURCES,
    open=open_repository,
    check=check,
)
