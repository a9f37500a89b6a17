"""The sandbox serves archives, pushes at once, and git's own protocol to the real git."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import httpx
import pytest

from include.sandbox import Fault, Limits
from tests.include.sandbox.repositories import REPO, address, commit, git, sha, workspace

# Archives


def blobs_of(archive: bytes) -> dict[str, tuple[str, str]]:
    """Mode and blob SHA by path of a gzipped tar, as `git ls-tree` would have them."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if member.isdir():
                continue
            file = tar.extractfile(member) if member.isfile() else None
            content = file.read() if file else member.linkname.encode()
            mode = "120000" if member.issym() else "100755" if member.mode & 0o100 else "100644"
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            found[path] = (mode, digest.hexdigest())
    return found


def blobs_in(folder: Path, ref: str) -> dict[str, tuple[str, str]]:
    """Mode and blob SHA by path as `git ls-tree` has them."""
    lines = git("-C", folder, "ls-tree", "-r", "-z", ref).split("\0")[:-1]
    entries = [line.partition("\t") for line in lines]
    return {
        path: (meta.split()[0], meta.split()[2])
        for meta, _, path in entries
        if meta.split()[1] == "blob"
    }


@pytest.mark.parametrize(
    ("path", "ref"), [("", "main"), ("/main", "main"), ("/feat/rise", "feat/rise")]
)
def test_archive_holds_what_the_tree_holds_and_costs_one_request(serve_judged, checkout, path, ref):
    sandbox, client = serve_judged(workspace(checkout))
    before = client.get("/rate_limit").json()["resources"]["core"]["remaining"]
    redirect = client.get(f"{REPO}/tarball{path}")
    link = redirect.headers["location"]
    assert redirect.status_code == 302
    assert link.startswith(f"{sandbox.url}/github/_codeload/tide/gauge/legacy.tar.gz/{ref}?token=")
    archive = httpx.get(link)
    folder = f"tide-gauge-{sha(checkout, ref)[:7]}"
    assert archive.headers["content-disposition"] == f"attachment; filename={folder}.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {folder}
    assert blobs_of(archive.content) == blobs_in(checkout, ref)
    after = client.get("/rate_limit").json()["resources"]["core"]["remaining"]
    assert after == before - 1


def test_link_to_an_archive_is_for_one_ref_and_ends(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    link = client.get(f"{REPO}/tarball/main").headers["location"]
    assert httpx.get(link).status_code == 200
    assert httpx.get(link.replace("/main?", "/v0.1?")).status_code == 404
    assert httpx.get(link.partition("?")[0]).status_code == 404
    _, late = serve_judged(workspace(checkout), Limits(github_link_seconds=0))
    assert httpx.get(late.get(f"{REPO}/tarball").headers["location"]).status_code == 404


def test_archive_is_streamed_and_not_kept(serve_judged, checkout):
    commit(checkout, "large", 4, {"large.bin": os.urandom(3_000_000)})
    sandbox, client = serve_judged(workspace(checkout))
    link = client.get(f"{REPO}/tarball").headers["location"]
    with httpx.stream("GET", link) as response:
        assert "content-length" not in response.headers
        sizes = [len(chunk) for chunk in response.iter_raw()]
    assert sum(sizes) > 3_000_000
    assert max(sizes) < 1_000_000
    logged = sandbox.requests[-1]
    assert (logged.method, logged.path, logged.status, logged.body) == (
        "GET",
        "/_codeload/tide/gauge/legacy.tar.gz/main",
        200,
        b"",
    )


def test_client_that_leaves_an_archive_half_read_disturbs_nobody(serve_judged, checkout):
    commit(checkout, "large", 4, {"large.bin": os.urandom(20_000_000)})
    sandbox, client = serve_judged(workspace(checkout))
    link = client.get(f"{REPO}/tarball").headers["location"]
    with httpx.stream("GET", link) as response:
        next(response.iter_raw())
    assert client.get(f"{REPO}/branches/main").status_code == 200
    assert sandbox.violations == []


def test_faults_hit_redirects_archives_and_fetches(serve_judged, checkout, tmp_path):
    sandbox, client = serve_judged(workspace(checkout))
    sandbox.faults.add(Fault(kind="status", path="/tarball", status=502))
    assert client.get(f"{REPO}/tarball").status_code == 502
    link = client.get(f"{REPO}/tarball").headers["location"]
    sandbox.faults.add(Fault(kind="dropped", path="_codeload"))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(link)
    sandbox.faults.add(Fault(kind="truncated", path="_codeload"))
    with pytest.raises(EOFError):
        blobs_of(httpx.get(link).content)
    assert blobs_of(httpx.get(link).content) == blobs_in(checkout, "main")
    sandbox.faults.add(Fault(kind="status", path="git-upload-pack$", status=503))
    clone = ("clone", "-q", address(sandbox), tmp_path / "clone")
    assert "503" in git(*clone, check=False)
    git(*clone)
    assert [exchange.fault for exchange in sandbox.requests if exchange.fault] == [
        "status",
        "dropped",
        "truncated",
        "status",
    ]


# Pushes


def test_pushes_and_forced_pushes_show_at_once_everywhere(serve_judged, checkout, tmp_path):
    bare = tmp_path / "bare.git"
    git("clone", "-q", "--bare", checkout, bare)
    sandbox, client = serve_judged(workspace(bare))

    def heads() -> list[str]:
        link = client.get(f"{REPO}/tarball").headers["location"]
        disposition = httpx.get(link).headers["content-disposition"]
        return [
            client.get(f"{REPO}/branches/main").json()["commit"]["sha"],
            client.get(f"{REPO}/git/ref/heads/main").json()["object"]["sha"],
            client.get(f"{REPO}/commits").json()[0]["sha"],
            client.get(f"{REPO}/git/trees/main").json()["sha"],
            git("ls-remote", address(sandbox), "refs/heads/main").split()[0],
            disposition.partition("gauge-")[2].partition(".")[0],
        ]

    def everywhere(head: str) -> list[str]:
        return [*[head] * 5, head[:7]]

    assert heads() == everywhere(sha(checkout, "main"))
    pushed = "f" * 40
    assert client.get(f"{REPO}/commits/{pushed}").status_code == 422
    pushed = commit(checkout, "third", 4, {"c.txt": "c\n"})
    assert client.get(f"{REPO}/commits/{pushed}").status_code == 422
    git("-C", checkout, "push", "-q", bare, "main")
    assert heads() == everywhere(pushed)
    assert client.get(f"{REPO}/commits/{pushed}").status_code == 200
    git("-C", checkout, "reset", "-q", "--hard", "main~2")
    forced = commit(checkout, "instead", 5, {"d.txt": "d\n"})
    git("-C", checkout, "push", "-q", "--force", bare, "main")
    assert heads() == everywhere(forced)
    compared = client.get(f"{REPO}/compare/{pushed}...main").json()
    assert (compared["status"], compared["behind_by"]) == ("diverged", 2)
    git("-C", checkout, "push", "-q", bare, ":feat/rise")
    assert [row["name"] for row in client.get(f"{REPO}/branches").json()] == ["main"]


# Git's own protocol


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_git_lists_and_clones_in_every_version_of_its_protocol(
    serve_judged, checkout, tmp_path, version
):
    sandbox, _ = serve_judged(workspace(checkout))
    protocol = ("-c", f"protocol.version={version}")
    listed = git(*protocol, "ls-remote", address(sandbox))
    assert listed == git("ls-remote", checkout)
    git(*protocol, "clone", "-q", "--mirror", address(sandbox), tmp_path / "clone")
    assert git("-C", tmp_path / "clone", "for-each-ref") == git("-C", checkout, "for-each-ref")
    assert git("-C", tmp_path / "clone", "fsck", "--strict") == ""


def test_git_clones_without_blobs_and_fetches_them_when_asked(serve_judged, checkout, tmp_path):
    sandbox, _ = serve_judged(workspace(checkout))
    clone = tmp_path / "partial.git"
    git("clone", "-q", "--bare", "--filter=blob:none", address(sandbox), clone)
    objects = git("-C", clone, "rev-list", "--objects", "--all", "--missing=print").splitlines()
    missing = {line[1:] for line in objects if line.startswith("?")}
    assert sha(checkout, "main:a.txt") in missing
    assert git("-C", clone, "cat-file", "blob", sha(checkout, "main:a.txt")) == "two\n"
    unreachable = git("-C", checkout, "hash-object", "-w", checkout / "run.sh").strip()
    git("-C", clone, "fetch", "-q", address(sandbox), sha(checkout, "v0.1"), unreachable)


def test_git_fetches_what_was_pushed_since(serve_judged, checkout, tmp_path):
    sandbox, _ = serve_judged(workspace(checkout))
    clone = tmp_path / "clone.git"
    git("clone", "-q", "--mirror", address(sandbox), clone)
    for day in range(4, 24):
        pushed = commit(checkout, f"day {day}", day, {"day.txt": f"{day}\n"})
    git("-C", clone, "fetch", "-q")
    assert sha(clone, "main") == pushed


def test_compressed_request_bodies_are_accepted_and_broken_ones_refused(serve_judged, checkout):
    sandbox, _ = serve_judged(workspace(checkout))
    url = f"{sandbox.url}/github/tide/gauge.git/git-upload-pack"
    headers = {
        "Authorization": "Bearer sandbox-token",
        "Content-Type": "application/x-git-upload-pack-request",
        "Git-Protocol": "version=2",
    }
    request = b"0014command=ls-refs\n00010000"
    plain = httpx.post(url, content=request, headers=headers)
    packed = {**headers, "Content-Encoding": "gzip"}
    assert sha(checkout, "main").encode() in plain.content
    assert httpx.post(url, content=gzip.compress(request), headers=packed).content == plain.content
    assert httpx.post(url, content=b"no gzip", headers=packed).status_code == 400


def test_git_needs_a_known_token_as_password_or_bearer(serve_judged, checkout):
    private = workspace(checkout)
    private.github("tide/gauge").required_token = "other"
    sandbox, _ = serve_judged(private)
    url = f"{sandbox.url}/github/tide/gauge.git/info/refs?service=git-upload-pack"
    refused = httpx.get(url)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Basic realm="GitHub"'
    assert httpx.get(url, auth=("x-access-token", "wrong")).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Basic %%%"}).status_code == 401
    assert httpx.get(url, auth=("x-access-token", "sandbox-token")).status_code == 404
    assert httpx.get(url, auth=("anyone", "other")).status_code == 200
    assert httpx.get(url, headers={"Authorization": "Bearer other"}).status_code == 200


def test_git_is_served_to_read_only_and_by_the_smart_protocol_only(serve_judged, checkout):
    sandbox, _ = serve_judged(workspace(checkout))
    pushed = git("-C", checkout, "push", address(sandbox), "main:refs/heads/other", check=False)
    assert pushed.startswith("128 ")
    assert "Write access to repository not granted." in pushed
    url, auth = f"{sandbox.url}/github/tide/gauge.git", ("x-access-token", "sandbox-token")
    assert httpx.get(f"{url}/info/refs", auth=auth).status_code == 403
    assert httpx.post(f"{url}/git-receive-pack", auth=auth).status_code == 403
    assert httpx.get(f"{url}/HEAD", auth=auth).status_code == 404


def test_wiki_is_a_repository_of_its_own(serve_judged, checkout, tmp_path):
    wiki = tmp_path / "wiki"
    git("init", "-q", "-b", "master", wiki)
    head = commit(wiki, "Home", 1, {"Home.md": "# Home\n"})
    sandbox, _ = serve_judged(workspace(checkout, wiki))
    assert git("ls-remote", address(sandbox, "tide/gauge.wiki.git")) == (
        f"{head}\tHEAD\n{head}\trefs/heads/master\n"
    )
    without, _ = serve_judged(workspace(checkout))
    refused = git("ls-remote", address(without, "tide/gauge.wiki.git"), check=False)
    assert "Repository not found." in refused
    assert "Repository not found." in git(
        "ls-remote", address(without, "tide/none.git"), check=False
    )
