"""Walking a branch's commits by SHA, complete under late pushes, merges and force pushes.

GET /repos/{repo}/commits and /repos/{repo}/compare/{base}...{head}
https://docs.github.com/rest/commits/commits#compare-two-commits
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from dlt_pipelines.github.rest import PER_PAGE, Repository, to_text
from dlt_pipelines.http import NotFoundError, PermanentError
from dlt_pipelines.ledger import ResourceRun

Window = tuple[datetime | None, datetime | None]


class _Sha(msgspec.Struct):
    sha: str


class _Comparison(msgspec.Struct):
    status: str
    total_commits: int
    commits: list[msgspec.Raw]


def walk_commits(
    repository: Repository,
    run: ResourceRun,
    branch: str,
    known_head: str | None,
    window: Window | None = None,
) -> tuple[str | None, Iterator[msgspec.Raw]]:
    """The branch's head SHA now, and the commits that are new since `known_head`.

    Costs one request when nothing was pushed. The walk is pinned to the head's SHA, so that pushes
    during it do not move its pages. In a window: commits whose commit date lies inside it.
    """
    named = {"sha": branch} if branch else {}
    if window:
        times = {"since": window[0], "until": window[1]}
        bounds = {name: to_text(time) for name, time in times.items() if time}
        return None, _unless_empty(repository.fetch_all(run, "/commits", {**named, **bounds}))
    newest = next(
        _unless_empty(repository.fetch_all(run, "/commits", {**named, "per_page": 1})), None
    )
    if newest is None:
        return None, iter(())
    head = msgspec.json.decode(newest, type=_Sha).sha
    if head == known_head:
        return head, iter(())
    if known_head is None:
        return head, repository.fetch_all(run, "/commits", {"sha": head})
    return head, _since_known(repository, run, known_head, head)


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
