"""A repository's wiki, which is a git repository of its own and has no other API.

    git clone {repo}.wiki.git    → raw_github.wiki_pages    complete listing

A head that is known costs one `ls-remote`; a new one costs a clone of the wiki into a folder that
is removed afterwards. A page that is absent from the listing was deleted or renamed.

https://docs.github.com/communities/documenting-your-project-with-wikis/about-wikis
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.github.commit_files import split_words, to_utc
from dlt_pipelines.github.git import GitRemote

# The markups that GitHub renders in wikis.
FORMATS: Final = {
    **dict.fromkeys((".md", ".markdown", ".mkd", ".mkdn", ".mdown"), "markdown"),
    **dict.fromkeys((".asciidoc", ".adoc"), "asciidoc"),
    **dict.fromkeys((".rst", ".rest"), "rst"),
    **dict.fromkeys((".mediawiki", ".wiki"), "mediawiki"),
    ".textile": "textile",
    ".org": "org",
    ".creole": "creole",
    ".pod": "pod",
    ".rdoc": "rdoc",
}
# Gollum's own pages around a page: `_Sidebar.md`, `_Footer.md`; they are pages, too.
_LOG: Final = "--format=commit%x00%H%x00%an%x00%ae%x00%cI%x00%B"


@dataclass(frozen=True, slots=True)
class _Page:
    path: str
    sha: str
    size: int


def read_wiki(
    remote: GitRemote, known_head: str | None
) -> tuple[str, Iterator[dict[str, Any]] | None]:
    """The wiki's head, and payloads of `wiki_pages`, all of them; None where the head is known.

    The head is empty, and so is the listing, where a wiki has no pages yet.

    Raises:
        NotFoundError: there is no wiki: none was made, or the token may not see it.
        AuthError, TransientError, PermanentError: as `GitRemote` says.
    """
    head = remote.ls_remote().get("HEAD", "")
    if head == known_head:
        return head, None
    return head, _read(remote, head) if head else iter(())


def _read(remote: GitRemote, head: str) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="wiki") as temporary:
        clone = Path(temporary)
        kind = "sha256" if len(head) > 40 else "sha1"
        remote.run(clone, "init", "--quiet", "--bare", f"--object-format={kind}")
        remote.fetch(clone, [head])
        pages = _list_pages(remote, clone, head)
        commits = _last_commits(remote, clone, head, pages)
        with remote.talking(clone, "cat-file", "--batch") as (ask, answer):
            for path, page in pages.items():
                yield {
                    "path": path,
                    "title": to_title(path),
                    "format": FORMATS[PurePosixPath(path).suffix.lower()],
                    "body": _read_blob(remote, ask, answer, page).decode(errors="replace"),
                    "sha": page.sha,
                    "size": page.size,
                    "commit": commits[path],
                }


def to_title(path: str) -> str:
    """A page's title, which is its file's name: `guides/Release-Process.md` is Release Process."""
    return PurePosixPath(path).stem.replace("-", " ").strip()


def _list_pages(remote: GitRemote, clone: Path, head: str) -> dict[str, _Page]:
    pages = {}
    with remote.reading(clone, "ls-tree", "-r", "-l", "-z", "--full-tree", head) as output:
        for word in split_words(output):
            entry, _, path = word.partition("\t")
            mode, _, sha, size = entry.split()
            if mode.startswith("100") and PurePosixPath(path).suffix.lower() in FORMATS:
                pages[path] = _Page(path, sha, int(size))
    return pages


def _last_commits(
    remote: GitRemote, clone: Path, head: str, pages: dict[str, _Page]
) -> dict[str, dict[str, Any]]:
    """By path, the newest commit that gave a page the content it has.

    Of merges, only what differs from every parent counts: the rest was written in another commit.
    """
    found: dict[str, dict[str, Any]] = {}
    options = ("-c", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-color", "--no-mailmap")
    with remote.reading(clone, "log", *options, "--no-decorate", _LOG, head, "--") as output:
        words = split_words(output)
        commit: dict[str, Any] = {}
        for word in words:
            word = word.removeprefix("\n")
            if word == "commit":
                commit = _to_commit(words)
            elif word.startswith(":"):
                path, sha = next(words), word.split(" ")[-2]
                if path in pages and path not in found and pages[path].sha == sha:
                    found[path] = commit
    if missing := pages.keys() - found.keys():
        raise PermanentError(
            remote.where,
            f"no commit of {head} wrote {min(missing)}",
            "one for every page",
            "report this",
            code="incomplete",
        )
    return found


def _to_commit(words: Iterator[str]) -> dict[str, Any]:
    sha, name, email, committed_at, message = (next(words) for _ in range(5))
    return {
        "sha": sha,
        "author_name": name,
        "author_email": email,
        "committed_at": to_utc(committed_at),
        "message": message.strip("\n"),
    }


def _read_blob(remote: GitRemote, ask: IO[bytes], answer: IO[bytes], page: _Page) -> bytes:
    ask.write(f"{page.sha}\n".encode())
    ask.flush()
    header = answer.readline()
    content = answer.read(page.size)
    if header != f"{page.sha} blob {page.size}\n".encode() or answer.read(1) != b"\n":
        raise PermanentError(
            remote.where,
            f"git gave no content of {page.path}",
            "the blob of every page",
            "run again",
            code="incomplete",
        )
    return content
