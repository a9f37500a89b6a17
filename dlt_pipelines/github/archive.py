"""Contents out of a repository's archive, as it arrives: one file in memory, nothing on disk.

GET /repos/{repo}/tarball/{ref} redirects to a link that lives five minutes; the download itself
counts for no quota.
https://docs.github.com/rest/repos/contents#download-a-repository-archive-tar
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping

import stamina

from dlt_pipelines.github.blobs import git_sha
from dlt_pipelines.http import Client, RetryPolicy, TransientError
from dlt_pipelines.ledger import ResourceRun


def read_archive(
    client: Client, run: ResourceRun, path: str, shas: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    """The contents that an archive has for `shas` (by the path of their file), each SHA once.

    What the archive leaves out or has rewritten is not among them. Where the download breaks, it
    is asked for again, and what was already found is not given twice.

    Raises:
        TransientError: the download broke at every attempt.
    """
    missing = set(shas.values())
    for attempt in _attempts(client.retry):
        with attempt, client.stream(run.meter, path) as chunks:
            yield from _find(chunks, shas, missing, run.resource)


def _find(
    chunks: Iterator[bytes], shas: Mapping[str, str], missing: set[str], resource: str
) -> Iterator[tuple[str, bytes]]:
    """Take what is found out of `missing`; stop where nothing is."""
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|gz") as archive:
            while missing and (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined] # Or every header stays in memory.
                # Everything lies in one folder, which GitHub names after the commit.
                sha = shas.get(member.name.partition("/")[2], "")
                file = archive.extractfile(member) if sha in missing and member.isreg() else None
                content = file.read() if file else b""
                if file and git_sha(content, sha) == sha:
                    missing.discard(sha)
                    yield sha, content
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


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
