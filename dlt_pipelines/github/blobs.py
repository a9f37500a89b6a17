"""Contents of files: git's hashes, and an object store for what is no text or too long for a row.

The store is any that fsspec knows, a local folder as a rule. Objects are named by their git hash,
written once and whole, and verified whenever they are read.
"""

from __future__ import annotations

import hashlib
import os
from mimetypes import MimeTypes
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import fsspec

from dlt_pipelines.exceptions import NotFoundError, PermanentError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

INLINE_BYTES: Final = 1024 * 1024
# Git's own rule for what is binary.
_SNIFFED_BYTES: Final = 8_000
_SHA256_DIGITS: Final = 64
_MIME_TYPES: Final = MimeTypes()  # Python's own table: the machine's would differ by machine.
_MORE_MIME_TYPES: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
}
# What a text cannot be, whatever its name: `.ts` is a video to the table, and TypeScript to all.
_NO_TEXT: Final = ("video/", "audio/", "image/", "font/")


def git_sha(content: bytes, like: str = "") -> str:
    """The hash that git names a blob with: SHA-256 where `like` has 64 digits, else SHA-1."""
    digest = git_hash("blob", len(content), like)
    digest.update(content)
    return digest.hexdigest()


def git_hash(kind: str, size: int, like: str = "") -> Hash:
    """The hash of a git object of this kind and length, before its content was added."""
    name = "sha256" if len(like) == _SHA256_DIGITS else "sha1"
    return hashlib.new(name, f"{kind} {size}\0".encode(), usedforsecurity=False)


def verify(sha: str, content: bytes, where: str) -> bytes:
    """The content, where it is what the hash names.

    Raises:
        PermanentError: with code `integrity`.
    """
    if (found := git_sha(content, sha)) != sha:
        raise PermanentError(
            where,
            f"the content of blob {sha} has the hash {found}",
            "content that its hash names",
            "run again; if it persists check any proxy, and the object store",
            code="integrity",
        )
    return content


class BlobStore:
    """An object store of blobs below a folder or fsspec URL; keys are `ab/abcdef…`."""

    def __init__(self, url: str | Path) -> None:
        self._files, self._root = fsspec.core.url_to_fs(str(url))

    def put(self, sha: str, content: bytes) -> str:
        """Keep a blob and return its key; one that is there, whole, stays untouched.

        Raises:
            PermanentError: the content is not what the hash names.
        """
        verify(sha, content, "github.blobs")
        key = _key(sha)
        path = self._path(key)
        if self._size(path) != len(content):
            self._write(path, content)
        return key

    def get(self, sha: str) -> bytes:
        """A blob's content.

        Raises:
            NotFoundError: it is not in the store.
            PermanentError: it was damaged there.
        """
        try:
            content: bytes = self._files.cat_file(self._path(_key(sha)))
        except FileNotFoundError:
            raise NotFoundError(
                "github.blobs",
                f"blob {sha} is not in the object store",
                "every blob whose row has a key",
                "read the repository whole with --full",
            ) from None
        return verify(sha, content, "github.blobs")

    def exists(self, sha: str) -> bool:
        """Whether a blob is in the store."""
        return self._size(self._path(_key(sha))) is not None

    def to_blob(self, path: str, sha: str, content: bytes) -> dict[str, Any]:
        """The payload of `blobs`; what is no text, or too long for a row, is put into the store.

        A text that holds NUL behind git's limit stays a text, but DuckDB's JSON cannot carry it.
        """
        verify(sha, content, "github.blobs")
        text = _decode(content)
        fits = text is not None and len(content) <= INLINE_BYTES and "\0" not in text
        return {
            "sha": sha,
            "size": len(content),
            "mime_type": _mime_type(path, is_text=text is not None),
            "encoding": "base64" if text is None else "utf-8",
            "is_binary": text is None,
            "text": text if fits else None,
            "key": None if fits else self.put(sha, content),
        }

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _size(self, path: str) -> int | None:
        try:
            size: int = self._files.size(path)
        except FileNotFoundError:
            return None
        return size

    def _write(self, path: str, content: bytes) -> None:
        """Write an object so that nobody ever sees a part of it."""
        if "file" not in self._files.protocol:
            self._files.pipe_file(path, content)  # Object stores show an object once it is whole.
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(f"{path}.{uuid4().hex}")
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # Or a power cut leaves the name without the content.
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _key(sha: str) -> str:
    return f"{sha[:2]}/{sha}"


def _decode(content: bytes) -> str | None:
    """The text, or None for a binary: NUL in its first bytes, or not UTF-8."""
    if b"\0" in content[:_SNIFFED_BYTES]:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _mime_type(path: str, *, is_text: bool) -> str:
    if more := _MORE_MIME_TYPES.get(PurePosixPath(path).suffix.lower()):
        return more
    guess, compression = _MIME_TYPES.guess_type(path)
    if compression:
        return f"application/{compression}"
    if is_text and guess and guess.startswith(_NO_TEXT) and not guess.endswith("+xml"):
        guess = None
    return guess or ("text/plain" if is_text else "application/octet-stream")
