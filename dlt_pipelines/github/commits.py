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

from dlt_pipelines.github.code import Head
from dlt_pipelines.github.rest import PER_PAGE, Params, Repository, State, to_text
from dlt_pipelines.http import NotFoundError, PermanentError
from dlt_pipelines.ledger import ResourceRun

Window = tuple[datetime | None, datetime | None]


@dataclass
class Heads:
    """The heads of branches, each asked for at most once in a sync, and free if it did not move.

    What outlives a live sync: the newest commit of each branch, and its ETag.
    """

    repository: Repository
    is_live: bool
    _found: dict[str, Head | None] = field(default_factory=dict)

    def of(self, run: ResourceRun, branch: str) -> Head | None:
        """A branch's head (empty name: the default branch's); None in an empty repository."""
        if branch not in self._found:
            self._found[branch] = self._ask(run, branch)
        return self._found[branch]

    def _ask(self, run: ResourceRun, branch: str) -> Head | None:
        params: Params = {"per_page": 1, **({"sha": branch} if branch else {})}
        shape = list[_Commit]
        state: State = dlt.current.source_state().setdefault("branches", {}) if self.is_live else {}
        known = state.setdefault("heads", {})
        try:
            page = self.repository.get_if_changed(run, "/commits", shape, params, state)
            if page is None:
                return Head(*known[branch])
        except PermanentError as error:
            if error.code != "conflict":  # 409 "Git Repository is empty."
                raise
            return None
        if not page.data:
            return None
        head = Head(page.data[0].sha, page.data[0].commit.tree.sha)
        known[branch] = [head.commit, head.tree]
        return head


class _Tree(msgspec.Struct):
    sha: str


class _CommitBody(msgspec.Struct):
    tree: _Tree


class _Commit(msgspec.Struct):
    sha: str
    commit: _CommitBody


class _Comparison(msgspec.Struct):
    status: str
    total_commits: int
    commits: list[msgspec.Raw]


def walk_commits(
    repository: Repository, run: ResourceRun, head: Head, known_head: str | None
) -> Iterator[msgspec.Raw]:
    """The commits that are new since `known_head`; none where nothing was pushed.

    The walk is pinned to the head's SHA, so that pushes during it do not move its pages.
    """
    if head.commit == known_head:
        return iter(())
    if known_head is None:
        return repository.fetch_all(run, "/commits", {"sha": head.commit})
    return _since_known(repository, run, known_head, head.commit)


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
