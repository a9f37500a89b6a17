"""A repository's archive: its tree, proven by git's own hash, and the contents of its files.

GET /repos/{repo}/tarball/{ref} redirects to a link that lives five minutes; the download itself
counts for no quota. The archive is kept while it is read, on disk where it is long, since whether
it is the whole tree shows at its end: one file, or a piece of a long one, is in memory at a time.
https://docs.github.com/rest/repos/contents#download-a-repository-archive-tar
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

import stamina

from dlt_pipelines.exceptions import TransientError
from dlt_pipelines.github.blobs import git_hash, git_sha
from dlt_pipelines.github.trees import SUBMODULE, SYMLINK, Entry, Tree
from dlt_pipelines.http import Client, RetryPolicy
from dlt_pipelines.ledger import ResourceRun

FOLDER: Final = "40000"
# Longer archives lie on disk while they are read.
_MEMORY_BYTES: Final = 8 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024


@contextmanager
def open_archive(
    client: Client,
    run: ResourceRun,
    path: str,
    tree_sha: str,
    submodules: Mapping[str, str] | None = None,
) -> Iterator[Archive]:
    """The archive of a commit whose tree is `tree_sha`; asked for again where it is broken.

    `submodules` are commits by path: an archive has but empty folders for them.

    Raises:
        TransientError: the download broke at every attempt.
    """
    with SpooledTemporaryFile(_MEMORY_BYTES) as file:
        found: Tree | None = None
        for attempt in _attempts(client.retry):
            with attempt:
                file.seek(0)
                file.truncate()
                with client.stream(run.meter, path) as chunks:
                    for chunk in chunks:
                        file.write(chunk)
                found = _read_tree(file, tree_sha, submodules or {}, run.resource)
        yield Archive(file, found, run.resource)


@dataclass(frozen=True)
class Archive:
    """An archive at hand.

    `tree` is None where the archive does not hold all of the tree that it was made of, byte for
    byte: submodules nobody told of, what `export-ignore` leaves out, what `export-subst` rewrites.
    """

    _file: IO[bytes]
    tree: Tree | None
    _resource: str

    def contents(self, shas: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """The contents that it has for `shas` (by the path of their file), verified, each once."""
        missing = set(shas.values())
        with _opened(self._file, self._resource) as archive:
            for path, member in _members(archive):
                if not missing:
                    return
                sha = shas.get(path, "")
                file = archive.extractfile(member) if sha in missing and member.isreg() else None
                content = file.read() if file else b""
                if file and git_sha(content, sha) == sha:
                    missing.discard(sha)
                    yield sha, content


def _read_tree(
    file: IO[bytes], sha: str, submodules: Mapping[str, str], resource: str
) -> Tree | None:
    """What the archive holds, where that is the tree which the hash names."""
    tree: Tree = {path: Entry(SUBMODULE, commit) for path, commit in submodules.items()}
    folders: set[str] = set()
    with _opened(file, resource) as archive:
        for path, member in _members(archive):
            if member.isdir():
                folders.add(path.rstrip("/"))
            elif entry := _to_entry(archive, member, sha):
                tree[path] = entry
    is_text = all(_is_utf8(path) for path in tree)
    folders -= submodules.keys()
    return tree if is_text and tree_hash(tree, sha, folders) == sha else None


def _to_entry(archive: tarfile.TarFile, member: tarfile.TarInfo, like: str) -> Entry | None:
    if member.issym():
        target = member.linkname.encode(errors="surrogateescape")
        return Entry(SYMLINK, git_sha(target, like), len(target))
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        return None
    digest = git_hash("blob", member.size, like)
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return Entry("100755" if member.mode & 0o100 else "100644", digest.hexdigest(), member.size)


def tree_hash(tree: Tree, like: str, folders: set[str] | frozenset[str] = frozenset()) -> str:
    """The hash that git names a tree with; `folders` are there though nothing may be in them.

    https://git-scm.com/book/en/v2/Git-Internals-Git-Objects#_tree_objects
    """
    below: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    for folder in folders:
        _make(below, folder)
    for path, entry in tree.items():
        folder, _, name = path.rpartition("/")
        _make(below, folder)[name] = (entry.mode, entry.sha)
    for folder in sorted(below, key=lambda folder: folder.count("/"), reverse=True):
        if folder:
            parent, _, name = folder.rpartition("/")
            below[parent][name] = (FOLDER, _hash_of(below.pop(folder), like))
    return _hash_of(below[""], like)


def _make(below: dict[str, dict[str, tuple[str, str]]], folder: str) -> dict[str, tuple[str, str]]:
    """A folder's entries; those above it are made too."""
    place = folder
    while place not in below:
        below[place] = {}
        place = place.rpartition("/")[0]
    return below[folder]


def _hash_of(entries: Mapping[str, tuple[str, str]], like: str) -> str:
    """A folder's hash: git sorts its entries by bytes, folders as if their names ended in `/`."""
    lines = sorted(
        (name.encode(errors="surrogateescape") + (b"/" if mode == FOLDER else b""), mode, sha)
        for name, (mode, sha) in entries.items()
    )
    body = b"".join(
        mode.encode() + b" " + name.removesuffix(b"/") + b"\0" + bytes.fromhex(sha)
        for name, mode, sha in lines
    )
    digest = git_hash("tree", len(body), like)
    digest.update(body)
    return digest.hexdigest()


def _is_utf8(path: str) -> bool:
    """Whether a name is text: what is not, REST spells in its own way."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """What is in the one folder of an archive, which GitHub names after the commit."""
    while (member := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined] # Or every header stays in memory.
        if path := member.name.partition("/")[2]:
            yield path, member


@contextmanager
def _opened(file: IO[bytes], resource: str) -> Iterator[tarfile.TarFile]:
    file.seek(0)
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}
    try:
        with tarfile.open(fileobj=file, mode="r|gz", **options) as archive:
            yield archive
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise TransientError(
            f"github.{resource}",
            f"the archive cannot be read: {type(error).__name__}: {error}",
            "a whole tar.gz",
            "run again; if it persists check any proxy",
            code="malformed_response",
        ) from None


def _attempts(retry: RetryPolicy) -> Iterator[stamina.Attempt]:
    def is_worth_it(error: Exception) -> bool | float:
        if not isinstance(error, TransientError):
            return False
        wait = error.retry_after
        return True if wait is None else (wait <= retry.rate_limit_wait_max and wait)

    return iter(
        stamina.retry_context(
            on=is_worth_it,
            attempts=retry.attempts,
            timeout=None,
            wait_initial=retry.wait_initial,
            wait_max=retry.wait_max,
            wait_jitter=retry.wait_jitter,
        )
    )
