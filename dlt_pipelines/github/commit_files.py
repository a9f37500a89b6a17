"""Which files each commit changed, out of a clone that holds commits and trees but no contents.

    git fetch --filter=blob:none, git log --raw    → raw_github.commit_files

REST tells it at a request per commit, and 3,000 files at most. Git tells all of it at no quota, and
the clone below `cache_folder` makes the next read cost only what was pushed. A rename is one of an
unchanged content: for less, git would have to fetch contents. What a merge changed is told against
its first parent: what it brought into the branch.

https://git-scm.com/docs/git-log#_raw_output_format
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.github.git import GitRemote, require_sha

_FORMAT: Final = "--format=commit%x00%H%x00%cI"
_CHUNK_BYTES: Final = 1 << 16


def read_commit_files(
    remote: GitRemote, cache_folder: Path, heads: Sequence[str], known: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Payloads of `commit_files`, newest first: commits that `heads` reach and `known` do not.

    `sha` and `mode` of a deleted file are null. Known heads that a force push has dropped from a
    cache that was lost leave nothing out: what they reach is told again.

    Args:
        remote: to read.
        cache_folder: a folder of this repository's own; made anew where it is damaged.
        heads: commit SHAs.
        known: the heads of the last complete read.

    Raises:
        NotFoundError, AuthError, TransientError, PermanentError: as `GitRemote` says.
    """
    if not set(heads) - set(known):
        return
    clone = cache_folder / "commits.git"
    try:
        yield from _read(remote, clone, heads, known)
    except PermanentError as error:
        if error.code != "git" or not clone.exists():
            raise
        shutil.rmtree(clone)  # Damaged: what was told already is told again, and known by its id.
        yield from _read(remote, clone, heads, known)


def _read(
    remote: GitRemote, clone: Path, heads: Sequence[str], known: Sequence[str]
) -> Iterator[dict[str, Any]]:
    if not (clone / "HEAD").exists():
        shutil.rmtree(clone, ignore_errors=True)
        clone.parent.mkdir(parents=True, exist_ok=True)
        kind = "sha256" if len(heads[0]) > 40 else "sha1"
        remote.run(clone.parent, "init", "--quiet", "--bare", f"--object-format={kind}", clone.name)
    for name, value in (
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialclonefilter", "blob:none"),
    ):
        remote.run(clone, "config", name, value)
    remote.fetch(clone, heads, "--filter=blob:none")
    reached = [sha for sha in known if _has(remote, clone, sha)]
    arguments = (
        *("log", "--raw", "-z", "--no-abbrev", "-M100%", "--diff-merges=first-parent"),
        *("--no-color", "--no-decorate", "--no-show-signature", "--no-mailmap", _FORMAT),
        *heads,
        *("--not", *reached),
        "--",
    )
    with remote.reading(clone, *arguments) as output:
        yield from to_commit_files(output)
    _forget(remote, clone, {*heads, *known})


def to_commit_files(output: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Payloads out of what `git log --raw -z` writes."""
    words = split_words(output)
    commit: dict[str, Any] | None = None
    for word in words:
        word = word.removeprefix("\n")
        if word.startswith(":"):
            if commit is not None:
                commit["files"].append(_to_file(word, words))
        elif word == "commit":
            if commit is not None:
                yield commit
            commit = {"sha": next(words), "committed_at": to_utc(next(words)), "files": []}
    if commit is not None:
        yield commit


def split_words(output: IO[bytes]) -> Iterator[str]:
    """What NUL separates; names that are not UTF-8 are shown with replacement characters."""
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        for word in whole:
            yield word.decode(errors="replace")


def to_utc(moment: str) -> str:
    """A time of git's in the form that GitHub gives it."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _to_file(word: str, words: Iterator[str]) -> dict[str, Any]:
    """One entry: `:old-mode new-mode old-sha new-sha status`, then its path, or two of them."""
    _, mode, _, sha, status = word[1:].split(" ")
    path = next(words)
    previous = None
    if status[0] in "RC":
        previous, path = path, next(words)
    gone = status[0] == "D"
    return {
        "status": status[0],
        "path": path,
        "previous_path": previous,
        "mode": None if gone else mode,
        "sha": None if gone else sha,
    }


def _has(remote: GitRemote, clone: Path, sha: str) -> bool:
    name = require_sha(sha, remote.where)
    try:
        remote.run(clone, "cat-file", "-e", f"{name}^{{commit}}")
    except PermanentError:
        return False
    return True


def _forget(remote: GitRemote, clone: Path, kept: set[str]) -> None:
    """Drop refs of heads that are history: refs are what the next fetch tells the remote of."""
    refs = remote.run(clone, "for-each-ref", "--format=%(refname)", "refs/headwater/").decode()
    for ref in refs.split():
        if ref.rpartition("/")[2] not in kept:
            remote.run(clone, "update-ref", "-d", ref)
