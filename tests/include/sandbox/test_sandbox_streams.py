"""The sandbox serves recorded commits, streams of `git fast-import` and the demo's code."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from include.sandbox import Workspace
from include.sandbox.git import GitCheckout
from tests.include.sandbox.repositories import API, HTML, REPO, address, git, sha, workspace

# Repositories without git, and streams


def recorded(name: str, day: int, *parents: str) -> dict[str, Any]:
    """A recorded commit."""
    identity = {"name": "Ines", "email": "ines@tidewater.example"}
    made = {**identity, "date": f"2026-01-{day:02d}T00:00:00Z"}
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    verification = {"verified": False, "reason": "unsigned", "signature": None, "payload": None}
    return {
        "sha": digest,
        "node_id": f"C_{name}",
        "url": f"{API}/commits/{digest}",
        "html_url": f"{HTML}/commit/{digest}",
        "comments_url": f"{API}/commits/{digest}/comments",
        "commit": {
            "author": made,
            "committer": made,
            "message": name,
            "tree": {"sha": digest, "url": f"{API}/git/trees/{digest}"},
            "url": f"{API}/git/commits/{digest}",
            "comment_count": 0,
            "verification": {**verification, "verified_at": None},
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{API}/commits/{parent}", "html_url": f"{HTML}/commit/{parent}"}
            for parent in parents
        ],
    }


def test_recorded_commits_have_a_default_branch_and_trees_of_which_nothing_is_known(serve_judged):
    first = recorded("first", 1)
    second = recorded("second", 2, first["sha"])
    _, client = serve_judged(workspace(commits=[first, second]))
    assert [row["name"] for row in client.get(f"{REPO}/branches").json()] == ["main"]
    assert client.get(f"{REPO}/branches/main").json()["commit"] == second
    found = client.get(f"{REPO}/git/ref/heads/main").json()
    assert (found["ref"], found["object"]["sha"]) == ("refs/heads/main", second["sha"])
    assert client.get(f"{REPO}/commits/main").json() == second
    assert client.get(f"{REPO}/commits/{first['sha']}").json() == first
    assert client.get(f"{REPO}/compare/{first['sha']}...main").json()["commits"] == [second]
    assert client.get(f"{REPO}/git/commits/{first['sha']}").json()["message"] == "first"
    assert client.get(f"{REPO}/tags").json() == []
    tree = client.get(f"{REPO}/git/trees/{second['commit']['tree']['sha']}").json()
    assert (tree["tree"], tree["truncated"]) == ([], False)
    for path in (f"/git/trees/{'0' * 40}", f"/git/blobs/{second['sha']}", "/tarball/main"):
        assert client.get(f"{REPO}{path}").status_code == 404


def test_commit_of_git_that_is_recorded_too_is_served_as_recorded(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    newest, oldest = client.get(f"{REPO}/commits").json()
    known = {**oldest, "author": None, "comments_url": f"{API}/known"}
    both = workspace(checkout, commits=[known])
    _, client = serve_judged(both)
    assert client.get(f"{REPO}/commits").json() == [newest, known]
    assert client.get(f"{REPO}/commits/v0.1").json()["comments_url"] == f"{API}/known"


def test_stream_is_a_repository_with_the_same_shas_wherever_it_is_built(
    serve_judged, checkout, tmp_path
):
    stream = tmp_path / "code.fast-import"
    subprocess.run(
        ["git", "-C", checkout, "fast-export", "--all", "--signed-tags=strip"],
        stdout=stream.open("wb"),
        check=True,
    )
    sandbox, client = serve_judged(workspace(stream))
    head = sha(checkout, "main")
    assert client.get(f"{REPO}/branches/main").json()["commit"]["sha"] == head
    assert git("ls-remote", address(sandbox)) == git("ls-remote", checkout)


def test_temporary_repository_of_a_stream_goes_with_its_owner(tmp_path):
    stream = tmp_path / "code.fast-import"
    stream.write_text("reset refs/heads/main\n", encoding="utf-8")
    repository = GitCheckout.at(stream)
    folder = repository.path
    assert (folder / "HEAD").exists()
    del repository
    assert not folder.exists()


def test_broken_stream_says_what_to_do(tmp_path):
    stream = tmp_path / "code.fast-import"
    stream.write_text("commit nonsense\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected a stream for `git fast-import`; do write"):
        GitCheckout.at(stream).resolve("main")


def test_folder_without_git_history_is_an_empty_repository(serve_judged, tmp_path, monkeypatch):
    monkeypatch.setattr("include.sandbox.workspace.CHECKOUT_PATH", tmp_path)
    sandbox, client = serve_judged(workspace(tmp_path))
    assert client.get(f"{REPO}/commits").status_code == 409
    assert client.get(f"{REPO}/branches").json() == []
    assert git("ls-remote", address(sandbox)) == ""


def test_checkout_that_has_another_branch_out_serves_its_head_as_the_default_branch(
    serve_judged, checkout, monkeypatch
):
    git("-C", checkout, "checkout", "-q", "--detach", "feat/rise")
    monkeypatch.setattr("include.sandbox.workspace.CHECKOUT_PATH", checkout)
    sandbox, client = serve_judged(workspace(checkout))
    head = sha(checkout, "feat/rise")
    branches = client.get(f"{REPO}/branches").json()
    assert [(row["name"], row["commit"]["sha"]) for row in branches] == [("main", head)]
    assert f"{head}\trefs/heads/main\n" in git("ls-remote", address(sandbox))


# The demo


def test_demo_code_tells_the_story_of_the_recorded_commits():
    gauge = Workspace.demo().github("tidewater-labs/gauge")
    assert gauge.git is not None
    head = gauge.git.resolve("main")
    assert head is not None
    recorded_shas = [msgspec.json.decode(raw)["sha"] for raw in gauge.commits.raw()]
    log = gauge.git.log(head)
    assert [one.sha for one in log] == recorded_shas
    for one, row in zip(log, gauge.commits, strict=True):
        assert one.message.strip() == row["commit"]["message"]
        assert one.tree == row["commit"]["tree"]["sha"]
        assert list(one.parents) == [parent["sha"] for parent in row["parents"]]


def test_demo_branches_are_main_and_the_heads_of_open_pull_requests():
    gauge = Workspace.demo().github("tidewater-labs/gauge")
    assert gauge.git is not None
    heads = {
        pull["head"]["ref"]: pull["head"]["sha"]
        for pull in gauge.pull_requests
        if pull["state"] == "open"
    }
    branches = {ref.name.removeprefix("refs/heads/"): ref.sha for ref in gauge.git.branches()}
    assert branches.pop("main") == gauge.git.resolve(None)
    assert branches == heads
    for pull in gauge.pull_requests:
        assert gauge.git.resolve(pull["base"]["sha"]) == pull["base"]["sha"]


def test_demo_code_has_every_kind_of_file_and_of_change():
    gauge = Workspace.demo().github("tidewater-labs/gauge")
    assert gauge.git is not None
    head = gauge.git.resolve("main")
    assert head is not None
    entries = gauge.git.tree(head, recursive=True)
    assert {entry.mode for entry in entries} == {"100644", "100755", "120000", "160000", "040000"}
    suffixes = {Path(entry.path).suffix for entry in entries}
    assert {".go", ".py", ".md", ".png", ".js", ".sql", ".svelte"} <= suffixes
    changes = [
        change.status
        for one in gauge.git.log(head)
        for change in gauge.git.diff(one.parents[0] if one.parents else None, one.sha)
    ]
    assert set(changes) == {"A", "M", "D", "R"}
    assert [tag.name for tag in gauge.git.tags()] == [
        "refs/tags/v0.6.2",
        "refs/tags/v0.8.0",
        "refs/tags/v0.9.0-rc.1",
    ]


def test_demo_wiki_has_three_pages_and_four_commits():
    gauge = Workspace.demo().github("tidewater-labs/gauge")
    assert gauge.wiki is not None
    head = gauge.wiki.resolve("master")
    assert head is not None
    pages = [entry.path for entry in gauge.wiki.tree(head, recursive=True) if entry.kind == "blob"]
    assert pages == ["Home.md", "Operations/Field-visits.md", "Releasing.md"]
    assert len(gauge.wiki.log(head)) == 4


def test_git_clones_the_demo_and_its_wiki(serve_judged, tmp_path):
    sandbox, _ = serve_judged(Workspace.demo())
    for name, pages in (("gauge", "README.md"), ("gauge.wiki", "Home.md")):
        clone = tmp_path / name
        git("clone", "-q", address(sandbox, f"tidewater-labs/{name}.git"), clone)
        assert (clone / pages).exists()
