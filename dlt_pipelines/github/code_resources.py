"""The resources that come out of git: files and their contents, the wiki, files of commits.

Files and contents come from the REST API (`code`), the wiki and what each commit touched from git's
own protocol, which costs no quota (`wiki`, `git`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.github.blobs import BlobStore
from dlt_pipelines.github.code import (
    BlobEvent,
    FileEvent,
    Head,
    read_code,
    retire_branch,
)
from dlt_pipelines.github.commit_files import read_commit_files
from dlt_pipelines.github.commits import Heads
from dlt_pipelines.github.filters import CodeFilter
from dlt_pipelines.github.git import GitRemote
from dlt_pipelines.github.listings import Listings
from dlt_pipelines.github.rest import About, Repository, State, listed
from dlt_pipelines.github.wiki import read_wiki
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EVENTS, SyncRequest
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_tombstones

# A row of contents is up to a mebibyte long.
BLOBS_AT_ONCE: Final = 32
Tagged = tuple[str, pa.Table]


def code_resources(
    repository: Repository,
    about: About,
    listings: Listings,
    request: SyncRequest,
    sync: SyncRun,
    heads: Heads,
) -> list[DltResource]:
    """Files and blobs, the wiki, and what commits touched."""
    code = _code(repository, about, listings, request, sync, heads)
    return [
        *(code | _only(name) for name in ("files", "blobs")),
        _wiki(repository, about, request, sync),
        _commit_files(repository, request, sync.account("commit_files"), heads),
    ]


def _code(
    repository: Repository,
    about: About,
    listings: Listings,
    request: SyncRequest,
    sync: SyncRun,
    heads: Heads,
) -> DltResource:
    """Both tables' batches, from one reading of each configured branch."""
    files, blobs = sync.account("files"), sync.account("blobs")
    store = BlobStore(request.blobs or request.data / "blobs")
    filters = request.settings.get("code_filters")

    @dlt.resource(name="code", selected=False)
    def rows() -> Iterator[Tagged]:
        state = dlt.current.resource_state("files") if request.is_live else {}
        known: dict[str, list[str]] = state.setdefault("heads", {})
        seen: set[str] = set()
        branches = request.settings.get("branches") or [""]
        read: set[str] = set()
        for asked in branches:
            head = heads.of(files, asked)
            if head is None:
                continue
            branch = asked or about.default_branch(files)
            read.add(branch)
            before = Head(*known[branch]) if branch in known else None
            submodules = {} if before else listings.submodules(files, head.commit)
            events = read_code(
                repository, files, blobs, branch, head, before, filters, store, seen, submodules
            )
            yield from _to_batches(events, files, blobs, is_change=before is not None)
            known[branch] = [head.commit, head.tree, CodeFilter.of(filters).text]
        for branch in known.keys() - read:
            gone = retire_branch(repository, files, branch, Head(*known.pop(branch)))
            yield from _to_batches(gone, files, blobs, is_change=True)

    return rows()


def _only(name: str) -> Any:
    """The batches of one of the tables that come out of one reading."""

    @dlt.transformer(name=name, **EVENTS)
    def rows(tagged: Tagged) -> Iterator[pa.Table]:
        if tagged[0] == name:
            yield tagged[1]

    return rows


def _to_batches(
    events: Iterable[FileEvent | BlobEvent],
    files: ResourceRun,
    blobs: ResourceRun,
    *,
    is_change: bool,
) -> Iterator[Tagged]:
    """Events as batches. A change is of now: the same file may come back as it once was."""
    changed_at = datetime.now(UTC) if is_change else None

    def kind(event: FileEvent | BlobEvent) -> str:
        return "blob" if isinstance(event, BlobEvent) else event.operation

    def file_keys(record: bytes) -> tuple[str, datetime | None]:
        file = msgspec.json.decode(record, type=_File)
        return f"{file.branch}:{file.path}", changed_at

    for operation, group in groupby(events, kind):
        if operation == "delete":
            gone = ((event.external_id, event.payload) for event in group)
            yield from (("files", batch) for batch in to_tombstones(gone, files))
            continue
        records = (msgspec.json.encode(event.payload) for event in group)
        if operation == "upsert":
            yield from (("files", batch) for batch in to_batches(records, files, file_keys))
        else:
            batches = to_batches(records, blobs, _sha_keys, shared=True, rows_at_once=BLOBS_AT_ONCE)
            yield from (("blobs", batch) for batch in batches)


def _wiki(repository: Repository, about: About, request: SyncRequest, sync: SyncRun) -> DltResource:
    """The wiki's pages, if it has a wiki; read anew when its head has moved."""

    def fetch(run: ResourceRun, state: State | None) -> Iterator[bytes] | None:
        known = (state or {}).get("head")
        remote = _remote(repository, request, run, f"{request.container}.wiki")
        try:
            if not about.has(run, "wiki"):
                return _no_pages(state)
            head, pages = read_wiki(remote, known)
        except NotFoundError:
            if known:  # It had pages: the token has lost access rather than the wiki its pages.
                raise
            return None  # Switched on, and nobody has written a page: no repository yet.
        if pages is None:
            return None
        if state is not None:
            state["head"] = head
        return (msgspec.json.encode(page) for page in pages)

    emptiness = f"{request.container}.wiki.git: no pages"
    return listed("wiki_pages", request, sync, fetch, _path_keys, emptiness)


def _no_pages(state: State | None) -> Iterator[bytes] | None:
    """An empty listing where there were pages, else nothing that has changed."""
    return iter(()) if state is not None and state.pop("head", None) else None


def _commit_files(
    repository: Repository, request: SyncRequest, run: ResourceRun, heads: Heads
) -> DltResource:
    """What each commit of the configured branches touched."""

    @dlt.resource(name="commit_files", **EVENTS)
    def rows() -> Iterator[pa.Table]:
        state = dlt.current.resource_state() if request.is_live else {}
        branches = request.settings.get("branches") or [""]
        found = {branch: head for branch in branches if (head := heads.of(run, branch))}
        known = state.get("heads", {})
        new = {branch: head.commit for branch, head in found.items()}
        if new == known or not new:
            return
        remote = _remote(repository, request, run, request.container)
        name = f"{request.connection_id}__{request.container.replace('/', '__')}"
        cache = request.data / "git" / name
        commits = read_commit_files(
            remote, cache, sorted({*new.values()}), sorted({*known.values()})
        )
        records = (msgspec.json.encode(commit) for commit in commits)
        yield from to_batches(_in_window(records, request), run, _commit_keys)
        state["heads"] = new

    return rows()


def _remote(repository: Repository, request: SyncRequest, run: ResourceRun, name: str) -> GitRemote:
    tokens = repository.client.tokens
    token = tokens.choose("git", None).authorization().split(" ", 1)[1] if tokens else ""
    return GitRemote(
        f"{_git_base(request.base_url)}/{name}.git",
        token,
        resource=run.resource,
        secret_name=request.secret_name,
        retry=request.retry,
    )


def _git_base(base_url: str) -> str:
    """Where git is served: beside the API, which an Enterprise Server has below /api/v3."""
    if base_url == "https://api.github.com":
        return "https://github.com"
    return base_url.removesuffix("/api/v3")


def _in_window(records: Iterable[bytes], request: SyncRequest) -> Iterator[bytes]:
    for record in records:
        committed_at = msgspec.json.decode(record, type=_CommitFiles).committed_at
        is_before = request.start is not None and committed_at < request.start
        is_after = request.end is not None and committed_at >= request.end
        if not (is_before or is_after):
            yield record


class _File(msgspec.Struct):
    branch: str
    path: str


class _Blob(msgspec.Struct):
    sha: str


class _Page(msgspec.Struct):
    path: str


class _CommitFiles(msgspec.Struct):
    sha: str
    committed_at: datetime


_sha_keys: ReadKeys = lambda record: (msgspec.json.decode(record, type=_Blob).sha, None)  # noqa: E731
_path_keys: ReadKeys = lambda record: (msgspec.json.decode(record, type=_Page).path, None)  # noqa: E731


def _commit_keys(record: bytes) -> tuple[str, datetime | None]:
    commit = msgspec.json.decode(record, type=_CommitFiles)
    return commit.sha, commit.committed_at
