"""What happens in a GitHub repository day by day: edits, comments, reviews and pushes.

Each does what GitHub does beside it: times of change, counts, and the event in an issue's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.sandbox.collection import Collection, Json
from include.sandbox.git import GitCheckout
from include.sandbox.github_listings import number_in

EVENTS = {"closed": "closed", "open": "reopened"}


class GitHubLife:
    """Changes as GitHub makes them; a mixin of the repository's store."""

    issues: Collection
    pull_requests: Collection
    issue_comments: Collection
    issue_events: Collection
    repository: Json
    git: GitCheckout | None

    def change_issue(self, number: int, **changed: Any) -> Json:
        """Change fields of an issue or a pull request, which both listings have; returns the last.

        Raises:
            KeyError: there is neither.
        """
        moment = now()
        row: Json | None = None
        for collection in (self.issues, self.pull_requests):
            found = collection.find(number=number)
            if found is None:
                continue
            row = found | changed | {"updated_at": moment}
            if "state" in changed:
                row["closed_at"] = moment if changed["state"] == "closed" else None
            collection.upsert(row)
            if collection is self.issues and changed.get("state") not in (None, found["state"]):
                self._happened(EVENTS[changed["state"]], row)
        if row is None:
            raise KeyError(f"sandbox: {self.repository['full_name']} has no issue {number}")
        return row

    def add_comment(self, comment: Json) -> None:
        """Add a comment to its issue or pull request, which is changed by that.

        Raises:
            KeyError: there is neither.
        """
        number = number_in(comment["issue_url"]) or 0
        issue = self.issues.find(number=number)
        self.change_issue(number, comments=(issue or {}).get("comments", 0) + 1)
        self.issue_comments.upsert(comment)

    def change_comment(self, comment_id: int, **changed: Any) -> Json:
        """Edit a comment; its issue is changed by that.

        Raises:
            KeyError: there is no such comment.
        """
        comment = self.issue_comments.get(comment_id)
        if comment is None:
            raise KeyError(f"sandbox: {self.repository['full_name']} has no comment {comment_id}")
        comment |= {**changed, "updated_at": now()}
        self.change_issue(number_in(comment["issue_url"]) or 0)
        self.issue_comments.upsert(comment)
        return comment

    def push(self, files: Mapping[str, bytes | None], message: str) -> str:
        """Commit files to the default branch, None removing one; returns the commit's SHA.

        Raises:
            ValueError: the repository has no code, or git refuses.
        """
        if self.git is None:
            raise ValueError(f"sandbox: {self.repository['full_name']} has no code")
        sha = self.git.push(str(self.repository["default_branch"]), files, message)
        self.repository = self.repository | {"pushed_at": now()}
        return sha

    def _happened(self, event: str, issue: Json) -> None:
        number = max(map(int, self.issue_events.ids()), default=0) + 1
        api = f"https://api.github.com/repos/{self.repository['full_name']}"
        self.issue_events.upsert(
            {
                "id": number,
                "node_id": f"E_{number}",
                "url": f"{api}/issues/events/{number}",
                "actor": issue["user"],
                "event": event,
                "commit_id": None,
                "commit_url": None,
                "created_at": issue["updated_at"],
                "issue": issue,
                "performed_via_github_app": None,
            }
        )


def now() -> str:
    """This moment as GitHub writes it, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
