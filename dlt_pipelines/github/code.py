"""Files of a branch and their contents, whole at first, then what changed.

    GET /repos/{repo}/tarball/{commit}               → raw_github.files, blobs   a first read
                                                     → raw_github.blobs          many changes
    GET /repos/{repo}/git/trees/{tree}?recursive=1   → raw_github.files          what changed
    GET /repos/{repo}/git/blobs/{sha}                → raw_github.blobs          what changed

A tree's SHA covers all that is in it: an archive of which git makes the same SHA is the whole tree,
an equal tree costs no request, two different ones say exactly which paths came, changed and went. A
path that went is a tombstone, which says where its content lies now if the file was renamed.
Contents are verified against their SHA, whatever brought them: archives leave files out
(export-ignore) and rewrite others (export-subst), and then the tree is asked for.

https://docs.github.com/rest/git/trees, https://docs.github.com/rest/repos/contents#download-a-repository-archive-tar
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.github.archive import Archive, open_archive
from dlt_pipelines.github.blobs import BlobStore, verify
from dlt_pipelines.github.filters import ATTRIBUTES_FILE, Attributes, CodeFilter
from dlt_pipelines.github.rest import Repository
from dlt_pipelines.github.trees import EMPTY_TREES, Entry, Tree, Trees
from dlt_pipelines.ledger import ResourceRun

# Beyond this many new contents one archive is cheaper than a request for each.
MOST_SINGLE_BLOBS: Final = 50


@dataclass(frozen=True, slots=True)
class Head:
    """What a branch points to, and the filter (`CodeFilter.text`) with which it was read."""

    commit: str
    tree: str
    filters: str = ""


@dataclass(frozen=True, slots=True)
class FileEvent:
    """A row of `files`: a path as it is now, or the tombstone of one."""

    external_id: str
    operation: Literal["upsert", "delete"]
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlobEvent:
    """A row of `blobs`; it is up to `blobs.INLINE_BYTES` long, so batches must be short."""

    external_id: str
    payload: Mapping[str, Any]


def read_code(
    repository: Repository,
    run_files: ResourceRun,
    run_blobs: ResourceRun,
    branch: str,
    head: Head,
    known: Head | None,
    filters_settings: Mapping[str, Any] | None,
    store: BlobStore,
    seen: set[str] | None = None,
    submodules: Mapping[str, str] | None = None,
) -> Iterator[FileEvent | BlobEvent]:
    """What is new at a branch's head since it was last read; contents come before their files.

    Args:
        repository: to read.
        run_files: pays for trees.
        run_blobs: pays for contents.
        branch: its name.
        head: what it points to now.
        known: what it pointed to when it was last read whole, with that read's filter; None: never.
        filters_settings: `code_filters` of sources.yml.
        store: where contents go that no row holds.
        seen: SHAs whose contents other branches brought in this sync; it grows.
        submodules: commits of the head's submodules by path, as far as they are known.

    Raises:
        PermanentError: a listing is incomplete, or a content is not what its SHA names.
    """
    reading = _Reading(
        repository,
        run_files,
        run_blobs,
        branch,
        head,
        CodeFilter.of(filters_settings),
        store,
        submodules or {},
    )
    yield from reading.read(known, set() if seen is None else seen)


def retire_branch(
    repository: Repository, run: ResourceRun, branch: str, known: Head
) -> Iterator[FileEvent]:
    """Tombstones of the files of a branch that is not read any more, as it was last read."""
    before = CodeFilter.from_text(known.filters) if known.filters else CodeFilter.of(None)
    evidence = {"commit": known.commit, "tree": known.tree}
    for path in sorted(_keep(Trees(repository, run).read(known.tree), before)):
        payload = {"reason": "branch_not_read", "renamed_to": None, "evidence": evidence}
        yield FileEvent(f"{branch}:{path}", "delete", payload)


@dataclass
class _Change:
    """Two trees of a branch, whole (`old`) or None, and what the filters then and now keep."""

    old: Tree | None
    new: Tree
    kept: Tree
    wanted: Tree

    @property
    def has_same_rules(self) -> bool:
        """Whether what is kept is marked as it was; also where there is nothing to compare with."""
        return self.old is None or _rules(self.old) == _rules(self.new)


@dataclass
class _Reading:
    repository: Repository
    run_files: ResourceRun
    run_blobs: ResourceRun
    branch: str
    head: Head
    filter: CodeFilter
    store: BlobStore
    submodules: Mapping[str, str]

    def read(self, known: Head | None, seen: set[str]) -> Iterator[FileEvent | BlobEvent]:
        before = CodeFilter.from_text(known.filters) if known and known.filters else self.filter
        if known and known.tree == self.head.tree and before == self.filter:
            return
        # Of a branch that comes second most contents are known: its tree is less than its archive.
        is_first = known is None and not seen and self.head.tree not in EMPTY_TREES
        with ExitStack() as stack:
            archive = None
            if is_first:
                with suppress(NotFoundError):  # The listing has the last word on what there is.
                    archive = stack.enter_context(self._archive())
            change = self._change(known, before, archive)
            contents = self._new_contents(change, before)
            for sha in contents.keys() & seen:
                del contents[sha]
            expect(self.run_blobs, len(contents))
            yield from self._blobs(contents, self._new_rules(change), change, archive)
        seen.update(contents)
        events = [*self._upserts(change, before), *self._tombstones(change)]
        expect(self.run_files, len(events))
        yield from events

    def _archive(self) -> AbstractContextManager[Archive]:
        path = f"{self.repository.root}/tarball/{self.head.commit}"
        client = self.repository.client
        return open_archive(client, self.run_blobs, path, self.head.tree, self.submodules)

    def _change(self, known: Head | None, before: CodeFilter, archive: Archive | None) -> _Change:
        trees = Trees(self.repository, self.run_files)
        old: Tree | None = None
        if archive and archive.tree is not None:
            new = archive.tree
        elif known is None:
            new = trees.read(self.head.tree)
        else:
            old, new = trees.compare(known.tree, self.head.tree, prune=before == self.filter)
        return _Change(old, new, _keep(old or {}, before), _keep(new, self.filter))

    def _new_contents(self, change: _Change, before: CodeFilter) -> dict[str, str]:
        """SHAs to bring in, each with a path that has it."""
        had = {entry.sha for entry in change.kept.values() if not _skipped(entry, before)}
        return {
            entry.sha: path
            for path, entry in sorted(change.wanted.items(), reverse=True)  # The first path stays.
            if entry.kind == "blob" and not _skipped(entry, self.filter) and entry.sha not in had
        }

    def _new_rules(self, change: _Change) -> dict[str, str]:
        """SHAs of `.gitattributes` that are not in the store, each with its path.

        They are kept there, wanted as files or not: every later read needs all of them.
        """
        rules = {sha: path for path, sha in _rules(change.new).items()}
        if not change.has_same_rules:
            rules.update({sha: path for path, sha in _rules(change.old or {}).items()})
        return {sha: path for sha, path in rules.items() if not self.store.exists(sha)}

    def _blobs(
        self,
        contents: Mapping[str, str],
        rules: Mapping[str, str],
        change: _Change,
        archive: Archive | None,
    ) -> Iterator[BlobEvent]:
        """Bring in contents and rules; rules go into the store, contents become events."""
        needed = {**rules, **contents}
        for sha, content in self._fetch(needed, change, archive):
            if sha in rules:
                self.store.put(sha, content)
            if sha in contents:
                yield BlobEvent(sha, self.store.to_blob(contents[sha], sha, content))

    def _fetch(
        self, needed: dict[str, str], change: _Change, archive: Archive | None
    ) -> Iterator[tuple[str, bytes]]:
        """The contents that SHAs name, each once, verified, in any order."""
        missing = set(needed)
        if missing and (change.old is None or len(missing) > MOST_SINGLE_BLOBS):
            shas = {path: entry.sha for path, entry in change.new.items() if entry.sha in missing}
            with nullcontext(archive) if archive else self._archive() as opened:
                for sha, content in opened.contents(shas):
                    missing.discard(sha)
                    yield sha, content
        for sha in sorted(missing, key=lambda sha: needed[sha]):
            yield sha, self._fetch_blob(sha)

    def _fetch_blob(self, sha: str) -> bytes:
        blob = self.repository.get(self.run_blobs, f"/git/blobs/{sha}", _Blob).data
        encoded = blob.content.encode()
        content = base64.b64decode(encoded) if blob.encoding == "base64" else encoded
        return verify(sha, content, f"github.{self.run_blobs.resource}")

    def _upserts(self, change: _Change, before: CodeFilter) -> Iterator[FileEvent]:
        now = self._attributes(change.new)
        then = now if change.has_same_rules else self._attributes(change.old or {})
        for path, entry in sorted(change.wanted.items()):
            flags = (now.is_generated(path), now.is_vendored(path))
            skipped = _skipped(entry, self.filter)
            if (
                change.kept.get(path) == entry
                and _skipped(entry, before) == skipped
                and (then is now or flags == (then.is_generated(path), then.is_vendored(path)))
            ):
                continue
            payload = {
                "branch": self.branch,
                "path": path,
                "mode": entry.mode,
                "type": entry.kind,
                "sha": entry.sha,
                "size": entry.size,
                "commit": self.head.commit,
                "is_generated": flags[0],
                "is_vendored": flags[1],
                "skipped": skipped,
            }
            yield FileEvent(self._id(path), "upsert", payload)

    def _tombstones(self, change: _Change) -> Iterator[FileEvent]:
        renames = find_renames(change.old or {}, change.new)
        evidence = {"commit": self.head.commit, "tree": self.head.tree}
        for path in sorted(change.kept.keys() - change.wanted.keys()):
            renamed_to = renames.get(path)
            reason = "renamed" if renamed_to else "deleted"
            if path in change.new:
                reason = "excluded"
            payload = {"reason": reason, "renamed_to": renamed_to, "evidence": evidence}
            yield FileEvent(self._id(path), "delete", payload)

    def _attributes(self, tree: Tree) -> Attributes:
        return Attributes(
            {
                path: self.store.get(sha).decode(errors="replace")
                for path, sha in _rules(tree).items()
            }
        )

    def _id(self, path: str) -> str:
        return f"{self.branch}:{path}"


def find_renames(old: Tree, new: Tree) -> dict[str, str]:
    """Paths that went, each with the path that came with the same content; each used once.

    Where several came, the one of the same name in another folder is taken first, as git does.
    """
    came: dict[tuple[str, str], list[str]] = {}
    for path in sorted(new.keys() - old.keys()):
        came.setdefault((new[path].kind, new[path].sha), []).append(path)
    went = [path for path in sorted(old.keys() - new.keys()) if _identity(old[path]) in came]
    renames: dict[str, str] = {}
    for by_name in (True, False):
        for path in went:
            if path in renames:
                continue
            candidates = came[_identity(old[path])]
            fitting = [to for to in candidates if not by_name or _name(to) == _name(path)]
            if fitting:
                renames[path] = fitting[0]
                candidates.remove(fitting[0])
    return renames


class _Blob(msgspec.Struct):
    content: str
    encoding: str


def expect(run: ResourceRun, count: int) -> None:
    """Add to what a resource has to receive to be complete."""
    run.expected_items = (run.expected_items or 0) + count


def _keep(tree: Tree, code_filter: CodeFilter) -> Tree:
    return {path: entry for path, entry in tree.items() if code_filter.is_wanted(path)}


def _skipped(entry: Entry, code_filter: CodeFilter) -> str | None:
    return "too_large" if code_filter.is_too_large(entry.size) else None


def _rules(tree: Tree) -> dict[str, str]:
    """SHAs of a tree's `.gitattributes` by path; links are not followed, as git does not."""
    return {
        path: entry.sha
        for path, entry in tree.items()
        if _name(path) == ATTRIBUTES_FILE and entry.kind == "blob"
    }


def _identity(entry: Entry) -> tuple[str, str]:
    return entry.kind, entry.sha


def _name(path: str) -> str:
    return path.rpartition("/")[2]
