"""The sandbox serves branches, commits, trees and blobs of a repository as GitHub does."""

import base64

import pytest

from include.sandbox import Limits
from tests.include.sandbox.repositories import (
    API,
    HTML,
    PNG,
    REPO,
    SUBMODULE,
    commit,
    git,
    sha,
    workspace,
)

# Branches, tags, refs


def test_branches_are_listed_by_name_with_their_heads(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    heads = {name: sha(checkout, name) for name in ("feat/rise", "main")}
    assert client.get(f"{REPO}/branches").json() == [
        {"name": name, "commit": {"sha": head, "url": f"{API}/commits/{head}"}, "protected": False}
        for name, head in heads.items()
    ]
    page = client.get(f"{REPO}/branches?per_page=1")
    assert [row["name"] for row in page.json()] == ["feat/rise"]
    assert [row["name"] for row in client.get(page.links["next"]["url"]).json()] == ["main"]
    assert client.get(f"{REPO}/branches?protected=true").status_code == 422


@pytest.mark.parametrize("written", ["feat/rise", "feat%2Frise"])
def test_branch_with_a_slash_in_its_name_is_found(serve_judged, checkout, written):
    _, client = serve_judged(workspace(checkout))
    branch = client.get(f"{REPO}/branches/{written}").json()
    assert branch["name"] == "feat/rise"
    assert branch["commit"]["commit"]["message"] == "rise"
    assert branch["_links"] == {
        "self": f"{API}/branches/feat%2Frise",
        "html": f"{HTML}/tree/feat/rise",
    }
    assert client.get(f"{REPO}/commits?sha={written}").json()[0]["sha"] == sha(
        checkout, "feat/rise"
    )


def test_branch_that_is_not_there_is_404_also_where_its_name_is_a_folder_of_branches(
    serve_judged, checkout
):
    _, client = serve_judged(workspace(checkout))
    for name in ("none", "feat", "v0.1", "ma*"):
        response = client.get(f"{REPO}/branches/{name}")
        assert (response.status_code, response.json()["message"]) == (404, "Branch not found")


def test_tags_are_listed_from_the_last_name_and_name_commits(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    rows = client.get(f"{REPO}/tags").json()
    commits = {name: sha(checkout, f"{name}^{{commit}}") for name in ("v0.2", "v0.1")}
    assert commits["v0.2"] != sha(checkout, "v0.2")
    assert [{**row, "node_id": ""} for row in rows] == [
        {
            "name": name,
            "zipball_url": f"{API}/zipball/refs/tags/{name}",
            "tarball_url": f"{API}/tarball/refs/tags/{name}",
            "commit": {"sha": head, "url": f"{API}/commits/{head}"},
            "node_id": "",
        }
        for name, head in commits.items()
    ]
    assert len({row["node_id"] for row in rows}) == 2


def test_refs_are_found_by_their_whole_name_or_listed_by_its_beginning(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    head = sha(checkout, "feat/rise")
    found = client.get(f"{REPO}/git/ref/heads/feat/rise").json()
    assert {**found, "node_id": ""} == {
        "ref": "refs/heads/feat/rise",
        "node_id": "",
        "url": f"{API}/git/refs/heads/feat/rise",
        "object": {"sha": head, "type": "commit", "url": f"{API}/git/commits/{head}"},
    }
    annotated = client.get(f"{REPO}/git/ref/tags/v0.2").json()["object"]
    assert annotated == {
        "sha": sha(checkout, "v0.2"),
        "type": "tag",
        "url": f"{API}/git/tags/{sha(checkout, 'v0.2')}",
    }

    def matching(prefix: str) -> list[str]:
        return [row["ref"] for row in client.get(f"{REPO}/git/matching-refs/{prefix}").json()]

    assert matching("heads/fe") == ["refs/heads/feat/rise"]
    assert matching("tags") == ["refs/tags/v0.1", "refs/tags/v0.2"]
    assert matching("heads/none") == []
    assert client.get(f"{REPO}/git/ref/heads/feat").status_code == 404


# Commits and comparisons


def test_single_commit_has_its_files_and_their_lines(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    head = sha(checkout, "main")
    found = client.get(f"{REPO}/commits/main").json()
    assert found["stats"] == {"total": 4, "additions": 3, "deletions": 1}
    names = ("status", "filename", "previous_filename", "additions", "deletions", "patch")
    assert [tuple(file.get(name) for name in names) for file in found["files"]] == [
        ("modified", "a.txt", None, 1, 1, "@@ -1 +1 @@\n-one\n+two"),
        ("added", "gauge.png", None, 0, 0, None),
        ("added", "link", None, 1, 0, "@@ -0,0 +1 @@\n+a.txt\n\\ No newline at end of file"),
        ("renamed", "new/ü b.txt", "old/b.txt", 0, 0, None),
        ("modified", "run.sh", None, 0, 0, None),
        ("added", "vendor/sub", None, 1, 0, f"@@ -0,0 +1 @@\n+Subproject commit {SUBMODULE}"),
    ]
    path = "new/%C3%BC%20b.txt"
    assert found["files"][3] == {
        "sha": sha(checkout, "main:new/ü b.txt"),
        "filename": "new/ü b.txt",
        "status": "renamed",
        "additions": 0,
        "deletions": 0,
        "changes": 0,
        "blob_url": f"{HTML}/blob/{head}/{path}",
        "raw_url": f"{HTML}/raw/{head}/{path}",
        "contents_url": f"{API}/contents/{path}?ref={head}",
        "previous_filename": "old/b.txt",
    }
    listed = client.get(f"{REPO}/commits").json()[0]
    assert {**found, "stats": None, "files": None} == {**listed, "stats": None, "files": None}


def test_first_commit_adds_every_file_and_a_removed_one_keeps_the_sha_it_had(
    serve_judged, checkout
):
    _, client = serve_judged(workspace(checkout))
    first = client.get(f"{REPO}/commits/v0.1").json()
    assert [(file["status"], file["filename"]) for file in first["files"]] == [
        ("added", "a.txt"),
        ("added", "old/b.txt"),
        ("added", "run.sh"),
    ]
    removed = client.get(f"{REPO}/commits/feat/rise").json()["files"][0]
    assert (removed["status"], removed["sha"]) == ("removed", sha(checkout, "main:a.txt"))


def test_commit_that_is_not_there_is_422_and_of_an_empty_repository_409(serve_judged, tmp_path):
    git("init", "-q", "--bare", tmp_path / "bare.git")
    _, client = serve_judged(workspace(tmp_path / "bare.git"))
    for path in ("/commits", "/commits/main", "/git/trees/main", "/git/ref/heads/main", "/tarball"):
        response = client.get(f"{REPO}{path}")
        assert (response.status_code, path, response.json()["message"]) == (
            409,
            path,
            "Git Repository is empty.",
        )
    assert client.get(f"{REPO}/branches").json() == []
    assert client.get(f"{REPO}/tags").json() == []


def test_unknown_shas_and_options_in_the_place_of_refs_are_refused(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    for ref in ("0" * 40, "none", "--all", "no such"):
        refused = client.get(f"{REPO}/commits/{ref}")
        assert (refused.status_code, refused.json()["message"]) == (
            422,
            f"No commit found for SHA: {ref}",
        )
        assert client.get(f"{REPO}/git/trees/{ref}").status_code == 404
        assert client.get(f"{REPO}/git/commits/{ref}").status_code == 404
        assert client.get(f"{REPO}/tarball/{ref}").status_code == 404


def test_files_of_a_commit_come_in_pages_of_three_hundred(serve_judged, checkout):
    files: dict[str, bytes | str | None] = {f"many/{n:03d}.txt": f"{n}\n" for n in range(301)}
    commit(checkout, "many", 4, files)
    _, client = serve_judged(workspace(checkout))
    first = client.get(f"{REPO}/commits/main")
    second = client.get(first.links["next"]["url"])
    pages = [[file["filename"] for file in page.json()["files"]] for page in (first, second)]
    assert (len(pages[0]), pages[1]) == (300, ["many/300.txt"])
    assert first.json()["stats"] == second.json()["stats"]
    compared = client.get(f"{REPO}/compare/main~1...main").json()
    assert [file["filename"] for file in compared["files"]] == pages[0]


def test_comparison_lists_commits_and_files_from_the_common_ancestor(serve_judged, checkout):
    commit(checkout, "third", 4, {"only-main.txt": "x\n"})
    _, client = serve_judged(workspace(checkout))
    compared = client.get(f"{REPO}/compare/main...feat/rise").json()
    assert [row["commit"]["message"] for row in compared["commits"]] == ["rise"]
    assert compared["merge_base_commit"]["sha"] == sha(checkout, "main~1")
    names = ("status", "ahead_by", "behind_by", "total_commits")
    assert [compared[name] for name in names] == ["diverged", 1, 1, 1]
    assert [(file["status"], file["filename"]) for file in compared["files"]] == [
        ("removed", "a.txt"),
        ("added", "rise.txt"),
    ]
    assert client.get(f"{REPO}/compare/main...feat/rise?page=2").json()["files"] == []
    assert client.get(f"{REPO}/compare/main...none").status_code == 404


def test_git_commit_is_the_object_alone(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    head, parent = sha(checkout, "main"), sha(checkout, "main~1")
    found = client.get(f"{REPO}/git/commits/{head}").json()
    person = {"name": "Ines Calder", "email": "ines@tidewater.example"}
    assert {**found, "node_id": "", "verification": {}} == {
        "sha": head,
        "node_id": "",
        "url": f"{API}/git/commits/{head}",
        "html_url": f"{HTML}/commit/{head}",
        "author": {**person, "date": "2026-02-02T08:00:00Z"},
        "committer": {**person, "date": "2026-02-02T08:00:00Z"},
        "tree": {
            "sha": sha(checkout, "main^{tree}"),
            "url": f"{API}/git/trees/{sha(checkout, 'main^{tree}')}",
        },
        "message": "second",
        "parents": [
            {
                "sha": parent,
                "url": f"{API}/git/commits/{parent}",
                "html_url": f"{HTML}/commit/{parent}",
            }
        ],
        "verification": {},
    }
    assert client.get(f"{REPO}/git/commits/{sha(checkout, 'v0.2')}").status_code == 404


# Trees and blobs


def test_recursive_tree_has_every_mode_and_is_found_by_branch_commit_and_tree(
    serve_judged, checkout
):
    _, client = serve_judged(workspace(checkout))
    head, root = sha(checkout, "main"), sha(checkout, "main^{tree}")
    by_branch = client.get(f"{REPO}/git/trees/main?recursive=0").json()
    names = ("mode", "type", "path", "size")
    assert [tuple(entry.get(name) for name in names) for entry in by_branch["tree"]] == [
        ("100644", "blob", "a.txt", 4),
        ("100644", "blob", "gauge.png", len(PNG)),
        ("120000", "blob", "link", 5),
        ("040000", "tree", "new", None),
        ("100644", "blob", "new/ü b.txt", 150),
        ("100755", "blob", "run.sh", 10),
        ("040000", "tree", "vendor", None),
        ("160000", "commit", "vendor/sub", None),
    ]
    assert by_branch["tree"][0] == {
        "path": "a.txt",
        "mode": "100644",
        "type": "blob",
        "sha": sha(checkout, "main:a.txt"),
        "size": 4,
        "url": f"{API}/git/blobs/{sha(checkout, 'main:a.txt')}",
    }
    assert by_branch["tree"][-1] == {
        "path": "vendor/sub",
        "mode": "160000",
        "type": "commit",
        "sha": SUBMODULE,
    }
    assert (by_branch["sha"], by_branch["truncated"]) == (head, False)
    assert client.get(f"{REPO}/git/trees/{head}?recursive=1").json() == by_branch
    by_tree = client.get(f"{REPO}/git/trees/{root}?recursive=1").json()
    assert (by_tree["sha"], by_tree["tree"]) == (root, by_branch["tree"])
    flat = client.get(f"{REPO}/git/trees/feat%2Frise").json()["tree"]
    assert [entry["path"] for entry in flat] == [
        "gauge.png",
        "link",
        "new",
        "rise.txt",
        "run.sh",
        "vendor",
    ]


def test_tree_with_too_many_entries_is_truncated(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout), Limits(github_tree_entries=7))
    cut = client.get(f"{REPO}/git/trees/main?recursive=1").json()
    assert (len(cut["tree"]), cut["truncated"]) == (7, True)
    whole = client.get(f"{REPO}/git/trees/main").json()
    assert (len(whole["tree"]), whole["truncated"]) == (6, False)


def test_blob_is_base64_in_lines_of_sixty_characters(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    text, image = (sha(checkout, f"main:{name}") for name in ("new/ü b.txt", "gauge.png"))
    blob = client.get(f"{REPO}/git/blobs/{text}").json()
    content = (checkout / "new" / "ü b.txt").read_bytes()
    assert {len(line) for line in blob["content"].splitlines()[:-1]} == {60}
    assert blob["content"].endswith("\n")
    assert base64.b64decode(blob["content"]) == content
    assert {**blob, "content": "", "node_id": ""} == {
        "sha": text,
        "node_id": "",
        "size": len(content),
        "url": f"{API}/git/blobs/{text}",
        "content": "",
        "encoding": "base64",
    }
    found = client.get(f"{REPO}/git/blobs/{image}").json()
    assert base64.b64decode(found["content"]) == PNG


def test_blob_that_is_not_there_malformed_or_too_large_is_refused(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout), Limits(github_blob_bytes=149))
    assert client.get(f"{REPO}/git/blobs/{'0' * 40}").status_code == 404
    assert client.get(f"{REPO}/git/blobs/{sha(checkout, 'main')}").status_code == 404
    assert client.get(f"{REPO}/git/blobs/main").status_code == 422
    large = client.get(f"{REPO}/git/blobs/{sha(checkout, 'main:new/ü b.txt')}")
    assert large.status_code == 403
    assert large.json()["errors"] == [{"resource": "Blob", "field": "data", "code": "too_large"}]
    assert client.get(f"{REPO}/git/blobs/{sha(checkout, 'main:a.txt')}").status_code == 200


def test_unchanged_tree_is_304(serve_judged, checkout):
    _, client = serve_judged(workspace(checkout))
    first = client.get(f"{REPO}/git/trees/main")
    condition = {"If-None-Match": first.headers["etag"]}
    second = client.get(f"{REPO}/git/trees/main", headers=condition)
    left = "x-ratelimit-remaining"
    assert (second.status_code, second.headers[left]) == (304, first.headers[left])
