"""Files of a branch are those that git has, at few requests, and every content is verified."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_pipelines.exceptions import PermanentError, TransientError
from dlt_pipelines.github import archive, code
from dlt_pipelines.github.blobs import BlobStore, git_sha
from dlt_pipelines.github.code import BlobEvent, FileEvent, Head, find_renames, read_code
from dlt_pipelines.github.filters import CodeFilter
from dlt_pipelines.github.rest import Repository
from dlt_pipelines.github.trees import Entry, Trees
from include.sandbox import Limits
from include.sandbox.faults import Fault
from tests.repositories import GitRepository
from tests.workspaces import REPO, github

NO_FLAGS = {"is_generated": False, "is_vendored": False, "skipped": None}


class Reader:
    """Reads a branch again and again, as a sync does, and keeps what it saw."""

    def __init__(self, sandbox, client, run_of, store: Path, git: GitRepository) -> None:
        self.sandbox = sandbox
        self.git = git
        self.repository = Repository(client, REPO, f"/repos/{REPO}")
        self.files, self.blobs = (run_of("github", REPO, name) for name in ("files", "blobs"))
        self.store = BlobStore(store)
        self.known: dict[str, Head] = {}
        self._asked = 0

    def read(
        self,
        branch: str = "main",
        seen: set[str] | None = None,
        submodules: dict[str, str] | None = None,
        **filters: Any,
    ):
        """What is new at a branch: files as (operation, path, payload), contents by SHA."""
        head = Head(
            self.git.sha(branch),
            self.git.sha(f"{branch}^{{tree}}"),
            CodeFilter.of(filters).text,
        )
        events = list(
            read_code(
                self.repository,
                self.files,
                self.blobs,
                branch,
                head,
                self.known.get(branch),
                filters,
                self.store,
                seen,
                submodules,
            )
        )
        self.known[branch] = head
        blobs = [event for event in events if isinstance(event, BlobEvent)]
        assert len({event.external_id for event in blobs}) == len(blobs)
        return (
            [event for event in events if isinstance(event, FileEvent)],
            {event.external_id: self.content(event) for event in blobs},
        )

    def content(self, event: BlobEvent) -> bytes:
        """A blob's content, wherever it is; its hash must be right."""
        text, key = event.payload["text"], event.payload["key"]
        content = self.store.get(event.external_id) if key else text.encode()
        assert git_sha(content, event.external_id) == event.external_id
        return content

    def asked(self) -> list[str]:
        """Paths below the repository asked since the last call, SHAs by what they are."""
        before, self._asked = self._asked, len(self.sandbox.requests)
        return [
            e.path.removeprefix(f"/repos/{REPO}").partition("?")[0].rpartition("/")[0]
            for e in self.sandbox.requests[before:]
            if not e.path.startswith("/_codeload")
        ]


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "checkout")


@pytest.fixture
def reader_of(
    sandbox_of, client_of, resource_run, tmp_path: Path
) -> Iterator[Callable[..., Reader]]:
    def start(git: GitRepository, name: str = "blobs", **limits: Any) -> Reader:
        sandbox = sandbox_of(github(git=str(git.path)), limits=Limits(**limits))
        return Reader(sandbox, client_of(sandbox), resource_run, tmp_path / name, git)

    return start


def summary(events: list[FileEvent]) -> dict[str, Any]:
    """By path: the SHA it has now, or why it went and where to."""
    return {
        event.external_id.partition(":")[2]: (event.payload["reason"], event.payload["renamed_to"])
        if event.operation == "delete"
        else event.payload["sha"]
        for event in events
    }


def test_a_first_read_takes_one_archive_and_a_tree_where_submodules_are_unknown(git, reader_of):
    git.write({"README.md": "# Gauge\n", "src/app.py": "print()\n", "copy.md": "# Gauge\n"})
    git.write({"logo.png": b"\x89PNG\0", "empty": "", "tool": "#!/bin/sh\n", "big.txt": "x" * 99})
    (git.path / "tool").chmod(0o755)
    (git.path / "link.md").symlink_to("README.md")
    git.git("add", "--all")
    git.git("update-index", "--add", "--cacheinfo", f"160000,{'5' * 40},modules/probe")
    commit = git.commit_index()
    reader = reader_of(git)
    files, blobs = reader.read(max_file_size=98)
    assert reader.asked() == ["/tarball", "/git/trees"]
    told = reader_of(git, "told")
    assert told.read(submodules={"modules/probe": "5" * 40}, max_file_size=98) == (files, blobs)
    assert told.asked() == ["/tarball"]
    wrong = reader_of(git, "wrong")
    assert wrong.read(submodules={"modules/probe": "6" * 40}, max_file_size=98) == (files, blobs)
    assert wrong.asked() == ["/tarball", "/git/trees"]
    rows = [
        ("README.md", "100644", "blob", 8),
        ("big.txt", "100644", "blob", 99),
        ("copy.md", "100644", "blob", 8),
        ("empty", "100644", "blob", 0),
        ("link.md", "120000", "symlink", 9),
        ("logo.png", "100644", "blob", 5),
        ("modules/probe", "160000", "submodule", None),
        ("src/app.py", "100644", "blob", 8),
        ("tool", "100755", "blob", 10),
    ]
    assert files == [
        FileEvent(
            f"main:{path}",
            "upsert",
            {
                "branch": "main",
                "path": path,
                "mode": mode,
                "type": kind,
                "sha": git.tree()[path][1],
                "size": size,
                "commit": commit,
                **NO_FLAGS,
                "skipped": "too_large" if path == "big.txt" else None,
            },
        )
        for path, mode, kind, size in rows
    ]
    assert sorted(blobs.values()) == [b"", b"# Gauge\n", b"#!/bin/sh\n", b"print()\n", b"\x89PNG\0"]
    assert (reader.files.expected_items, reader.blobs.expected_items) == (9, 5)
    assert reader.blobs.meter.bytes_received > 0


def test_the_tree_of_an_archive_is_gits_own(git, reader_of):
    long = "/".join(["a-folder-with-a-long-name"] * 6)
    git.write({"a.b": "1", "a/b": "2", "a0": "3", f"{long}/file.txt": "4", "ünï/cödé 1.md": "5"})
    git.write({"tool": "#!/bin/sh\n", "logo.png": b"\x89PNG\0", "empty": ""})
    git.write({"big": "x" * 3_000_000})
    (git.path / "tool").chmod(0o755)
    (git.path / "link.md").symlink_to("a.b")
    (git.path / "far.md").symlink_to(f"{long}/{long}/file.txt")
    git.git("add", "--all")
    commit = git.commit_index()
    reader = reader_of(git)
    path, tree = f"/repos/{REPO}/tarball/{commit}", git.sha("HEAD^{tree}")
    with archive.open_archive(reader.repository.client, reader.blobs, path, tree) as opened:
        found = opened.tree
    assert found is not None
    assert archive.tree_hash(found, tree) == tree
    assert {name: (entry.mode, entry.sha) for name, entry in found.items()} == git.tree()
    reader.asked()
    files, blobs = reader.read(max_file_size=4_000_000)
    assert reader.asked() == ["/tarball"]
    assert summary(files) == {name: sha for name, (_, sha) in git.tree().items()}
    assert len(blobs) == 9
    listed = Trees(reader.repository, reader.files).read(tree)
    assert found == listed


@pytest.mark.parametrize("rule", ["export-ignore", "export-subst"])
def test_an_archive_that_is_not_the_whole_tree_says_nothing_of_it(git, reader_of, rule):
    git.commit({"doc/.gitattributes": f"a.txt {rule}\n", "doc/a.txt": "$Format:%H$", "b": "b"})
    reader = reader_of(git)
    path, tree = f"/repos/{REPO}/tarball/{git.sha('HEAD')}", git.sha("HEAD^{tree}")
    with archive.open_archive(reader.repository.client, reader.blobs, path, tree) as opened:
        assert opened.tree is None
    reader.asked()
    files, blobs = reader.read()
    assert reader.asked() == ["/tarball", "/git/trees", "/git/blobs"]
    assert summary(files) == {name: sha for name, (_, sha) in git.tree().items()}
    assert {*blobs.values()} == {b"$Format:%H$", b"b", f"a.txt {rule}\n".encode()}


def test_a_name_that_is_no_text_is_left_to_the_listing(git, reader_of):
    git.commit({"a": "1"})
    sha = git.tree()["a"][1].encode()
    line = b"100644 " + sha + b"\tb\xff"
    subprocess.run(
        ["git", "-C", git.path, "update-index", "--index-info"], input=line + b"\n", check=True
    )
    commit = git.commit_index()
    reader = reader_of(git)
    path, tree = f"/repos/{REPO}/tarball/{commit}", git.sha("HEAD^{tree}")
    with archive.open_archive(reader.repository.client, reader.blobs, path, tree) as opened:
        assert opened.tree is None


def test_an_equal_tree_is_not_asked_for(git, reader_of):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.read()
    reader.asked()
    git.commit(message="nothing")
    assert reader.read() == ([], {})
    assert reader.asked() == []


def test_a_change_takes_two_trees_and_its_own_contents(git, reader_of):
    git.commit({"a": "1", "b": "2", "old/name.txt": "moved", "gone": "gone", "mode": "3"})
    reader = reader_of(git)
    reader.read()
    reader.asked()
    (git.path / "mode").chmod(0o755)
    changed = {"a": "changed", "new/name.txt": "moved", "other.txt": "2", "added": "added"}
    commit = git.commit({**changed, "old/name.txt": None, "gone": None})
    files, blobs = reader.read()
    assert reader.asked() == ["/git/trees", "/git/trees", "/git/blobs", "/git/blobs"]
    tree = {path: sha for path, (_, sha) in git.tree().items()}
    assert summary(files) == {
        **{path: tree[path] for path in ("a", "added", "mode", "new/name.txt", "other.txt")},
        "gone": ("deleted", None),
        "old/name.txt": ("renamed", "new/name.txt"),
    }
    assert sorted(blobs.values()) == [b"added", b"changed"]
    assert files[-1] == FileEvent(
        "main:old/name.txt",
        "delete",
        {
            "reason": "renamed",
            "renamed_to": "new/name.txt",
            "evidence": {"commit": commit, "tree": git.sha("HEAD^{tree}")},
        },
    )


def test_many_changes_take_one_archive(git, reader_of):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.read()
    reader.asked()
    git.commit({f"{n}.txt": f"{n}\n" for n in range(code.MOST_SINGLE_BLOBS)})
    assert len(reader.read()[1]) == code.MOST_SINGLE_BLOBS
    assert reader.asked() == ["/git/trees"] * 2 + ["/git/blobs"] * code.MOST_SINGLE_BLOBS
    git.commit({f"{n}.md": f"# {n}" for n in range(code.MOST_SINGLE_BLOBS + 1)})
    assert len(reader.read()[1]) == code.MOST_SINGLE_BLOBS + 1
    assert reader.asked() == ["/git/trees"] * 2 + ["/tarball"]


def test_what_an_archive_leaves_out_or_rewrites_is_fetched_alone(git, reader_of):
    rules = "secret.txt export-ignore\nversion.txt export-subst\n"
    git.commit({".gitattributes": rules, "secret.txt": "s", "version.txt": "$Format:%H$", "a": "a"})
    reader = reader_of(git)
    _, blobs = reader.read()
    assert reader.asked() == ["/tarball", "/git/trees", "/git/blobs", "/git/blobs"]
    assert sorted(blobs.values()) == [b"$Format:%H$", b"a", b"s", rules.encode()]


def test_a_content_that_is_not_what_its_sha_names_fails_the_read(git, reader_of):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.read()
    git.commit({"a": "2"})
    reader.sandbox.faults.add(
        Fault(kind="replace", path="/git/blobs/", key="content", value="eA==")
    )
    with pytest.raises(PermanentError) as failure:
        reader.read()
    assert failure.value.code == "integrity"
    sha, found = git.tree()["a"][1], git_sha(b"x")
    assert str(failure.value).startswith(
        f"github.blobs: the content of blob {sha} has the hash {found}; expected"
    )
    assert not reader.store.exists(sha)


def test_a_second_branch_brings_in_only_what_the_first_did_not(git, reader_of):
    git.commit({"a": "1", "b": "2"})
    git.git("checkout", "--quiet", "-b", "release/1")
    git.commit({"b": "3"})
    reader = reader_of(git)
    seen: set[str] = set()
    reader.read("main", seen)
    files, blobs = reader.read("release/1", seen)
    assert [event.external_id for event in files] == ["release/1:a", "release/1:b"]
    assert list(blobs.values()) == [b"3"]


def test_a_known_tree_that_github_has_collected_is_read_whole_and_claims_no_deletion(
    git, reader_of
):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.known["main"] = Head("c" * 40, "d" * 40, CodeFilter.of({}).text)
    files, blobs = reader.read()
    assert summary(files) == {"a": git.tree()["a"][1]}
    assert list(blobs.values()) == [b"1"]
    assert reader.asked() == ["/git/trees", "/git/trees", "/tarball"]


def test_changed_filters_drop_and_bring_in_without_a_push(git, reader_of):
    git.commit({"a.py": "1", "b.md": "2", "c.txt": "3", "long.py": "4" * 50})
    reader = reader_of(git)
    before, _ = reader.read(exclude_paths=["c.txt"], max_file_size=9)
    assert list(summary(before)) == ["a.py", "b.md", "long.py"]
    reader.asked()
    files, blobs = reader.read(exclude_paths=["*.md"], max_file_size=99)
    assert reader.asked() == ["/git/trees", "/git/blobs", "/git/blobs"]
    tree = {path: sha for path, (_, sha) in git.tree().items()}
    assert summary(files) == {
        "c.txt": tree["c.txt"],
        "long.py": tree["long.py"],
        "b.md": ("excluded", None),
    }
    assert sorted(blobs.values()) == [b"3", b"4" * 50]


def test_files_are_marked_again_when_attributes_change(git, reader_of):
    git.commit(
        {".gitattributes": "*.pb.go linguist-generated\n", "a.pb.go": "a", "vendor/x.js": "x"}
    )
    reader = reader_of(git)
    filters = {"exclude_paths": [".gitattributes"]}

    def marks(files) -> dict[str, tuple[bool, bool]]:
        return {
            event.payload["path"]: (event.payload["is_generated"], event.payload["is_vendored"])
            for event in files
        }

    files, blobs = reader.read(**filters)
    assert marks(files) == {"a.pb.go": (True, False), "vendor/x.js": (False, False)}
    assert sorted(blobs.values()) == [b"a", b"x"]
    git.commit({".gitattributes": "*.pb.go linguist-generated\nvendor/** linguist-vendored\n"})
    assert marks(reader.read(**filters)[0]) == {"vendor/x.js": (False, True)}
    reader.asked()
    git.commit({"b.pb.go": "b"})
    assert marks(reader.read(**filters)[0]) == {"b.pb.go": (True, False)}
    assert reader.asked() == ["/git/trees", "/git/trees", "/git/blobs"]


def test_a_truncated_tree_is_read_folder_by_folder(git, reader_of):
    names = [f"{top}/{sub}/{n}" for top in "ab" for sub in "cd" for n in range(3)]
    git.commit({name: name for name in names})
    git.commit({".gitattributes": "1 export-ignore\n"})
    reader = reader_of(git, github_tree_entries=5)
    files, blobs = reader.read()
    assert summary(files) == {path: sha for path, (_, sha) in git.tree().items()}
    assert len(blobs) == len(names) + 1
    # The root; a, which is too long; a/c and a/d; then b in the same way.
    assert reader.asked() == ["/tarball", *["/git/trees"] * (2 + 2 * 4), *["/git/blobs"] * 4]


def test_a_whole_archive_needs_no_listing_however_long_the_tree(git, reader_of):
    git.commit({f"{n}": "" for n in range(9)})
    reader = reader_of(git, github_tree_entries=5)
    files, _ = reader.read()
    assert summary(files) == {path: sha for path, (_, sha) in git.tree().items()}
    assert reader.asked() == ["/tarball"]


def test_of_truncated_trees_only_folders_that_differ_are_compared(git, reader_of):
    names = [f"{top}/{sub}/{n}" for top in "ab" for sub in "cd" for n in range(3)]
    git.commit({name: name for name in names})
    reader = reader_of(git, github_tree_entries=5)
    reader.read()
    reader.asked()
    git.commit({"b/d/1": "changed", "b/d/2": None, "b/new": "b/d/2"})
    files, blobs = reader.read()
    tree = {path: sha for path, (_, sha) in git.tree().items()}
    assert summary(files) == {
        "b/d/1": tree["b/d/1"],
        "b/new": tree["b/new"],
        "b/d/2": ("renamed", "b/new"),
    }
    assert list(blobs.values()) == [b"changed"]
    # Both roots and both b, at first whole, in vain; then b/d of both.
    assert reader.asked() == ["/git/trees"] * (4 + 4 + 2) + ["/git/blobs"]


def test_of_truncated_trees_all_is_compared_when_filters_or_attributes_have_changed(git, reader_of):
    names = [f"{top}/{sub}/{n}" for top in "ab" for sub in "cd" for n in range(3)]
    git.commit({name: name for name in names})
    reader = reader_of(git, github_tree_entries=5)
    reader.read(exclude_paths=["a/"])
    git.commit({"b/d/1": "changed"})
    tree = {path: sha for path, (_, sha) in git.tree().items()}
    files, blobs = reader.read(exclude_paths=["/b/c"])
    assert summary(files) == {
        **{path: sha for path, sha in tree.items() if path.startswith("a/")},
        "b/d/1": tree["b/d/1"],
        **{f"b/c/{n}": ("excluded", None) for n in range(3)},
    }
    assert len(blobs) == 7
    git.commit({".gitattributes": "0 linguist-generated\n"})
    files, _ = reader.read(exclude_paths=["/b/c"])
    assert list(summary(files)) == [".gitattributes", "a/c/0", "a/d/0", "b/d/0"]
    reader.asked()
    git.commit({"b/.gitattributes": "1 linguist-vendored\n"})
    files, _ = reader.read(exclude_paths=["/b/c"])
    assert list(summary(files)) == ["b/.gitattributes", "b/d/1"]
    # Both roots, both b, at first in vain; b/c and b/d, which are equal, once; a not at all.
    assert reader.asked() == ["/git/trees"] * (4 + 4 + 2) + ["/git/blobs"]


def test_a_folder_that_github_does_not_list_fails_the_read(git, reader_of):
    git.commit({".gitattributes": "1 export-ignore\n", **{f"{n}": "" for n in range(9)}})
    reader = reader_of(git, github_tree_entries=5)
    with pytest.raises(PermanentError, match="leaves out more; expected every entry") as failure:
        reader.read()
    assert failure.value.code == "incomplete"


def test_a_branch_may_become_empty_and_full_again(git, reader_of):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.read()
    git.commit({"a": None})
    assert summary(reader.read()[0]) == {"a": ("deleted", None)}
    git.commit({"a": "1"})
    files, blobs = reader.read()
    assert summary(files) == {"a": git.tree()["a"][1]}
    assert list(blobs.values()) == [b"1"]


@pytest.mark.parametrize("kind", ["dropped", "truncated", "status"])
def test_an_archive_that_breaks_is_asked_for_again(git, reader_of, kind):
    noise = bytes((n * n * 7 + n // 3) % 251 for n in range(90_000))
    git.commit({f"{n}.bin": noise[n * 1_000 :] for n in range(20)})
    reader = reader_of(git)
    where = "/tarball" if kind == "status" else "/_codeload/"
    reader.sandbox.faults.add(Fault(kind=kind, path=where, status=502))
    files, blobs = reader.read()
    assert len(files) == len(blobs) == 20
    assert reader.asked().count("/tarball") == 2
    assert reader.asked().count("/git/blobs") == 0


def test_an_archive_that_always_breaks_fails_the_read(git, reader_of):
    git.commit({"a": "1"})
    reader = reader_of(git)
    reader.sandbox.faults.add(Fault(kind="status", path="/tarball", status=502, times=None))
    with pytest.raises(TransientError, match=r"github\.blobs: GET .*/tarball/\w+ answered 502"):
        reader.read()
    assert reader.asked() == ["/tarball"] * 3


def test_reading_may_stop_in_the_middle_of_an_archive(git, reader_of):
    git.commit({f"{n}": f"{n}" for n in range(200)})
    reader = reader_of(git)
    shas = {path: sha for path, (_, sha) in git.tree().items()}
    path = f"/repos/{REPO}/tarball/{git.sha('HEAD')}"
    tree = git.sha("HEAD^{tree}")
    with archive.open_archive(reader.repository.client, reader.blobs, path, tree) as opened:
        contents = opened.contents(shas)
        assert git_sha(next(contents)[1]) in shas.values()
        contents.close()
        assert {git_sha(content) for _, content in opened.contents(shas)} == {*shas.values()}
    assert reader.asked() == ["/tarball"]


def test_each_path_that_came_is_the_end_of_one_rename_and_equal_names_go_first():
    def tree(*paths: str):
        return {path: Entry("100644", "1" * 40, 1) for path in paths}

    assert find_renames(tree("a/x", "b/y"), tree("c/y", "c/z")) == {"b/y": "c/y", "a/x": "c/z"}
    assert find_renames(tree("a", "b", "c"), tree("d")) == {"a": "d"}
    link = {"link": Entry("120000", "1" * 40, 1)}
    assert find_renames(link, tree("a")) == {}


NAMES = st.sampled_from(["a", "b", "c.md", "d/a", "d/e/f", "g/a", "g/h.txt"])
CONTENTS = st.sampled_from(["", "one", "two", "three\n", "\0binary", "ünï"])
TREES = st.lists(st.dictionaries(NAMES, CONTENTS, max_size=6), min_size=2, max_size=3)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(trees=TREES, entries=st.sampled_from([100_000, 5]))
def test_what_is_read_is_what_git_says_has_changed(
    tmp_path_factory, reader_of, trees: list[dict[str, str]], entries: int
):
    folder = tmp_path_factory.mktemp("random")
    git = GitRepository(folder / "checkout")
    reader = None
    state: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    for files in trees:
        before = git.sha("HEAD") if reader else None
        git.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", "--", ".")
        git.commit(files)
        reader = reader or reader_of(git, str(folder), github_tree_entries=entries)
        events, blobs = reader.read()
        contents.update(blobs)
        for event in events:
            path = event.external_id.removeprefix("main:")
            if event.operation == "delete":
                del state[path]
            else:
                state[path] = event.payload["sha"]
        assert state == {path: sha for path, (_, sha) in git.tree().items()}
        assert {contents[sha] for sha in state.values()} == {c.encode() for c in files.values()}
        if before:
            assert changes(events, git) == git_changes(git, before)


def changes(events: list[FileEvent], git: GitRepository) -> tuple[set[str], list[str]]:
    """Paths that were deleted outright, and the contents of renames."""
    gone = {path: why for path, why in summary(events).items() if isinstance(why, tuple)}
    tree = git.tree()
    renamed = [tree[to][1] for reason, to in gone.values() if reason == "renamed"]
    assert len({to for _, to in gone.values() if to}) == len(renamed)
    return set(gone), sorted(renamed)


def git_changes(git: GitRepository, before: str) -> tuple[set[str], list[str]]:
    """The same as git itself says it."""
    lines = git.git("diff-tree", "-r", "-M100%", "--no-abbrev", before, "HEAD").splitlines()
    rows = [line.replace("\t", " ").split(" ") for line in lines]
    gone = {row[5] for row in rows if row[4][0] in "DR"}
    return gone, sorted(row[3] for row in rows if row[4].startswith("R"))
