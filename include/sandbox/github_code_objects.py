"""What git knows, in the shapes of GitHub's REST API."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from include.sandbox.git import Change, Commit, Entry, Ref

API_URL: Final = "https://api.github.com/repos"
HTML_URL: Final = "https://github.com"
STATUSES: Final = {
    "A": "added",
    "M": "modified",
    "D": "removed",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}
TREE_URLS: Final = {"blob": "git/blobs", "tree": "git/trees"}
UNSIGNED: Final = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def to_commit(repository: str, commit: Commit) -> dict[str, Any]:
    """One commit as `GET /repos/{owner}/{repo}/commits` lists it.

    Git knows names and addresses, not accounts, so `author` and `committer` are null, as on GitHub
    for addresses that belong to nobody.
    """
    api = f"{API_URL}/{repository}"
    html = f"{HTML_URL}/{repository}/commit"
    sha = commit.sha
    return {
        "sha": sha,
        "node_id": to_node_id("C", repository, sha),
        "commit": {
            "author": {
                "name": commit.author,
                "email": commit.author_email,
                "date": to_utc(commit.authored_at),
            },
            "committer": {
                "name": commit.committer,
                "email": commit.committer_email,
                "date": to_utc(commit.committed_at),
            },
            "message": commit.message.strip("\n"),
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        "url": f"{api}/commits/{sha}",
        "html_url": f"{html}/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{html}/{parent}"}
            for parent in commit.parents
        ],
    }


def to_git_commit(repository: str, commit: dict[str, Any]) -> dict[str, Any]:
    """A listed commit as `/git/commits/{sha}` shows it: the git object alone."""
    inner = commit["commit"]
    return {
        "sha": commit["sha"],
        "node_id": commit["node_id"],
        "url": inner["url"],
        "html_url": commit["html_url"],
        "author": inner["author"],
        "committer": inner["committer"],
        "tree": inner["tree"],
        "message": inner["message"],
        "parents": [
            {**parent, "url": f"{API_URL}/{repository}/git/commits/{parent['sha']}"}
            for parent in commit["parents"]
        ],
        "verification": inner.get("verification", UNSIGNED),
    }


def to_file(repository: str, sha: str, change: Change) -> dict[str, Any]:
    """One changed file of a commit or comparison; `sha` is the commit's."""
    path = quote(change.path)
    html = f"{HTML_URL}/{repository}"
    entry: dict[str, Any] = {
        "sha": change.sha,
        "filename": change.path,
        "status": STATUSES[change.status],
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{html}/blob/{sha}/{path}",
        "raw_url": f"{html}/raw/{sha}/{path}",
        "contents_url": f"{API_URL}/{repository}/contents/{path}?ref={sha}",
    }
    if change.patch is not None:
        entry["patch"] = change.patch
    if change.previous_path is not None:
        entry["previous_filename"] = change.previous_path
    return entry


def to_stats(changes: Iterable[Change]) -> dict[str, int]:
    """Lines added and deleted by a commit."""
    pairs = [(change.additions, change.deletions) for change in changes]
    additions, deletions = sum(a for a, _ in pairs), sum(d for _, d in pairs)
    return {"total": additions + deletions, "additions": additions, "deletions": deletions}


def to_branch(repository: str, name: str, sha: str) -> dict[str, Any]:
    """A branch as `/branches` lists it."""
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{API_URL}/{repository}/commits/{sha}"},
        "protected": False,
    }


def to_full_branch(repository: str, name: str, commit: dict[str, Any]) -> dict[str, Any]:
    """A branch as `/branches/{branch}` shows it."""
    url = f"{API_URL}/{repository}/branches/{quote(name, safe='')}"
    return {
        "name": name,
        "commit": commit,
        "_links": {"self": url, "html": f"{HTML_URL}/{repository}/tree/{quote(name)}"},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {
                "enforcement_level": "off",
                "contexts": [],
                "checks": [],
            },
        },
        "protection_url": f"{url}/protection",
    }


def to_tag(repository: str, tag: Ref) -> dict[str, Any]:
    """A tag as `/tags` lists it: by its commit, also where it is annotated."""
    api = f"{API_URL}/{repository}"
    name = tag.name.removeprefix("refs/tags/")
    return {
        "name": name,
        "zipball_url": f"{api}/zipball/{quote(tag.name)}",
        "tarball_url": f"{api}/tarball/{quote(tag.name)}",
        "commit": {"sha": tag.commit, "url": f"{api}/commits/{tag.commit}"},
        "node_id": to_node_id("REF", repository, tag.name),
    }


def to_ref(repository: str, ref: Ref) -> dict[str, Any]:
    """A ref as `/git/ref/{ref}` shows it."""
    api = f"{API_URL}/{repository}/git"
    return {
        "ref": ref.name,
        "node_id": to_node_id("REF", repository, ref.name),
        "url": f"{api}/{quote(ref.name)}",
        "object": {"sha": ref.sha, "type": ref.kind, "url": f"{api}/{ref.kind}s/{ref.sha}"},
    }


def to_tree(
    repository: str, sha: str, entries: list[Entry], maximum: int | None = None
) -> dict[str, Any]:
    """A tree; its first entries only where it has more than the maximum."""
    return {
        "sha": sha,
        "url": f"{API_URL}/{repository}/git/trees/{sha}",
        "tree": [to_tree_entry(repository, entry) for entry in entries[:maximum]],
        "truncated": maximum is not None and len(entries) > maximum,
    }


def to_tree_entry(repository: str, entry: Entry) -> dict[str, Any]:
    """One entry of a tree; a submodule has no address, only a blob has a size."""
    row: dict[str, Any] = {
        "path": entry.path,
        "mode": entry.mode,
        "type": entry.kind,
        "sha": entry.sha,
    }
    if entry.size is not None:
        row["size"] = entry.size
    if entry.kind in TREE_URLS:
        row["url"] = f"{API_URL}/{repository}/{TREE_URLS[entry.kind]}/{entry.sha}"
    return row


def to_blob(repository: str, sha: str, content: bytes) -> dict[str, Any]:
    """A blob: base64 in lines of 60 characters, as GitHub breaks them."""
    text = base64.b64encode(content).decode()
    return {
        "sha": sha,
        "node_id": to_node_id("B", repository, sha),
        "size": len(content),
        "url": f"{API_URL}/{repository}/git/blobs/{sha}",
        "content": "".join(f"{text[at : at + 60]}\n" for at in range(0, len(text), 60)),
        "encoding": "base64",
    }


def to_node_id(prefix: str, repository: str, name: str) -> str:
    """A global id of an object that git knows by SHA or name."""
    return f"{prefix}_" + base64.urlsafe_b64encode(f"{repository}:{name}".encode()).decode().rstrip(
        "="
    )


def to_utc(timestamp: str) -> str:
    """GitHub's form of an ISO timestamp with any offset."""
    return datetime.fromisoformat(timestamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
