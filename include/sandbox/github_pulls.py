"""GitHub's endpoints of one pull request: itself in full, its commits, its files.

https://docs.github.com/rest/pulls/pulls. Which commits and files it has is the same in both APIs;
what a workspace did not record of them is made up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request

from include.sandbox.collection import Json
from include.sandbox.git import Change, Commit
from include.sandbox.github_answers import Endpoint, Rows
from include.sandbox.github_code_objects import to_commit, to_file
from include.sandbox.github_listings import (
    ISSUE_COMMENTS_OF_ISSUE,
    REVIEW_COMMENTS_OF_PULL,
    select,
)
from include.sandbox.github_nodes import Thing
from include.sandbox.github_objects import to_full_pull_request
from include.sandbox.github_pull_fields import CHANGE_TYPES, commits_of, files_of, merge_sides
from include.sandbox.workspace import GitHubRepository

MAXIMUM_COMMITS: Final = 250
MAXIMUM_FILES: Final = 3_000
LETTERS: Final = {change_type: letter for letter, change_type in CHANGE_TYPES.items()}


class GitHubPulls:
    """Endpoints of single pull requests; `find` gives a request's repository and pull request."""

    def __init__(self, find: Callable[[Request], tuple[GitHubRepository, bytes]]) -> None:
        self._find = find

    def endpoints(self, repo: str) -> dict[str, Endpoint]:
        """Endpoints of the REST API by path."""
        pull = f"{repo}/pulls/{{number:int}}"
        return {
            pull: self._pull_request,
            f"{pull}/commits": self._commits,
            f"{pull}/files": self._files,
        }

    def _pull_request(self, request: Request) -> dict[str, Any]:
        repository, raw = self._find(request)
        pull = msgspec.json.decode(raw)
        number = pull["number"]
        return to_full_pull_request(
            pull,
            comments=len(select(repository.issue_comments, ISSUE_COMMENTS_OF_ISSUE, {}, number)),
            review_comments=len(
                select(repository.review_comments, REVIEW_COMMENTS_OF_PULL, {}, number)
            ),
        )

    def _commits(self, request: Request) -> Rows:
        """Oldest first, the first 250 of them."""
        thing = self._thing(request)
        rows = [to_listed_commit(thing, part["commit"]) for part in commits_of(thing)]
        return Rows([msgspec.json.encode(row) for row in rows[:MAXIMUM_COMMITS]])

    def _files(self, request: Request) -> Rows:
        """The first 3,000 of them."""
        thing = self._thing(request)
        git, sides = thing.home.git, merge_sides(thing)
        head = str(thing.row["head"]["sha"])
        if git and sides and not recorded_files(thing):
            changes = git.diff(*sides)
        else:
            changes = [to_change(row) for row in files_of(thing)]
        rows = [to_file(thing.home.name, head, change) for change in changes[:MAXIMUM_FILES]]
        return Rows([msgspec.json.encode(row) for row in rows])

    def _thing(self, request: Request) -> Thing:
        repository, raw = self._find(request)
        return Thing("PullRequest", msgspec.json.decode(raw), repository)


def recorded_files(thing: Thing) -> bool:
    """Whether a pull request's files were recorded, which goes before what git says."""
    return bool(thing.home.pull_request_files.find(number=thing.row["number"]))


def to_listed_commit(thing: Thing, row: Json) -> Json:
    """A pull request's commit in full."""
    if row["commit"].get("tree"):
        return row
    author = (thing.row.get("user") or {}).get("login", "ghost")
    address, committed_at = f"{author}@users.noreply.github.com", row["commit"]["committer"]["date"]
    return to_commit(
        thing.home.name,
        Commit(
            sha=row["sha"],
            tree=made_up_sha("tree", row["sha"]),
            parents=(),
            author=author,
            author_email=address,
            authored_at=committed_at,
            committer=author,
            committer_email=address,
            committed_at=committed_at,
            message=row["commit"]["message"],
        ),
    )


def to_change(row: Json) -> Change:
    """A recorded file as git has it; its blob was not recorded."""
    return Change(
        status=LETTERS[row["changeType"]],
        path=row["path"],
        previous_path=None,
        mode="100644",
        sha=made_up_sha("blob", f"{row['number']}:{row['path']}"),
        additions=row["additions"],
        deletions=row["deletions"],
        patch=None,
    )


def made_up_sha(kind: str, name: str) -> str:
    """A SHA that depends on nothing but a name."""
    return hashlib.sha1(f"{kind} {name}".encode(), usedforsecurity=False).hexdigest()
