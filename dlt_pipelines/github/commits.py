"""Walking a branch's commits by SHA, complete under late pushes, merges and force pushes.

GET /repos/{repo}/commits and /repos/{repo}/compare/{base}...{head}
https://docs.github.com/rest/commits/commits#compare-two-commits
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import dlt
import msgspec

from dlt_pipelines.exceptions import NotFoundError, PermanentError
from dlt_pipelines.github.code import Head
from dlt_pipelines.github.probe import Facts
from dlt_pipelines.github.rest import PER_PAGE, Params, Repository, State, to_text
from dlt_pipelines.ledger import ResourceRun

Window = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Newest:
    """The newest hundred commits of a branch, and whether there are more."""

    records: list[msgspec.Raw]
    has_more: bool

    def after(self, known_head: str, head: str) -> list[msgspec.Raw] | None:
        """Those since a known head; None unless they lead to it one by one, without a merge."""
        try:
            commits = [msgspec.json.decode(record, type=_Commit) for record in self.records]
        except msgspec.MsgspecError:
            return None
        by_sha = {commit.sha: place for place, commit in enumerate(commits)}
        found: list[msgspec.Raw] = []
        sha = head
        while sha != known_head:
            if sha not in by_sha or len(commits[by_sha[sha]].parents) != 1:
                return None
            found.append(self.records[by_sha[sha]])
            sha = commits[by_sha[sha]].parents[0].sha
        return found


@dataclass
class Heads:
    """The heads of branches, each asked for at most once in a sync, and free if it did not move.

    Asked for with the newest hundred commits, which are then often all that is new. What outlives a
    live sync: the newest commit of each branch, and its ETag. A head that a probe has just found
    (`facts`) is not asked for.
    """

    repository: Repository
    is_live: bool
    facts: Facts = field(default_factory=Facts)
    _found: dict[str, Head | None] = field(default_factory=dict)
    _newest: dict[str, Newest] = field(default_factory=dict)

    def of(self, run: ResourceRun, branch: str) -> Head | None:
        """A branch's head (empty name: the default branch's); None in an empty repository."""
        if branch not in self._found:
            self._found[branch] = self._ask(run, branch)
        return self._found[branch]

    def newest(self, branch: str) -> Newest | None:
        """The newest commits of a branch, where its head came with them."""
        return self._newest.get(branch)

    def _ask(self, run: ResourceRun, branch: str) -> Head | None:
        params: Params = {"per_page": PER_PAGE, **({"sha": branch} if branch else {})}
        state: State = dlt.current.source_state().setdefault("branches", {}) if self.is_live else {}
        known = state.setdefault("heads", {})
        if self.facts.has_no_branch:
            run.meter.requests_saved += 1
            return None
        if found := self.facts.head(branch):
            run.meter.requests_saved += 1
            if known.get(branch) != [found.commit, found.tree]:
                # The same answer as before is news if the branch goes back to where it was.
                state.pop("etags", None)
                known[branch] = [found.commit, found.tree]
            return found
        try:
            page = self.repository.get_if_changed(run, "/commits", list[msgspec.Raw], params, state)
            if page is None:
                return Head(*known[branch])
        except PermanentError as error:
            if error.code != "conflict":  # 409 "Git Repository is empty."
                raise
            return None
        if not page.data:
            return None
        try:
            newest = msgspec.json.decode(page.data[0], type=_Commit)
        except msgspec.MsgspecError:  # The record goes to the dead letters; the head is needed.
            only: Params = {**params, "per_page": 1}
            newest = self.repository.get(run, "/commits", list[_Commit], only).data[0]
        head = Head(newest.sha, newest.commit.tree.sha)
        known[branch] = [head.commit, head.tree]
        self._newest[branch] = Newest(page.data, has_more="next" in page.links)
        return head


class _Tree(msgspec.Struct):
    sha: str


class _CommitBody(msgspec.Struct):
    tree: _Tree


class _Parent(msgspec.Struct):
    sha: str


class _Commit(msgspec.Struct):
    sha: str
    commit: _CommitBody
    parents: list[_Parent] = []


class _Comparison(msgspec.Struct):
    status: str
    total_commits: int
    commits: list[msgspec.Raw]


def walk_commits(
    repository: Repository,
    run: ResourceRun,
    head: Head,
    known_head: str | None,
    newest: Newest | None = None,
) -> Iterator[msgspec.Raw]:
    """The commits that are new since `known_head`; none where nothing was pushed.

    The walk is pinned to the head's SHA, so that pushes during it do not move its pages. `newest`
    are the head's newest commits, where they are known.
    """
    if head.commit == known_head:
        return iter(())
    if known_head is None:
        return _whole(repository, run, head.commit, newest)
    if newest and (found := newest.after(known_head, head.commit)) is not None:
        run.expected_items = (run.expected_items or 0) + len(found)
        return iter(found)
    return _since_known(repository, run, known_head, head.commit)


def _whole(
    repository: Repository, run: ResourceRun, head: str, newest: Newest | None
) -> Iterator[msgspec.Raw]:
    """Every commit of a head, newest first."""
    if newest is None:
        yield from repository.fetch_all(run, "/commits", {"sha": head})
        return
    yield from newest.records
    if newest.has_more:
        yield from repository.fetch_all(run, "/commits", {"sha": head, "page": 2})


def commits_within(
    repository: Repository, run: ResourceRun, branch: str, window: Window
) -> Iterator[msgspec.Raw]:
    """A branch's commits whose commit date lies in a window."""
    named = {"sha": branch} if branch else {}
    times = {"since": window[0], "until": window[1]}
    bounds = {name: to_text(time) for name, time in times.items() if time}
    return _unless_empty(repository.fetch_all(run, "/commits", {**named, **bounds}))


def _unless_empty(records: Iterator[msgspec.Raw]) -> Iterator[msgspec.Raw]:
    """The records, none where GitHub answers 409 "Git Repository is empty."."""
    try:
        yield from records
    except PermanentError as error:
        if error.code != "conflict":
            raise


def _since_known(
    repository: Repository, run: ResourceRun, known_head: str, head: str
) -> Iterator[msgspec.Raw]:
    """Commits reachable from `head` and not from `known_head`, older merged branches included."""
    path, number, received = f"/compare/{known_head}...{head}", 1, 0
    while True:
        try:
            params = {"per_page": PER_PAGE, "page": number}
            page = repository.get(run, path, _Comparison, params)
        except NotFoundError:
            # A force push dropped the known head, and GitHub has collected it: read all.
            yield from repository.fetch_all(run, "/commits", {"sha": head})
            return
        yield from page.data.commits
        received += len(page.data.commits)
        if "next" not in page.links:
            break
        number += 1
    run.expected_items = (run.expected_items or 0) + page.data.total_commits
    if received < page.data.total_commits:
        raise PermanentError(
            f"github.{run.resource}",
            f"{path} gave {received} of {page.data.total_commits} commits",
            "all of them",
            "read the repository whole with --full",
            code="incomplete",
        )
