"""Contents are named as git names them, kept once, and never believed without their hash."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_pipelines.exceptions import NotFoundError, PermanentError
from dlt_pipelines.github.blobs import INLINE_BYTES, BlobStore, git_sha
from tests.repositories import GitRepository


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> list[GitRepository]:
    """One of each object format."""
    folder = tmp_path_factory.mktemp("formats")
    return [GitRepository(folder / kind, object_format=kind) for kind in ("sha1", "sha256")]


@settings(max_examples=20, deadline=None)
@given(content=st.binary(max_size=300))
def test_blobs_are_named_as_git_names_them(repositories: list[GitRepository], content: bytes):
    names = [r.git("hash-object", "--stdin", stdin=content) for r in repositories]
    assert [len(name) for name in names] == [40, 64]
    assert [git_sha(content, name) for name in names] == names


def test_a_blob_is_written_once_below_its_first_two_digits(tmp_path: Path):
    store = BlobStore(tmp_path / "blobs")
    sha = git_sha(b"content")
    assert not store.exists(sha)
    assert store.put(sha, b"content") == f"{sha[:2]}/{sha}"
    path = tmp_path / "blobs" / sha[:2] / sha
    written = path.stat().st_ino, path.stat().st_mtime_ns
    assert store.put(sha, b"content") == f"{sha[:2]}/{sha}"
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == written
    assert store.exists(sha)
    assert store.get(sha) == b"content"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_an_object_that_was_cut_short_is_written_again(tmp_path: Path):
    store = BlobStore(tmp_path)
    sha = git_sha(b"content")
    (tmp_path / store.put(sha, b"content")).write_bytes(b"con")
    with pytest.raises(PermanentError, match="expected content that its hash names") as failure:
        store.get(sha)
    assert failure.value.code == "integrity"
    store.put(sha, b"content")
    assert store.get(sha) == b"content"


def test_content_that_its_hash_does_not_name_is_refused(tmp_path: Path):
    store = BlobStore(tmp_path / "blobs")
    sha = git_sha(b"content")
    for attempt in (lambda: store.put(sha, b"other"), lambda: store.to_blob("a", sha, b"other")):
        with pytest.raises(PermanentError) as failure:
            attempt()
        assert str(failure.value) == (
            f"github.blobs: the content of blob {sha} has the hash {git_sha(b'other')};"
            " expected content that its hash names;"
            " run again; if it persists check any proxy, and the object store"
        )
    assert not (tmp_path / "blobs").exists()


def test_a_blob_that_is_absent_is_not_found(tmp_path: Path):
    sha = git_sha(b"")
    with pytest.raises(NotFoundError, match=f"blob {sha} is not in the object store"):
        BlobStore(tmp_path).get(sha)


def test_any_filesystem_of_fsspec_is_a_store():
    store = BlobStore("memory://headwater-blobs")
    sha = git_sha(b"\0")
    assert store.put(sha, b"\0") == f"{sha[:2]}/{sha}"
    assert store.exists(sha)
    assert store.get(sha) == b"\0"
    memory = fsspec.filesystem("memory")
    assert memory.cat_file(f"/headwater-blobs/{sha[:2]}/{sha}") == b"\0"
    memory.rm("/headwater-blobs", recursive=True)


LONG = "ä" * (INLINE_BYTES // 2)


@pytest.mark.parametrize(
    "path, content, mime_type, encoding, is_inline",
    [
        ("README.md", "# Über\n", "text/markdown", "utf-8", True),
        ("src/app.ts", "export {}", "text/plain", "utf-8", True),
        ("Makefile", "all:\n", "text/plain", "utf-8", True),
        ("logo.svg", "<svg/>", "image/svg+xml", "utf-8", True),
        ("logo.png", b"\x89PNG\0", "image/png", "base64", False),
        ("notes.txt", "Übung".encode("latin-1"), "text/plain", "base64", False),
        ("data", b"a" * 7_999 + b"\0", "application/octet-stream", "base64", False),
        ("late", b"a" * 8_000 + b"\0", "text/plain", "utf-8", False),
        ("dump.sql.gz", b"\x1f\x8b\xff", "application/gzip", "base64", False),
        ("empty", "", "text/plain", "utf-8", True),
        ("just", LONG, "text/plain", "utf-8", True),
        ("more", LONG + "a", "text/plain", "utf-8", False),
    ],
)
def test_texts_go_into_the_row_and_all_else_into_the_store(
    tmp_path: Path, path, content, mime_type, encoding, is_inline
):
    store = BlobStore(tmp_path)
    raw = content.encode() if isinstance(content, str) else content
    sha = git_sha(raw)
    assert store.to_blob(path, sha, raw) == {
        "sha": sha,
        "size": len(raw),
        "mime_type": mime_type,
        "encoding": encoding,
        "is_binary": encoding == "base64",
        "text": content if is_inline else None,
        "key": None if is_inline else f"{sha[:2]}/{sha}",
    }
    assert store.exists(sha) is not is_inline
    if not is_inline:
        assert store.get(sha) == raw
