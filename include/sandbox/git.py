"""Git repositories that the sandbox serves, read with git's own plumbing.

A repository is a checkout, a bare repository, or a text file for `git fast-import`, from which a
temporary bare repository is built at its first use. Refs are read anew at every question, so a push
shows at once; what a SHA names never changes and is remembered.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import BinaryIO, Final, TypeVar, cast

T = TypeVar("T")

EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
COMMIT_FIELDS: Final = ("%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")
LOG_OPTIONS: Final = ("-z", "--encoding=UTF-8", "--no-show-signature")
REF_FIELDS: Final = ("refname", "objectname", "objecttype", "*objectname")
CHUNK_BYTES: Final = 1 << 16
PUSHER: Final = "Ines Calder <ines.calder@tidewater.example>"
KEPT_ANSWERS: Final = 4_096
SHA: Final = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Commit:
    """One commit; timestamps are ISO with the offset that they were made in."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    authored_at: str
    committer: str
    committer_email: str
    committed_at: str
    message: str


@dataclass(frozen=True)
class Ref:
    """One ref: the object it names, and the commit behind an annotated tag."""

    name: str
    sha: str
    kind: str
    commit: str


@dataclass(frozen=True)
class Entry:
    """One entry of a tree; only blobs have a size."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True)
class Change:
    """What happened to one file between two trees.

    `status` is git's letter: A, M, D, R, C or T. `sha` is that of the new blob, of the old one
    where the file is gone. `patch` is None for binary files and pure renames.
    """

    status: str
    path: str
    previous_path: str | None
    mode: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


class GitCheckout:
    """One repository. A folder without git history has no refs and no commits."""

    def __init__(self, path: Path, build: Callable[[Path], None] | None = None) -> None:
        self._path = path
        self._build = build
        self._kept: OrderedDict[object, object] = OrderedDict()
        self._lock = RLock()

    @classmethod
    def at(cls, path: Path, branch: str = "main") -> GitCheckout:
        """The repository in a folder, or of a `git fast-import` stream whose HEAD is `branch`."""
        if not path.is_file():
            return cls(path)
        return cls(path, lambda folder: import_stream(path, folder, branch))

    @classmethod
    def snapshot(cls, checkout: Path, branch: str = "main") -> GitCheckout:
        """A checkout's HEAD as the only branch, whichever branch is checked out, and its tags."""
        return cls(checkout, lambda folder: take_snapshot(checkout, folder, branch))

    @property
    def path(self) -> Path:
        """Where the repository lies; built now if it is to be built."""
        with self._lock:
            if self._build is not None:
                folder = Path(tempfile.mkdtemp(prefix="sandbox-git-"))
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                self._build(folder)
                self._path, self._build = folder, None
        return self._path

    def resolve(self, ref: str | None, kind: str = "commit") -> str | None:
        """The SHA of the commit (or tree, …) that a branch, tag or SHA names; HEAD without one."""
        candidates = [f"refs/heads/{ref}", ref] if ref else ["HEAD"]
        if ref and SHA.fullmatch(ref):
            candidates = [ref]
        for name in candidates:
            found = self.text(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{{kind}}}"
            )
            if found is not None:
                return found.strip()
        return None

    def refs(self, prefix: str = "refs/") -> list[Ref]:
        """Refs by name; `prefix` ends in a slash or is a whole ref."""
        form = "%00".join(f"%({name})" for name in REF_FIELDS)
        lines = (self.text("for-each-ref", f"--format={form}", "--", prefix) or "").splitlines()
        return [
            Ref(name, sha, kind, peeled or sha)
            for name, sha, kind, peeled in (line.split("\0") for line in lines)
        ]

    def branches(self) -> list[Ref]:
        """Branches by name."""
        return self.refs("refs/heads/")

    def tags(self) -> list[Ref]:
        """Tags by name."""
        return self.refs("refs/tags/")

    def commit(self, sha: str) -> Commit | None:
        """One commit by its SHA."""
        return next(iter(self.log(sha, "-1")), None)

    def log(self, sha: str, *options: str) -> list[Commit]:
        """The commits reachable from a SHA, newest first."""

        def read() -> list[Commit]:
            form = "%x00".join(COMMIT_FIELDS)
            log = self.text("log", *LOG_OPTIONS, f"--format={form}", *options, sha, "--") or ""
            values = log.split("\0")[:-1]
            return [
                Commit(one, tree, tuple(parents.split()), *rest)
                for one, tree, parents, *rest in zip(
                    *[iter(values)] * len(COMMIT_FIELDS), strict=True
                )
            ]

        return self.keep(("log", sha, *options), read)

    def merge_base(self, base: str, head: str) -> str | None:
        """The best common ancestor of two commits."""
        found = self.text("merge-base", base, head)
        return found.split()[0] if found else None

    def tree(self, sha: str, *, recursive: bool = False) -> list[Entry]:
        """The entries of a tree; recursive lists the trees below as well, each before its own."""

        def read() -> list[Entry]:
            options = ("-r", "-t") if recursive else ()
            listing = self.text("ls-tree", "-z", "-l", *options, sha) or ""
            return [to_entry(line) for line in listing.split("\0")[:-1]]

        return self.keep(("tree", sha, recursive), read)

    def blob_size(self, sha: str) -> int | None:
        """The size of a blob in bytes; None if there is no blob of that SHA."""
        size = self.text("cat-file", "-s", sha) if self.resolve(sha, "blob") else None
        return int(size) if size else None

    def blob(self, sha: str) -> bytes | None:
        """The content of a blob; None if there is no blob of that SHA."""
        return self.keep(("blob", sha), lambda: self.run("cat-file", "blob", sha))

    def diff(self, base: str | None, head: str) -> list[Change]:
        """The changes from one commit or tree (None: nothing at all) to another, by path."""
        trees = (base or EMPTY_TREE, head)
        return self.keep(("diff", *trees), lambda: self._diff(*trees))

    def archive(self, sha: str, prefix: str) -> Iterator[bytes]:
        """A gzipped tar of a commit's files below a folder, as a stream."""
        return self.stream("archive", "--format=tar.gz", f"--prefix={prefix}/", sha)

    def push(self, branch: str, files: Mapping[str, bytes | None], message: str) -> str:
        """Commit files to a branch, None removing one; returns the commit's SHA.

        Raises:
            ValueError: git refuses.
        """
        text = message.encode()
        parts = [f"commit refs/heads/{branch}\ncommitter {PUSHER} now\ndata {len(text)}\n".encode()]
        parts += [text, f"\nfrom refs/heads/{branch}^0\n".encode()]
        for path, content in files.items():
            if content is None:
                parts.append(f"D {path}\n".encode())
            else:
                parts += [f"M 100644 inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
        with tempfile.TemporaryFile() as stream:
            stream.write(b"".join(parts))
            stream.seek(0)
            error = git(self.path, "fast-import", "--quiet", "--date-format=now", stdin=stream)
        if error:
            raise ValueError(f"sandbox.git: {branch} cannot be pushed to: {error.splitlines()[0]}")
        return self.resolve(branch) or ""

    def stream(
        self, *arguments: str, stdin: BinaryIO | None = None, protocol: str = ""
    ) -> Iterator[bytes]:
        """What a git command writes, in chunks; it is ended when the reader goes."""
        process = subprocess.Popen(  # noqa: S603 (as `run`)
            self._command(arguments),
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment() | ({"GIT_PROTOCOL": protocol} if protocol else {}),
        )
        with process:
            try:
                if process.stdout is not None:
                    yield from iter(lambda: cast(BinaryIO, process.stdout).read(CHUNK_BYTES), b"")
            finally:
                process.kill()

    def text(self, *arguments: str) -> str | None:
        """What a git command writes, as text; None if it fails."""
        output = self.run(*arguments)
        return None if output is None else output.decode("utf-8", "replace")

    def run(self, *arguments: str) -> bytes | None:
        """What a git command writes; None if it fails."""
        done = subprocess.run(  # noqa: S603 (arguments are ours; a ref cannot be an option)
            self._command(arguments), capture_output=True, check=False, env=environment()
        )
        return done.stdout if done.returncode == 0 else None

    def keep(self, key: object, make: Callable[[], T]) -> T:
        """What was made for a key before, or is made now; the oldest are forgotten.

        Nothing is not remembered: a push may bring what a SHA names.
        """
        with self._lock:
            if key in self._kept:
                return cast(T, self._kept[key])
            made = make()
            if made:
                self._kept[key] = made
            if len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
            return made

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return ["git", "-C", str(self.path), *arguments]

    def _diff(self, base: str, head: str) -> list[Change]:
        command = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv")
        raw = (self.text(*command, "-z", "--raw", "--no-abbrev", base, head) or "").split("\0")[:-1]
        counts = (self.text(*command, "-z", "--numstat", base, head) or "").split("\0")[:-1]
        text = self.text(*command, "-p", "--no-color", base, head) or ""
        patches = f"\n{text}".split("\ndiff --git ")[1:]
        changes = []
        numbers = iter(counts)
        fields = iter(raw)
        for meta, patch in zip(fields, patches, strict=False):
            _, mode, old_sha, sha, status = meta.removeprefix(":").split(" ")
            previous = next(fields) if status[0] in "RC" else None
            path = next(fields)
            added, removed, name = next(numbers).split("\t")
            if not name:  # A rename's two paths follow as fields of their own.
                next(numbers), next(numbers)
            changes.append(
                Change(
                    status=status[0],
                    path=path,
                    previous_path=previous,
                    mode=mode,
                    sha=old_sha if status[0] == "D" else sha,
                    additions=0 if added == "-" else int(added),
                    deletions=0 if removed == "-" else int(removed),
                    patch=hunks_of(patch),
                )
            )
        return changes


def environment() -> dict[str, str]:
    """The environment without `GIT_DIR` and its like, which would name another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def to_entry(line: str) -> Entry:
    """An entry from a line of `git ls-tree -l`."""
    meta, _, path = line.partition("\t")
    mode, kind, sha, size = meta.split()
    return Entry(mode, kind, sha, None if size == "-" else int(size), path)


def hunks_of(patch: str) -> str | None:
    """The hunks of one file's patch, as GitHub shows them; None if there are none."""
    start = patch.find("\n@@ ")
    return None if start < 0 else patch[start + 1 :].removesuffix("\n")


def import_stream(stream: Path, folder: Path, branch: str) -> None:
    """Build a bare repository from a `git fast-import` stream.

    Raises:
        ValueError: git cannot read the stream.
    """
    git(folder, "init", "--quiet", "--bare", f"--initial-branch={branch}")
    with stream.open("rb") as file:
        error = git(folder, "fast-import", "--quiet", stdin=file)
    if error:
        raise ValueError(
            f"sandbox.git: {stream} cannot be imported: {error.splitlines()[0]}; expected a stream "
            "for `git fast-import`; do write it anew with `git fast-export`"
        )


def take_snapshot(checkout: Path, folder: Path, branch: str) -> None:
    """Build a bare repository that borrows a checkout's objects; empty if it has no history."""
    git(folder, "init", "--quiet", "--bare", f"--initial-branch={branch}")
    source = GitCheckout(checkout)
    head = source.resolve(None)
    common = source.text("rev-parse", "--path-format=absolute", "--git-common-dir")
    if head is None or common is None:
        return
    shared = Path(common.strip())
    alternates = folder / "objects" / "info" / "alternates"
    alternates.write_text(f"{shared / 'objects'}\n", encoding="utf-8")
    if (shared / "shallow").exists():
        shutil.copyfile(shared / "shallow", folder / "shallow")
    git(folder, "update-ref", f"refs/heads/{branch}", head)
    for tag in source.tags():
        git(folder, "update-ref", tag.name, tag.sha)


def git(folder: Path, *arguments: str, stdin: BinaryIO | None = None) -> str:
    """Run a git command in a folder; returns what it complained of, empty if it succeeded."""
    done = subprocess.run(  # noqa: S603 (arguments are ours)
        ["git", "-C", str(folder), *arguments],  # noqa: S607 (git is wherever the user has it)
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=environment(),
    )
    return "" if done.returncode == 0 else done.stderr.decode("utf-8", "replace") or "failed"
