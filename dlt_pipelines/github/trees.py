"""Git trees through REST, whole or compared, however large they are.

GET /repos/{repo}/git/trees/{sha}?recursive=1 lists 100,000 entries at most and says `truncated`
beyond that. Such a listing is never used: its tree is walked folder by folder instead.
https://docs.github.com/rest/git/trees#get-a-tree
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from dlt_pipelines.exceptions import NotFoundError, PermanentError
from dlt_pipelines.github.filters import ATTRIBUTES_FILE
from dlt_pipelines.github.rest import Repository
from dlt_pipelines.ledger import ResourceRun

SYMLINK: Final = "120000"
SUBMODULE: Final = "160000"
# Git names the tree without entries so, and GitHub does not find it.
EMPTY_TREES: Final = frozenset(
    {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
)


class Entry(msgspec.Struct, frozen=True):
    """What a tree holds at a path; sizes in bytes, none for submodules."""

    mode: str
    sha: str
    size: int | None = None

    @property
    def kind(self) -> str:
        """`blob`, `symlink` or `submodule`."""
        return {SYMLINK: "symlink", SUBMODULE: "submodule"}.get(self.mode, "blob")


Tree = dict[str, Entry]


class _Node(msgspec.Struct):
    path: str
    mode: str
    type: str
    sha: str
    size: int | None = None


class _Answer(msgspec.Struct):
    tree: list[_Node]
    truncated: bool = False


@dataclass
class Trees:
    """The trees of one repository; files by path, folders are left out."""

    repository: Repository
    run: ResourceRun
    _fetched: dict[str, _Answer] = field(default_factory=dict)

    def read(self, sha: str) -> Tree:
        """Everything in a tree."""
        tree: Tree = {}
        self._read(sha, "", tree)
        return tree

    def compare(self, old: str, new: str, *, prune: bool) -> tuple[Tree | None, Tree]:
        """Two trees, the old one None where GitHub has collected it after a force push.

        Args:
            old: a tree's SHA, like `new`.
            new: the one that holds now.
            prune: where a tree is too large for one answer, folders that are equal in both and to
                which the same `.gitattributes` apply are left out of both.
        """
        if old == new:
            tree = self.read(new)
            return tree, tree
        try:
            self._fetched[old] = self._fetch(old, recursive=True)
        except NotFoundError:
            return None, self.read(new)
        trees: tuple[Tree, Tree] = ({}, {})
        self._compare(old, new, "", trees, prune)
        return trees

    def _read(self, sha: str, folder: str, tree: Tree) -> None:
        answer = self._fetch(sha, recursive=True)
        if not answer.truncated:
            _add(answer, folder, tree)
            return
        answer = self._fetch(sha, recursive=False)
        _add(answer, folder, tree)
        for name, subtree in _folders(answer).items():
            self._read(subtree, f"{folder}{name}/", tree)

    def _compare(
        self, old: str, new: str, folder: str, trees: tuple[Tree, Tree], prune: bool
    ) -> None:
        answers = [self._fetch(sha, recursive=True) for sha in (old, new)]
        if not any(answer.truncated for answer in answers):
            for answer, tree in zip(answers, trees, strict=True):
                _add(answer, folder, tree)
            return
        answers = [self._fetch(sha, recursive=False) for sha in (old, new)]
        for answer, tree in zip(answers, trees, strict=True):
            _add(answer, folder, tree)
        rules = [tree.get(f"{folder}{ATTRIBUTES_FILE}") for tree in trees]
        prune = prune and rules[0] == rules[1]
        folders = [_folders(answer) for answer in answers]
        for name in sorted(folders[0].keys() | folders[1].keys()):
            below = f"{folder}{name}/"
            was, now = (side.get(name) for side in folders)
            if was == now and prune:
                self.run.meter.requests_saved += 1
            elif was and now and was != now:
                self._compare(was, now, below, trees, prune)
            else:
                found: Tree = {}
                self._read(now or was or "", below, found)
                for sha, tree in zip((was, now), trees, strict=True):
                    tree.update(found if sha else {})

    def _fetch(self, sha: str, *, recursive: bool) -> _Answer:
        if sha in EMPTY_TREES:
            return _Answer([])
        if recursive and sha in self._fetched:
            return self._fetched.pop(sha)
        params = {"recursive": 1} if recursive else None
        answer = self.repository.get(self.run, f"/git/trees/{sha}", _Answer, params).data
        if answer.truncated and not recursive:
            raise PermanentError(
                f"github.{self.run.resource}",
                f"tree {sha} lists {len(answer.tree)} entries of one folder and leaves out more",
                "every entry",
                "leave the branch out: GitHub does not list such a folder",
                code="incomplete",
            )
        return answer


def _add(answer: _Answer, folder: str, tree: Tree) -> None:
    for node in answer.tree:
        if node.type != "tree":
            tree[f"{folder}{node.path}"] = Entry(node.mode, node.sha, node.size)


def _folders(answer: _Answer) -> dict[str, str]:
    return {node.path: node.sha for node in answer.tree if node.type == "tree"}
