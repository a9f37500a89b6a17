"""Loads GitHub: repositories with their talk, history and code, and their organization.

REST, conditional: an answer that has not changed costs no quota.

    GET /repos/{repo}                    → raw_github.repositories     complete, versioned
                                         → raw_github.repository_counts  when a count moved
    GET /repos/{repo}/releases           → raw_github.releases         complete, versioned
    GET /repos/{repo}/issues             → raw_github.issues           since; pull requests too
    GET /repos/{repo}/issues/comments    → raw_github.issue_comments   since
    GET /repos/{repo}/pulls/comments     → raw_github.review_comments  since
    GET /repos/{repo}/pulls              → raw_github.pull_requests    newest first, to the cursor
    GET /repos/{repo}/issues/events      → raw_github.issue_events     newest first, to the cursor
    GET /repos/{repo}/commits, /compare  → raw_github.commits          by SHA range
    GET /repos/{repo}/actions/runs       → raw_github.workflow_runs    newest first, a month back
    GET /repos/{repo}/deployments        → raw_github.deployments      newest first, a month back
    GET /repos/{repo}/tarball, /git/trees, /git/blobs
                                         → raw_github.files, blobs     by comparing trees

GraphQL (`queries/`), a hundred changed objects in a request: pull_request_details,
pull_request_files, pull_request_commits, reviews, review_threads, workflow_jobs,
deployment_statuses. The complete listings branches, tags, labels, milestones and collaborators in
one request, with the newest discussions and discussion_comments; organizations, teams and
team_members in another. Git itself, which costs no quota: wiki_pages, commit_files.

Cursors: GitHub sets `updated_at` at every change of an object; it can be trusted within a minute of
replication lag, hence the overlap. Commits are walked by SHA, since a commit's date is its author's
claim: an old commit may be pushed late. What a complete listing lacks is retired at once; what is
deleted elsewhere is found by `reconcile`.

API: https://docs.github.com/rest, https://docs.github.com/graphql. Run one:
`headwater sync github --container owner/repo`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.github import parts, webhook
from dlt_pipelines.github.auth import API_HEADERS, tokens_of
from dlt_pipelines.github.code_resources import code_resources
from dlt_pipelines.github.commits import Heads, commits_within, walk_commits
from dlt_pipelines.github.discussions import discussions
from dlt_pipelines.github.graphql import GraphQL
from dlt_pipelines.github.listings import Listings, node_keys
from dlt_pipelines.github.nested import Nested, Together
from dlt_pipelines.github.organization import open_organization
from dlt_pipelines.github.probe import Facts, probe
from dlt_pipelines.github.reconcile import reconcile
from dlt_pipelines.github.rest import (
    PER_PAGE,
    About,
    Dated,
    Repository,
    listing,
    refusable,
)
from dlt_pipelines.http import Client, Meter
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import (
    CURSOR,
    EARLIEST,
    EVENTS,
    LISTING,
    Cursor,
    Known,
    Resource,
    SourceType,
    SyncRequest,
)
from dlt_pipelines.raw_event import ReadKeys, to_batches
from dlt_pipelines.webhook import Webhook

OVERLAP_SECONDS: Final = 60

RESOURCES: Final = {
    "repositories": Resource(LISTING, "repository"),
    "repository_counts": Resource(EVENTS, "repository", follows="repositories", has_times=False),
    "branches": Resource(LISTING, "repository"),
    "tags": Resource(LISTING, "repository"),
    "releases": Resource(LISTING, "repository"),
    "labels": Resource(LISTING, "repository"),
    "milestones": Resource(LISTING, "repository"),
    "collaborators": Resource(LISTING, "repository"),
    "issues": Resource(EVENTS, "repository", locator="$.number"),
    "issue_comments": Resource(EVENTS, "repository", locator="$.issue_url"),
    "issue_events": Resource(EVENTS, "repository"),
    "pull_requests": Resource(EVENTS, "repository"),
    "pull_request_details": Resource(EVENTS, "repository", follows="pull_requests"),
    "pull_request_files": Resource(EVENTS, "repository", follows="pull_requests"),
    "pull_request_commits": Resource(EVENTS, "repository", follows="pull_requests"),
    "reviews": Resource(
        EVENTS, "repository", follows="pull_requests", locator="$.pullRequest.number"
    ),
    "review_threads": Resource(EVENTS, "repository", follows="pull_requests"),
    "review_comments": Resource(EVENTS, "repository", locator="$.pull_request_url"),
    "discussions": Resource(EVENTS, "repository", locator="$.number"),
    "discussion_comments": Resource(
        EVENTS, "repository", follows="discussions", locator="$.discussion.id"
    ),
    "commits": Resource(EVENTS, "repository"),
    "commit_files": Resource(EVENTS, "repository"),
    "files": Resource(EVENTS, "repository", has_times=False),
    "blobs": Resource(EVENTS, "repository", follows="files", has_times=False),
    "wiki_pages": Resource(LISTING, "repository"),
    "workflow_runs": Resource(EVENTS, "repository"),
    "workflow_jobs": Resource(EVENTS, "repository", follows="workflow_runs"),
    "deployments": Resource(EVENTS, "repository"),
    "deployment_statuses": Resource(EVENTS, "repository", follows="deployments"),
    "organizations": Resource(LISTING, "organization"),
    "teams": Resource(LISTING, "organization"),
    "team_members": Resource(LISTING, "organization", follows="teams"),
}


# Runs and deployments are listed by creation and change later: a run for 35 days, re-runs included.
LOOKBACK: Final = timedelta(days=35)
SHORT_LOOKBACK: Final = timedelta(days=1)


@contextmanager
def open_container(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The resources of one repository or organization, over one connection."""
    opened_at = datetime.now(UTC)
    with open_client(request) as client:
        if request.kind == "organization":
            yield open_organization(client, request, sync)
        else:
            facts = Facts.of(request.probed)
            yield open_repository(client, request, sync, facts)
            overlap = timedelta(seconds=OVERLAP_SECONDS)
            sync.is_settled &= facts.is_settled(overlap, opened_at + client.clock_offset)


def open_repository(
    client: Client, request: SyncRequest, sync: SyncRun, facts: Facts
) -> list[DltResource]:
    """The resources of one repository."""
    root = f"/repos/{request.container}"
    repository = Repository(client, request.container, root, facts.empty)
    graphql = GraphQL(client)
    heads = Heads(repository, request.is_live, facts)
    about = About(repository, request.is_live)
    whole = repositories(about, sync.account("repositories"))
    together = Together(graphql)
    listings = Listings(graphql, about, request, sync)
    pulls = pull_requests(repository, request, sync.account("pull_requests"))
    jobs = parts.workflow_jobs(together, sync, request.is_live)
    statuses = parts.deployment_statuses(together, sync, request.is_live)
    runs = recent(jobs, repository, request, sync, "/actions/runs", _numbered_keys, "workflow_runs")
    deployments = recent(statuses, repository, request, sync, "/deployments", _updated_keys)
    return [
        whole,
        whole | repository_counts(sync.account("repository_counts"), request.is_live),
        listing("releases", repository, request, sync, "/releases", node_keys),
        *listings.resources(),
        updated("issues", repository, sync, request, "/issues", state="all"),
        updated("issue_comments", repository, sync, request, "/issues/comments"),
        updated("review_comments", repository, sync, request, "/pulls/comments"),
        issue_events(repository, request, sync.account("issue_events")),
        pulls,
        *parts.pull_request_parts(together, sync, request.is_live).resources(pulls),
        runs,
        *jobs.resources(runs),
        deployments,
        *statuses.resources(deployments),
        *discussions(graphql, about, listings, request, sync, request.cursor(OVERLAP_SECONDS)),
        commits(repository, sync.account("commits"), request, heads),
        *code_resources(repository, about, listings, request, sync, heads),
    ]


def check(request: SyncRequest) -> str:
    """Try the credential on the container; say who it belongs to."""
    with open_client(request) as client:
        if request.kind == "organization":
            found = client.get(
                Meter("organizations"), f"/orgs/{request.container}", None, dict[str, Any]
            ).data
            return f"{found['login']} (organization)"
        meter = Meter("repositories")
        found = client.get(meter, f"/repos/{request.container}", None, dict[str, Any]).data
        return f"{found['full_name']} ({'private' if found['private'] else 'public'})"


def repositories(about: About, run: ResourceRun) -> Any:
    """One row: the repository itself, versioned whenever anything in it changes."""

    @dlt.resource(name="repositories", **LISTING)
    def rows() -> Iterator[pa.Table]:
        state = dlt.current.resource_state() if about.is_live else {}
        payload = about.payload(run, is_needed=not state.get("is_read"))
        state["is_read"] = True
        if payload is not None:
            yield from to_batches([payload], run, _updated_keys, listing=True)

    return rows()


def repository_counts(run: ResourceRun, is_live: bool) -> Any:
    """How many stars, forks, watchers and open issues there are, whenever that has changed."""

    @dlt.transformer(name="repository_counts", **EVENTS)
    def rows(changed: pa.Table) -> Iterator[pa.Table]:
        state = dlt.current.resource_state()
        for payload in changed["payload"].to_pylist():
            counts = msgspec.json.encode(msgspec.json.decode(payload, type=_Counts))
            if state.get("counts") == counts.decode():
                continue
            if is_live:
                state["counts"] = counts.decode()
            yield from to_batches([counts], run, _observed_keys)

    return rows


def updated(
    name: str, repository: Repository, sync: SyncRun, request: SyncRequest, path: str, **params: str
) -> Any:
    """Objects that GitHub lists by last change, read from the cursor on."""
    run = sync.account(name)

    @dlt.resource(name=name, **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        since = occurred_at.start_value or EARLIEST
        state = dlt.current.resource_state() if request.is_live else None
        records = repository.fetch_news(run, path, since, request.end, params, state)
        yield from to_batches(records, run, _updated_keys)

    return rows(request.cursor(OVERLAP_SECONDS))


def pull_requests(repository: Repository, request: SyncRequest, run: ResourceRun) -> Any:
    """Pull requests have no `since`: newest change first, up to the cursor.

    In batches of a hundred: what hangs on a batch is read in one request and held at once.
    """
    params = {"state": "all", "sort": "updated", "direction": "desc"}

    @dlt.resource(name="pull_requests", **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        is_old = _older_than(occurred_at.start_value, Dated, lambda record: record.updated_at)
        state = dlt.current.resource_state() if request.is_live else None
        records = repository.fetch_until(run, "/pulls", params, is_old, state)
        yield from to_batches(records, run, _updated_keys, rows_at_once=PER_PAGE)

    return rows(request.cursor(OVERLAP_SECONDS))


def issue_events(repository: Repository, request: SyncRequest, run: ResourceRun) -> Any:
    """Events never change and arrive at the front: newest first, up to the cursor."""

    @dlt.resource(name="issue_events", **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        is_old = _older_than(occurred_at.start_value, _Event, lambda record: record.created_at)
        state = dlt.current.resource_state() if request.is_live else None
        records = repository.fetch_until(run, "/issues/events", {}, is_old, state)
        yield from to_batches(records, run, _event_keys)

    return rows(request.cursor(OVERLAP_SECONDS))


def recent(
    nested: Nested,
    repository: Repository,
    request: SyncRequest,
    sync: SyncRun,
    path: str,
    read_keys: ReadKeys,
    items: str = "",
) -> Any:
    """Objects that are listed by creation and change afterwards, as far back as they still may.

    The far look back is taken once a day, the near one at every sync. What has not changed is
    dropped when it is loaded; a cursor on the change would lose what is seen late. `nested` is what
    hangs on them.
    """
    run = sync.account(nested.leader)

    @dlt.resource(name=nested.leader, **EVENTS)
    def rows() -> Iterator[pa.Table]:
        state = dlt.current.resource_state() if request.is_live else {}
        now = datetime.now(UTC)
        read_at = datetime.fromisoformat(state["read_at"]) if "read_at" in state else None
        deep_at = datetime.fromisoformat(state["deep_at"]) if "deep_at" in state else None
        is_deep = deep_at is None or now - deep_at > SHORT_LOOKBACK
        if is_deep:
            state.pop("etags", None)
        lookback = LOOKBACK if is_deep else SHORT_LOOKBACK
        start = (request.start - LOOKBACK if request.start else None) or (
            read_at - lookback if read_at else None
        )
        if start and "unfinished_since" in state:
            start = min(start, datetime.fromisoformat(state["unfinished_since"]))
        is_old = _older_than(start, Dated, lambda record: record.created_at)
        etags = state if request.is_live else None
        records = repository.fetch_until(run, path, {}, is_old, etags, items)
        records = _within(refusable(records, run, request), request)
        unfinished: list[datetime] = []
        for batch in to_batches(records, run, read_keys, rows_at_once=PER_PAGE):
            state.pop("unfinished_since", None)
            unfinished += _unfinished(batch)
            nested.note(batch)
            yield batch
        if unfinished:
            state["unfinished_since"] = min(unfinished).isoformat()
        sync.is_settled &= "unfinished_since" not in state
        if run.refusal is None:
            state["read_at"] = now.isoformat()
            if is_deep:
                state["deep_at"] = now.isoformat()

    return rows()


def commits(repository: Repository, run: ResourceRun, request: SyncRequest, heads: Heads) -> Any:
    """Commits of the configured branches (default: the default branch), from head to last head."""

    @dlt.resource(name="commits", **EVENTS)
    def rows() -> Iterator[pa.Table]:
        known = dlt.current.resource_state().setdefault("heads", {}) if request.is_live else {}
        for branch in request.settings.get("branches") or [""]:
            if request.mode == "window":
                window = (request.start, request.end)
                records = commits_within(repository, run, branch, window)
                yield from to_batches(records, run, _commit_keys)
                continue
            head = heads.of(run, branch)
            if head is None:
                continue
            newest = heads.newest(branch)
            records = walk_commits(repository, run, head, known.get(branch), newest)
            yield from to_batches(records, run, _commit_keys)
            known[branch] = head.commit

    return rows()


class _Counts(msgspec.Struct):
    node_id: str
    stargazers_count: int = 0
    forks_count: int = 0
    subscribers_count: int = 0
    open_issues_count: int = 0
    size: int = 0


class _Node(msgspec.Struct):
    node_id: str


class _Numbered(msgspec.Struct):
    id: int
    node_id: str
    updated_at: datetime


class _Run(msgspec.Struct):
    created_at: datetime
    status: str | None = None


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
_decode_commit = msgspec.json.Decoder(_Commit).decode


def _observed_keys(record: bytes) -> tuple[str, datetime | None]:
    """A count may come back to what it was: the time of looking makes it another event."""
    return _decode_node(record).node_id, datetime.now(UTC)


def _updated_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_stamped(record)
    return keys.node_id, keys.updated_at


def _numbered_keys(record: bytes) -> tuple[str, datetime | None]:
    """By number: recorded runs that are not the same have been seen to share a `node_id`."""
    keys = msgspec.json.decode(record, type=_Numbered)
    return str(keys.id), keys.updated_at


def _event_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_event(record)
    return keys.node_id, keys.created_at


def _commit_keys(record: bytes) -> tuple[str, datetime | None]:
    keys = _decode_commit(record)
    signature = keys.commit.committer or keys.commit.author
    return keys.sha, (signature.date if signature else None) or EARLIEST


def _within(records: Iterable[msgspec.Raw], request: SyncRequest) -> Iterator[msgspec.Raw]:
    """In a window: the records that changed in it."""
    for record in records:
        if request.start and request.end:
            try:
                changed_at = _decode_stamped(bytes(record)).updated_at
            except msgspec.MsgspecError:
                changed_at = None  # Unreadable: it goes on to the dead letters.
            if changed_at and not (request.start <= changed_at < request.end):
                continue
        yield record


def _unfinished(batch: pa.Table) -> list[datetime]:
    """When the runs among these began that go on: they change without a sign that a probe sees."""
    runs = [msgspec.json.decode(payload, type=_Run) for payload in batch["payload"].to_pylist()]
    return [run.created_at for run in runs if run.status not in (None, "completed")]


def _older_than(
    start: datetime | None, shape: type[Any], time_of: Callable[[Any], datetime]
) -> Callable[[bytes], bool]:
    def is_old(record: bytes) -> bool:
        try:
            return start is not None and time_of(msgspec.json.decode(record, type=shape)) < start
        except msgspec.MsgspecError:
            return False  # Unreadable: it goes on to the dead letters.

    return is_old


def open_client(request: SyncRequest) -> Client:
    """A client with the request's tokens."""
    if request.kind == "repository" and request.container.count("/") != 1:
        raise PermanentError(
            "github.repositories",
            f"{request.container!r} is not a repository",
            "owner/name",
            "correct it in sources.yml",
        )
    return Client(
        "github",
        request.base_url,
        API_HEADERS,
        request.secret_name,
        request.retry,
        tokens_of(request),
    )


def probe_repositories(requests: Sequence[SyncRequest], meter: Meter) -> Mapping[str, bytes]:
    """What moves when anything in a repository moves, of many repositories."""
    with open_client(requests[0]) as client:
        return probe(client, [request.container for request in requests], meter)


@contextmanager
def open_reconciliation(
    request: SyncRequest, sync: SyncRun, known: Known
) -> Iterator[Iterable[DltResource]]:
    """The tombstones of what has vanished from a repository."""
    with open_client(request) as client:
        yield reconcile(client, request, sync, known, _updated_keys)


@contextmanager
def open_named(request: SyncRequest, sync: SyncRun) -> Iterator[Iterable[DltResource]]:
    """The objects that deliveries name, and nothing else."""
    with open_client(request) as client:
        yield webhook.named_objects(client, request, sync, _updated_keys)


GITHUB: Final = SourceType(
    name="github",
    default_url="https://api.github.com",
    resources=RESOURCES,
    open=open_container,
    check=check,
    reconcile=open_reconciliation,
    probe=probe_repositories,
    probed_kind="repository",
    webhook=Webhook(webhook.verify, webhook.subjects, open_named),
)
