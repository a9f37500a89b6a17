"""Files that survive a power cut: written aside, forced to disk, checked, put in place at once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final
from uuid import uuid4

from dlt_pipelines.exceptions import PermanentError

NO_SPACE: Final = "No space left on device"
_CHUNK: Final = 1 << 20


def full_disk(where: str, told: str) -> PermanentError:
    """What to do where nothing can be written any more; `told` says which file."""
    return PermanentError(
        where,
        " ".join(told.split()),
        "room for what is written",
        "free some space, then run again: nothing that was loaded is lost",
        code="disk_full",
    )


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(source: Path, target: Path, expected: str | None = None) -> str:
    """Copy a file to a place that appears only when all of it is there; returns its checksum.

    Raises:
        PermanentError: the source is not what is expected, or the copy is not what was read.
    """
    fresh = _beside(target)
    try:
        digest = hashlib.sha256()
        with source.open("rb") as old, fresh.open("wb") as new:
            while chunk := old.read(_CHUNK):
                digest.update(chunk)
                new.write(chunk)
        sync(fresh)
        check(source, digest.hexdigest(), expected or digest.hexdigest())
        check(fresh, sha256(fresh), digest.hexdigest())
        put(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    return digest.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Replace a small file whole."""
    fresh = _beside(path)
    try:
        fresh.write_bytes(content)
        put(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def put(fresh: Path, target: Path) -> None:
    """Give a complete file or folder its name, for good."""
    sync(fresh)
    fresh.replace(target)
    sync(target.parent)


def check(path: Path, found: str, expected: str) -> None:
    """Stop where a file is not the one that was written.

    Raises:
        PermanentError: the checksums differ.
    """
    if found != expected:
        raise PermanentError(
            f"headwater.{path.name}",
            f"its SHA-256 is {found[:12]}…",
            f"{expected[:12]}…, as noted when it was written",
            "do not trust this file: look at the disk, and use another copy",
            code="checksum",
        )


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.name}.{uuid4().hex[:8]}.tmp")
