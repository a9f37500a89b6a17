"""Commits of a git checkout in the shape of GitHub's REST API."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

API_URL = "https://api.github.com/repos"
HTML_URL = "https://github.com"
FIELDS = ("%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B")
LOG_FORMAT = "%x00".join(FIELDS)


class GitCheckout:
    """The history of one checkout. A folder without git history has no commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: dict[tuple[str, str], list[bytes]] = {}

    def commits(self, repository: str, ref: str | None) -> list[bytes] | None:
        """Every commit reachable from a branch, tag or SHA (HEAD if none), newest first, as JSON.

        None if there is no such ref.
        """
        head = self._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}"
        )
        if head is None:
            return None
        key = (repository, head.strip())
        if key not in self._commits:
            log = self._git("log", "-z", f"--format={LOG_FORMAT}", key[1], "--") or ""
            values = log.split("\0")[:-1]
            records = zip(*[iter(values)] * len(FIELDS), strict=True)
            self._commits[key] = [
                msgspec.json.encode(to_commit(repository, *record)) for record in records
            ]
        return self._commits[key]

    def _git(self, *arguments: str) -> str | None:
        done = subprocess.run(  # noqa: S603 (arguments are ours; a ref cannot be an option)
            ["git", "-C", str(self.path), *arguments],  # noqa: S607 (git is wherever the user has it)
            capture_output=True,
            check=False,
        )
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def to_commit(
    repository: str,
    sha: str,
    tree: str,
    parents: str,
    author: str,
    author_email: str,
    authored_at: str,
    committer: str,
    committer_email: str,
    committed_at: str,
    message: str,
) -> dict[str, Any]:
    """One commit as `GET /repos/{owner}/{repo}/commits` lists it.

    Git knows names and addresses, not accounts, so `author` and `committer` are null, as on GitHub
    for addresses that belong to nobody.
    """
    api = f"{API_URL}/{repository}"
    html = f"{HTML_URL}/{repository}/commit"
    return {
        "sha": sha,
        "node_id": "C_"
        + base64.urlsafe_b64encode(f"{repository}:{sha}".encode()).decode().rstrip("="),
        "commit": {
            "author": {"name": author, "email": author_email, "date": to_utc(authored_at)},
            "committer": {
                "name": committer,
                "email": committer_email,
                "date": to_utc(committed_at),
            },
            "message": message.strip("\n"),
            "tree": {"sha": tree, "url": f"{api}/git/trees/{tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{api}/commits/{sha}",
        "html_url": f"{html}/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{html}/{parent}"}
            for parent in parents.split()
        ],
    }


def to_utc(timestamp: str) -> str:
    """GitHub's form of an ISO timestamp with any offset."""
    return datetime.fromisoformat(timestamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
