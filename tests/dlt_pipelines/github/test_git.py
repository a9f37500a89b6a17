"""The real git client reads wikis and histories: completely, at no quota, telling no secret."""

from __future__ import annotations

import io
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_pipelines.exceptions import AuthError, NotFoundError, PermanentError, TransientError
from dlt_pipelines.github.commit_files import read_commit_files, to_commit_files
from dlt_pipelines.github.git import GitRemote
from dlt_pipelines.github.wiki import read_wiki, to_title
from include.sandbox.faults import Fault
from include.settings import SANDBOX_TOKEN
from tests.installation import QUICK
from tests.repositories import GitRepository
from tests.workspaces import REPO, github

SECRET = "a-token-that-nobody-may-see"


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "checkout")


@pytest.fixture
def serve(sandbox_of):
    """A sandbox with a repository, or a wiki, and a remote that reads it over HTTP."""

    def start(git: GitRepository, part: str = "git") -> tuple[Any, GitRemote]:
        sandbox = sandbox_of(github(**{part: str(git.path)}))
        suffix = {"git": ".git", "wiki": ".wiki.git"}[part]
        url = f"{sandbox.url}/github/{REPO}{suffix}"
        return sandbox, GitRemote(url, SANDBOX_TOKEN, "A_SECRET", "commit_files", QUICK)

    return start


@pytest.fixture
def local():
    """A remote that reads a checkout without any server."""

    def start(git: GitRepository) -> GitRemote:
        return GitRemote(git.path.as_uri(), retry=QUICK)

    return start


def test_refs_are_listed_with_what_they_point_to(git, serve):
    first = git.commit({"a": "1"})
    git.git("tag", "--annotate", "v1", "--message=v1")
    git.git("checkout", "--quiet", "-b", "release/1")
    second = git.commit({"a": "2"})
    _, remote = serve(git)
    assert remote.ls_remote() == {
        "HEAD": second,
        "refs/heads/main": first,
        "refs/heads/release/1": second,
        "refs/tags/v1": git.sha("v1"),
        "refs/tags/v1^{}": first,
    }


def test_commits_tell_their_files_and_merges_what_they_brought(git, serve, tmp_path):
    one = git.commit({"a": "1", "b": "2", "tool": "3"}, "one")
    (git.path / "tool").chmod(0o755)
    two = git.commit({"a": "changed", "b": None, "c/b": "2"}, "two")
    git.git("checkout", "--quiet", "-b", "side", one)
    side = git.commit({"ä\n": "4"}, "side")
    git.git("checkout", "--quiet", "main")
    git.minutes += 1
    git.git("merge", "--quiet", "--no-ff", "side", "--message=merge")
    merge = git.sha("HEAD")
    empty = git.commit(message="commit\nempty")
    _, remote = serve(git)
    tree = {path: sha for path, (_, sha) in git.tree().items()}

    def row(sha: str, minute: int, *files: tuple[Any, ...]) -> dict[str, Any]:
        names = ("status", "path", "previous_path", "mode", "sha")
        return {
            "sha": sha,
            "committed_at": f"2026-02-28T22:0{minute}:00Z",
            "files": [dict(zip(names, file, strict=True)) for file in files],
        }

    new = git.sha(f"{one}:a")
    assert list(read_commit_files(remote, tmp_path / "cache", [empty], [])) == [
        row(empty, 5),
        row(merge, 4, ("A", "ä\n", None, "100644", tree["ä\n"])),
        row(side, 3, ("A", "ä\n", None, "100644", tree["ä\n"])),
        row(
            two,
            2,
            ("M", "a", None, "100644", tree["a"]),
            ("R", "c/b", "b", "100644", tree["c/b"]),
            ("M", "tool", None, "100755", tree["tool"]),
        ),
        row(
            one,
            1,
            ("A", "a", None, "100644", new),
            ("A", "b", None, "100644", tree["c/b"]),
            ("A", "tool", None, "100644", tree["tool"]),
        ),
    ]


def test_a_deleted_file_has_no_content_and_a_link_is_another_type(git, local, tmp_path):
    git.commit({"a": "1", "b": "2"})
    (git.path / "b").unlink()
    (git.path / "b").symlink_to("a")
    head = git.commit({"a": None})
    newest = next(read_commit_files(local(git), tmp_path / "cache", [head], []))
    assert newest["files"] == [
        {"status": "D", "path": "a", "previous_path": None, "mode": None, "sha": None},
        {
            "status": "T",
            "path": "b",
            "previous_path": None,
            "mode": "120000",
            "sha": git.tree()["b"][1],
        },
    ]


def test_only_commits_that_are_new_are_told_and_no_content_is_fetched(git, serve, tmp_path):
    first = git.commit({"a": "1"})
    sandbox, remote = serve(git)
    cache = tmp_path / "cache"
    assert [c["sha"] for c in read_commit_files(remote, cache, [first], [])] == [first]
    before = len(sandbox.requests)
    assert list(read_commit_files(remote, cache, [first], [first])) == []
    assert len(sandbox.requests) == before
    second = git.commit({"a": "2"})
    assert [c["sha"] for c in read_commit_files(remote, cache, [second], [first])] == [second]
    objects = GitRepository.at(cache / "commits.git").git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"
    )
    assert sorted(objects.split()) == ["commit", "commit", "tree", "tree"]


def test_a_force_push_tells_what_replaced_the_old_head(git, serve, tmp_path):
    first = git.commit({"a": "1"})
    dropped = git.commit({"a": "2"})
    _, remote = serve(git)
    cache = tmp_path / "cache"
    list(read_commit_files(remote, cache, [dropped], []))
    git.git("reset", "--quiet", "--hard", first)
    head = git.commit({"a": "3"})
    assert [c["sha"] for c in read_commit_files(remote, cache, [head], [dropped])] == [head]
    shutil.rmtree(cache)
    told = [c["sha"] for c in read_commit_files(remote, cache, [head], ["d" * 40])]
    assert told == [head, first]


@pytest.mark.parametrize("damage", ["HEAD", "objects", "config"])
def test_a_damaged_clone_is_made_anew(git, local, tmp_path, damage):
    heads = [git.commit({"a": "1"}), git.commit({"a": "2"})]
    remote, cache = local(git), tmp_path / "cache"
    list(read_commit_files(remote, cache, heads[:1], []))
    if damage == "objects":
        for path in (cache / "commits.git" / "objects").rglob("*.*"):
            path.chmod(stat.S_IWUSR | stat.S_IRUSR)
            path.write_bytes(b"broken")
    else:
        (cache / "commits.git" / damage).write_text("broken")
    around = GitRepository(tmp_path)  # A clone lies in a checkout, which it must not be taken for.
    told = [c["sha"] for c in read_commit_files(remote, cache, heads[1:], heads[:1])]
    assert told == heads[1:]
    assert around.git("for-each-ref") == ""


def test_a_head_that_the_remote_does_not_have_is_not_found(git, serve, tmp_path):
    git.commit({"a": "1"})
    _, remote = serve(git)
    with pytest.raises(NotFoundError, match=r"not our ref d{40}"):
        list(read_commit_files(remote, tmp_path / "cache", ["d" * 40], []))
    with pytest.raises(PermanentError, match="'--upload-pack=x' is no object name"):
        list(read_commit_files(remote, tmp_path / "cache", ["--upload-pack=x"], []))


def test_messages_and_names_cannot_forge_an_entry():
    words = [
        *("commit", "1" * 40, "2026-03-01T00:00:00+00:00"),
        *("\n:000000 100644 0 1 A", "commit"),
        *(":000000 100644 0 2 R100", ":x", "\n", ""),
    ]
    log = "\0".join(words)
    assert list(to_commit_files(io.BytesIO(log.encode()))) == [
        {
            "sha": "1" * 40,
            "committed_at": "2026-03-01T00:00:00Z",
            "files": [
                {
                    "status": "A",
                    "path": "commit",
                    "previous_path": None,
                    "mode": "100644",
                    "sha": "1",
                },
                {"status": "R", "path": "\n", "previous_path": ":x", "mode": "100644", "sha": "2"},
            ],
        }
    ]


WIKI = {
    "Home.md": "# Welcome\n",
    "guides/Release-Process.asciidoc": "= Release\n",
    "Notes.org": "* ünï\n",
    "_Sidebar.md": "[[Home]]\n",
    "images/logo.png": b"\x89PNG\0",
}


def test_a_wiki_is_all_its_pages_each_with_its_last_commit(git, serve):
    git.commit(WIKI, "Start\n\nwith a body")
    first = git.sha("HEAD")
    head = git.commit({"Home.md": "# Home\n"}, "Home")
    _, remote = serve(git, "wiki")
    found, pages = read_wiki(remote, None)
    assert found == head

    def row(path: str, title: str, kind: str, body: str, sha: str, minute: int, message: str):
        return {
            "path": path,
            "title": title,
            "format": kind,
            "body": body,
            "sha": git.tree()[path][1],
            "size": len(body.encode()),
            "commit": {
                "sha": sha,
                "author_name": "Ada Lind",
                "author_email": "ada@example.com",
                "committed_at": f"2026-02-28T22:0{minute}:00Z",
                "message": message,
            },
        }

    start = "Start\n\nwith a body"
    assert list(pages) == [
        row("Home.md", "Home", "markdown", "# Home\n", head, 2, "Home"),
        row("Notes.org", "Notes", "org", "* ünï\n", first, 1, start),
        row("_Sidebar.md", "_Sidebar", "markdown", "[[Home]]\n", first, 1, start),
        row(
            "guides/Release-Process.asciidoc",
            "Release Process",
            "asciidoc",
            "= Release\n",
            first,
            1,
            start,
        ),
    ]


def test_a_wiki_whose_head_is_known_is_not_read_again(git, serve):
    head = git.commit({"Home.md": "1"})
    _, remote = serve(git, "wiki")
    assert read_wiki(remote, head) == (head, None)
    git.commit({"Home.md": None, "Start.md": "1"})
    _, pages = read_wiki(remote, head)
    assert [page["path"] for page in pages] == ["Start.md"]


def test_a_wiki_without_pages_is_an_empty_listing(git, local):
    head, pages = read_wiki(local(git), None)
    assert (head, list(pages)) == ("", [])
    git.commit({"logo.png": b"\0"})
    head, pages = read_wiki(local(git), None)
    assert (head, list(pages)) == (git.sha("HEAD"), [])


def test_a_repository_without_a_wiki_is_not_found(git, serve):
    git.commit({"a": "1"})
    sandbox, _ = serve(git)
    url = f"{sandbox.url}/github/{REPO}.wiki.git"
    remote = GitRemote(url, SANDBOX_TOKEN, "A_SECRET", "wiki_pages", QUICK)
    with pytest.raises(NotFoundError) as failure:
        read_wiki(remote, None)
    assert str(failure.value).startswith("github.wiki_pages: git ls-remote failed: ")
    assert str(failure.value).endswith(
        "; expected an existing object; check its name, and what the token may see"
    )


def test_what_a_merge_resolved_by_hand_is_its_own_and_the_rest_its_writers(git, local):
    base = git.commit({"A.md": "a", "B.md": "b"}, "base")
    git.git("checkout", "--quiet", "-b", "side")
    side = git.commit({"A.md": "side", "B.md": "side"}, "side")
    git.git("checkout", "--quiet", "main")
    git.commit({"A.md": "main"}, "main")
    git.git("merge", "--quiet", "--no-commit", "side", check=False)
    merge = git.commit({"A.md": "both"}, "merge")
    _, pages = read_wiki(local(git), base)
    assert {page["path"]: page["commit"]["sha"] for page in pages} == {"A.md": merge, "B.md": side}


def test_titles_are_names_of_files():
    paths = ["Home.md", "a/b/Release-Process.v2.md", "Ünïcode-Page.rst"]
    assert [to_title(path) for path in paths] == ["Home", "Release Process.v2", "Ünïcode Page"]


def test_a_wrong_token_is_an_auth_error_that_names_the_secret_and_not_its_value(git, serve):
    git.commit({"a": "1"})
    _, remote = serve(git)
    with pytest.raises(AuthError) as failure:
        replace(remote, token=SECRET).ls_remote()
    assert str(failure.value).startswith("github.commit_files: git ls-remote failed: ")
    assert str(failure.value).endswith(
        "; expected a valid credential; set A_SECRET to a token that is valid"
    )
    assert SECRET not in str(failure.value)
    assert SECRET not in repr(replace(remote, token=SECRET))


@pytest.mark.parametrize("status, error", [(403, AuthError), (404, NotFoundError)])
def test_refusals_are_not_tried_again(git, serve, status, error):
    git.commit({"a": "1"})
    sandbox, remote = serve(git)
    sandbox.faults.add(Fault(kind="status", path="info/refs", status=status, times=None))
    with pytest.raises(error):
        remote.ls_remote()
    assert len(sandbox.requests) <= 2  # Git asks without and then with the credential.


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_remote_that_fails_for_a_moment_is_asked_again(git, serve, status):
    head = git.commit({"a": "1"})
    sandbox, remote = serve(git)
    sandbox.faults.add(Fault(kind="status", path="info/refs", status=status, times=2))
    assert remote.ls_remote()["HEAD"] == head
    sandbox.faults.add(Fault(kind="status", path="info/refs", status=status, times=None))
    with pytest.raises(TransientError, match=f"returned error: {status}; expected an answer"):
        remote.ls_remote()


def test_a_remote_that_is_not_there_is_transient():
    remote = GitRemote(f"http://127.0.0.1:1/github/{REPO}.git", SECRET, "A_SECRET", retry=QUICK)
    with pytest.raises(TransientError, match="check the network, then run again"):
        remote.ls_remote()


def test_a_remote_that_does_not_answer_in_time_is_transient(git, serve):
    git.commit({"a": "1"})
    sandbox, remote = serve(git)
    sandbox.faults.add(Fault(kind="slow", path="info/refs", seconds=3, times=None))
    once = replace(remote, timeout=0.3, retry=replace(QUICK, attempts=1))
    with pytest.raises(TransientError, match="git ls-remote took longer than 0 s") as failure:
        once.ls_remote()
    assert failure.value.code == "timeout"


def test_a_machine_without_git_says_so(git, local, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentError) as failure:
        local(git).ls_remote()
    assert str(failure.value) == (
        "github.commit_files: there is no git; expected git 2.31 or newer; install git"
    )


def test_a_token_is_on_no_command_line_and_in_no_file_and_no_helper_is_asked(
    git, serve, tmp_path, monkeypatch
):
    """A git in front of the real one writes down how it is called."""
    head = git.commit({"a": "1"})
    _, remote = serve(git)
    real, log = shutil.which("git"), tmp_path / "calls"
    front = tmp_path / "bin" / "git"
    front.parent.mkdir()
    note = f'echo "$@" >> {log}; env >> {log}.env'  # Ours, and not the git that serves.
    front.write_text(
        f'#!/bin/sh\n[ "$GIT_NO_REPLACE_OBJECTS" ] && {{ {note}; }}\nexec {real} "$@"\n'
    )
    front.chmod(0o755)
    helper = tmp_path / "home" / ".gitconfig"
    helper.parent.mkdir()
    helper.write_text(f"[credential]\n\thelper = !touch {tmp_path}/asked;\n")
    monkeypatch.setenv("PATH", f"{front.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(helper.parent))
    monkeypatch.setenv("A_SECRET_OF_SOMEBODY_ELSE", "other")
    list(read_commit_files(remote, tmp_path / "cache", [head], []))
    with pytest.raises(AuthError):
        replace(remote, token=SECRET).ls_remote()
    assert log.read_text().count("fetch --quiet") == 1
    assert SANDBOX_TOKEN not in log.read_text()
    assert "A_SECRET_OF_SOMEBODY_ELSE" not in Path(f"{log}.env").read_text()
    assert not (tmp_path / "asked").exists()
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert (tmp_path / "cache" / "commits.git" / "config") in kept
    assert [p for p in kept if SANDBOX_TOKEN.encode() in p.read_bytes()] == []


class AnyHost(BaseHTTPRequestHandler):
    """A host that serves refs to everybody and notes who says who he is."""

    told: list[str | None]

    def do_GET(self) -> None:
        is_v2 = self.headers["Git-Protocol"] == "version=2"
        refs = (b"version 2\n", b"ls-refs\n") if is_v2 else (b"1" * 40 + b" HEAD\0\n",)
        lines = (b"# service=git-upload-pack\n", None, *refs, None)
        self.answer("advertisement", b"".join(map(to_packet, lines)))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer("result", to_packet(b"1" * 40 + b" HEAD\n") + to_packet(None))

    def answer(self, kind: str, body: bytes) -> None:
        self.told.append(self.headers["Authorization"])
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def to_packet(line: bytes | None) -> bytes:
    """A line as git frames it; None is the end of a part."""
    return b"0000" if line is None else b"%04x" % (len(line) + 4) + line


@pytest.fixture
def any_host() -> Iterator[ThreadingHTTPServer]:
    AnyHost.told = []
    with ThreadingHTTPServer(("127.0.0.1", 0), AnyHost) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_host_that_a_redirect_leads_to_is_not_given_the_token(git, serve, any_host):
    git.commit({"a": "1"})
    sandbox, remote = serve(git)
    there = f"http://localhost:{any_host.server_port}/moved.git/info/refs?service=git-upload-pack"
    sandbox.faults.add(
        Fault(kind="status", path="info/refs", status=302, headers={"location": there}, times=None)
    )
    assert remote.ls_remote() == {"HEAD": "1" * 40}
    assert AnyHost.told == [None, None, None]


def test_a_repository_that_was_renamed_is_followed(git, serve, tmp_path):
    head = git.commit({"a": "1"})
    sandbox, remote = serve(git)
    there = f"{remote.url}/info/refs?service=git-upload-pack"
    for old in ("old", "older"):
        sandbox.faults.add(
            Fault(
                kind="status",
                path=f"/{old}.git/info/refs",
                status=301,
                headers={"location": there},
                times=None,
            )
        )
    renamed = replace(remote, url=remote.url.replace("gauge", "old"))
    assert renamed.ls_remote()["HEAD"] == head
    renamed = replace(remote, url=remote.url.replace("gauge", "older"))
    told = read_commit_files(renamed, tmp_path / "cache", [head], [])
    assert [commit["sha"] for commit in told] == [head]


NAMES = st.sampled_from(["A.md", "B.md", "d/A.md", "d/C.rst", "x.txt"])
HISTORY = st.lists(
    st.dictionaries(NAMES, st.sampled_from(["1", "2", "3"]), min_size=1, max_size=4),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORY)
def test_histories_are_what_git_says_they_are(tmp_path_factory, local, history):
    folder = tmp_path_factory.mktemp("random")
    git = GitRepository(folder / "checkout")
    for files in history:
        git.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", "--", ".")
        git.commit(files)
    _, pages = read_wiki(local(git), None)
    assert {page["path"]: (page["sha"], page["body"]) for page in pages} == {
        path: (git.tree()[path][1], body)
        for path, body in history[-1].items()
        if not path.endswith(".txt")
    }
    state: dict[str, str] = {}
    commits = list(read_commit_files(local(git), folder / "cache", [git.sha("HEAD")], []))
    for commit in reversed(commits):
        for file in commit["files"]:
            gone = file["path"] if file["status"] == "D" else file["previous_path"]
            if gone:
                del state[gone]
        for file in commit["files"]:
            if file["status"] != "D":
                state[file["path"]] = file["sha"]
        assert state == {path: sha for path, (_, sha) in git.tree(commit["sha"]).items()}
    assert len(commits) == len(history)
