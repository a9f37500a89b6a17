"""Refs and commits of a repository: from its git, or recorded commits, as GitHub lists them."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from include.sandbox.git import Commit, Ref
from include.sandbox.github_answers import Paged, Rows
from include.sandbox.github_code_objects import to_commit
from include.sandbox.github_listings import COMMITS
from include.sandbox.workspace import GitHubRepository


def history(repository: GitHubRepository, ref: str | None) -> list[bytes] | None:
    """Commits reachable from a ref, newest first; None if there is no such ref."""
    head = resolve(repository, ref)
    if head is None:
        return None
    if repository.git is None:
        return recorded_history(repository, ref)
    log = repository.git.log(head)
    return repository.commits.derived(
        ("history", repository.name, head), lambda: [as_listed(repository, one) for one in log]
    )


def refs_of(repository: GitHubRepository, prefix: str) -> list[Ref]:
    """Refs of a prefix (ending in a slash, or a whole ref) by name.

    Recorded commits have one branch: the default one, at the newest of them.
    """
    if repository.git is not None:
        return repository.git.refs(prefix)
    head = resolve(repository, None)
    name = f"refs/heads/{default_branch(repository)}"
    below = prefix if prefix.endswith("/") else f"{prefix}/"
    if head is None or not (name == prefix or name.startswith(below)):
        return []
    return [Ref(name, head, "commit", head)]


def resolve(repository: GitHubRepository, ref: str | None) -> str | None:
    """The commit that a branch, tag or SHA names; the default branch without one.

    A checkout that has no branch of the default's name serves its HEAD as that.
    """
    default = default_branch(repository)
    is_default = ref in (None, default, f"refs/heads/{default}", "HEAD")
    if repository.git is not None:
        found = repository.git.resolve(default if is_default else ref)
        return repository.git.resolve(None) if found is None and is_default else found
    if is_default:
        newest = recorded(repository)[:1]
        return sha_of(newest[0]) if newest else None
    return ref if ref in repository.commits else None


def commit_of(repository: GitHubRepository, sha: str | None) -> dict[str, Any] | None:
    """One commit as it is listed; None if there is none of that SHA."""
    if sha is None:
        return None
    if repository.git is None:
        return repository.commits.get(sha)
    commit = repository.git.commit(sha)
    if commit is None:
        return None
    return cast(dict[str, Any], msgspec.json.decode(as_listed(repository, commit)))


def as_listed(repository: GitHubRepository, commit: Commit) -> bytes:
    """One commit of git; as recorded where it is, since git does not know accounts."""
    row = repository.commits.raw_of(commit.sha)
    return row or msgspec.json.encode(to_commit(repository.name, commit))


def default_branch(repository: GitHubRepository) -> str:
    """The name of the default branch."""
    return str(repository.repository.get("default_branch") or "main")


def sha_of(commit: bytes) -> str:
    """The SHA of a listed commit."""
    return str(msgspec.json.decode(commit)["sha"])


def compare(base: list[bytes], head: list[bytes]) -> Paged | None:
    """What is in one history and not in the other, oldest first; None without common ancestor."""
    in_base, in_head = set(base), set(head)
    ahead = [raw for raw in reversed(head) if raw not in in_base]
    behind = len(in_base - in_head)
    common = next((raw for raw in head if raw in in_base), None)
    if common is None:
        return None
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind"
    summary = {
        "base_commit": msgspec.Raw(base[0]),
        "merge_base_commit": msgspec.Raw(common),
        "status": status if ahead or behind else "identical",
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
    }
    return Paged(summary, "commits", Rows(ahead))


def recorded(repository: GitHubRepository) -> list[bytes]:
    """Recorded commits, newest first."""
    return repository.commits.derived(
        "newest first", lambda: COMMITS.newest_first(repository.commits.raw())
    )


def recorded_history(repository: GitHubRepository, ref: str | None) -> list[bytes]:
    """Recorded commits, newest first: all of them, or a commit and its ancestors."""
    rows = recorded(repository)
    if ref in (None, default_branch(repository)):
        return rows
    parents = {
        sha: [parent["sha"] for parent in commit["parents"]]
        for sha, commit in repository.commits.decoded().items()
    }
    reached: set[str] = set()
    pending = [str(ref)]
    while pending:
        sha = pending.pop()
        if sha in parents and sha not in reached:
            reached.add(sha)
            pending += parents[sha]
    return [raw for raw in rows if sha_of(raw) in reached]
