"""What a team does at GitHub: issues, pull requests, reviews, comments, commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.sandbox.collection import Collection, Json
from include.sandbox.github_life import now
from tests import workspaces
from tests.deliveries import from_github
from tests.life.program import Change, Done, Program, any_of
from tests.workspaces import REPO

API, WEB = f"https://api.github.com/repos/{REPO}", f"https://github.com/{REPO}"
# What nothing ever happens to: readers ask for it.
UNTOUCHED = 1
MOST = {"issues": 160, "pull_requests": 60, "issue_comments": 500}


class GitHubTeam:
    """Changes in the demo's repository."""

    def __init__(self, program: Program) -> None:
        self.program, self.random = program, program.random
        self.repository = program.sandbox.workspace.github(REPO)
        self.number = 500_000_000
        # The demo's numbers end far below.
        self.issue_number = 1_000

    def choices(self) -> Iterator[tuple[float, Change]]:
        yield 4, self.open_issue
        yield 8, self.edit_issue
        yield 3, self.close_or_reopen
        yield 3, self.label
        yield 7, self.comment
        yield 4, self.edit_comment
        yield 1.5, self.delete_comment
        yield 0.7, self.delete_issue
        yield 2, self.open_pull_request
        yield 3, self.edit_pull_request
        yield 1, self.merge
        yield 3, self.review
        yield 2, self.review_comment
        yield 1, self.edit_discussion
        yield 4, self.push

    def open_issue(self) -> Done | None:
        if len(self.repository.issues) >= MOST["issues"]:
            return None
        number = self._next_number()
        row = self._issue(number, self._text("a new issue"), self._text("says more"))
        self.repository.issues.upsert(row)
        return self._issue_done("open issue", "opened", row)

    def edit_issue(self) -> Done | None:
        issue = self._any_issue()
        field = self.random.choice(("title", "body"))
        row = self.repository.change_issue(issue["number"], **{field: self._text("edited")})
        return self._issue_done("edit issue", "edited", row)

    def close_or_reopen(self) -> Done | None:
        issue = self._any_issue()
        state = "closed" if issue["state"] == "open" else "open"
        reason = "completed" if state == "closed" else "reopened"
        row = self.repository.change_issue(issue["number"], state=state, state_reason=reason)
        action = "closed" if state == "closed" else "reopened"
        return self._issue_done(f"issue {action}", action, row, marked=False)

    def label(self) -> Done | None:
        labels = self.random.sample(list(self.repository.labels), 2)
        row = self.repository.change_issue(self._any_issue()["number"], labels=labels)
        return self._issue_done("label issue", "labeled", row, marked=False)

    def delete_issue(self) -> Done | None:
        if len(self.repository.issues) < 45:
            return None
        issue = self._any_issue()
        self.repository.delete_issue(issue["number"])
        return self._issue_done("delete issue", "deleted", issue, marked=False)

    def comment(self) -> Done | None:
        if len(self.repository.issue_comments) >= MOST["issue_comments"]:
            return None
        number, on = self._next_id(), self._any(self.repository.issues)["number"]
        row = workspaces.issue_comment(number, issue=on, body=self._text("a comment")) | self._new()
        row |= {
            "node_id": f"IC_{number}",
            "html_url": f"{WEB}/issues/{on}#issuecomment-{number}",
            "url": f"{API}/issues/comments/{number}",
        }
        self.repository.add_comment(row)
        return self._comment_done("comment", "created", row)

    def edit_comment(self) -> Done | None:
        comment = self._any(self.repository.issue_comments)
        row = self.repository.change_comment(comment["id"], body=self._text("a better comment"))
        return self._comment_done("edit comment", "edited", row)

    def delete_comment(self) -> Done | None:
        comment = self._any(self.repository.issue_comments)
        self.repository.delete_comment(comment["id"])
        return self._comment_done("delete comment", "deleted", comment, marked=False)

    def open_pull_request(self) -> Done | None:
        if len(self.repository.pull_requests) >= MOST["pull_requests"]:
            return None
        number = self._next_number()
        title, body = self._text("a new pull request"), self._text("what it does")
        pull = workspaces.pull_request(number, title=title, body=body, labels=[]) | self._new()
        pull |= {"id": self._next_id(), "node_id": f"PR_life_{number}", "state": "open"}
        pull |= {"closed_at": None, "merged_at": None, "merge_commit_sha": None, "draft": False}
        pull |= {"html_url": f"{WEB}/pull/{number}", "url": f"{API}/pulls/{number}"}
        pull |= {"issue_url": f"{API}/issues/{number}"}
        issue = self._issue(number, title, body) | {
            "node_id": pull["node_id"],
            "html_url": pull["html_url"],
            "draft": False,
            "pull_request": {
                "url": pull["url"],
                "html_url": pull["html_url"],
                "diff_url": f"{pull['html_url']}.diff",
                "patch_url": f"{pull['html_url']}.patch",
                "merged_at": None,
            },
        }
        self.repository.pull_requests.upsert(pull)
        self.repository.issues.upsert(issue)
        return self._pull_done("open pull request", "opened", pull)

    def edit_pull_request(self) -> Done | None:
        pull = self._any(self.repository.pull_requests)
        field = self.random.choice(("title", "body"))
        row = self.repository.change_issue(pull["number"], **{field: self._text("edited pull")})
        return self._pull_done("edit pull request", "edited", row)

    def merge(self) -> Done | None:
        pulls = self.repository.pull_requests
        unmerged = any_of(self.random, pulls, lambda row: row["state"] == "open")
        if unmerged is None:
            return None
        number, moment = unmerged["number"], now()
        row = self.repository.change_issue(number, state="closed")
        row |= {"merged_at": moment, "merge_commit_sha": self._head()}
        self.repository.pull_requests.upsert(row)
        issue = self.repository.issues.find(number=number)
        if issue is not None:
            merged = issue["pull_request"] | {"merged_at": moment}
            self.repository.issues.upsert(issue | {"pull_request": merged})
        return self._pull_done("merge pull request", "closed", row, marked=False)

    def review(self) -> Done | None:
        number, pull = self._next_id(), self._any(self.repository.pull_requests)
        row = workspaces.review(number, pull=pull["number"], body=self._text("a review"))
        row |= {"submitted_at": now(), "state": self.random.choice(("APPROVED", "COMMENTED"))}
        row["html_url"] = f"{WEB}/pull/{pull['number']}#pullrequestreview-{number}"
        changed = self.repository.change_issue(pull["number"])
        self.repository.reviews.upsert(row)
        delivery = self._delivery(
            "pull_request_review", "submitted", review=_named(row), pull_request=_named(changed)
        )
        return self._done("review", f"github:review:{row['node_id']}", delivery)

    def review_comment(self) -> Done | None:
        number, pull = self._next_id(), self._any(self.repository.pull_requests)
        row = workspaces.review_comment(number, pull=pull["number"], body=self._text("on a line"))
        row |= self._new() | {"url": f"{API}/pulls/comments/{number}"}
        row["html_url"] = f"{WEB}/pull/{pull['number']}#discussion_r{number}"
        self.repository.change_issue(pull["number"])
        self.repository.review_comments.upsert(row)
        delivery = self._delivery("pull_request_review_comment", "created", comment=_named(row))
        return self._done("review comment", f"github:review_comment:{row['node_id']}", delivery)

    def edit_discussion(self) -> Done | None:
        row = self._any(self.repository.discussions)
        row |= {"title": self._text("a discussion"), "updatedAt": now(), "lastEditedAt": now()}
        self.repository.discussions.upsert(row)
        said = {"node_id": row["id"], "number": row["number"]}
        delivery = self._delivery("discussion", "edited", discussion=said)
        return self._done("edit discussion", f"github:discussion:{row['id']}", delivery)

    def push(self) -> Done | None:
        path = f"notes/{self.random.randint(1, 40)}.md"
        git = self.repository.git
        assert git is not None
        tree = git.tree(git.resolve("main", "tree") or "", recursive=True)
        is_there = any(entry.path == path for entry in tree)
        content: bytes | None = f"# Note\n\n{self._text('pushed')}\n".encode()
        if is_there and self.random.random() < 0.2:
            content = None
        before = self._head()
        sha = self.repository.push({path: content}, self._text("a commit"))
        delivery = self._delivery("push", "", ref="refs/heads/main", before=before, after=sha)
        return self._done("push", f"github:commit:{REPO}@{sha}", delivery)

    # How things are made and told.

    def _text(self, words: str) -> str:
        return self.program.marks.text(words)

    def _done(self, kind: str, document_id: str, delivery: Any, *, marked: bool = True) -> Done:
        mark = self.program.marks.last if marked else 0
        return Done(f"github: {kind}", document_id, mark, delivery)

    def _issue_done(self, kind: str, action: str, row: Json, *, marked: bool = True) -> Done:
        delivery = self._delivery("issues", action, issue=_named(row))
        return self._done(kind, f"github:issue:{row['node_id']}", delivery, marked=marked)

    def _pull_done(self, kind: str, action: str, row: Json, *, marked: bool = True) -> Done:
        delivery = self._delivery("pull_request", action, pull_request=_named(row))
        return self._done(kind, f"github:pull_request:{row['node_id']}", delivery, marked=marked)

    def _comment_done(self, kind: str, action: str, row: Json, *, marked: bool = True) -> Done:
        delivery = self._delivery("issue_comment", action, comment=_named(row))
        return self._done(kind, f"github:comment:{row['node_id']}", delivery, marked=marked)

    def _delivery(self, event: str, action: str, **body: Any) -> Any:
        self.number += 1
        return from_github(event, self.number, action=action, at=self.number, **body)

    def _issue(self, number: int, title: str, body: str) -> Json:
        row = workspaces.issue(number, title=title, body=body, labels=[]) | self._new()
        return row | {
            "id": self._next_id(),
            "node_id": f"I_life_{number}",
            "state": "open",
            "state_reason": None,
            "closed_at": None,
            "comments": 0,
            "milestone": None,
            "url": f"{API}/issues/{number}",
            "html_url": f"{WEB}/issues/{number}",
        }

    def _new(self) -> Json:
        return {"created_at": now(), "updated_at": now()}

    def _any(self, rows: Collection) -> Json:
        found = any_of(self.random, rows, lambda row: row.get("number") != UNTOUCHED)
        assert found is not None
        return found

    def _any_issue(self) -> Json:
        def is_issue(row: Json) -> bool:
            return "pull_request" not in row and row["number"] != UNTOUCHED

        found = any_of(self.random, self.repository.issues, is_issue)
        assert found is not None
        return found

    def _next_id(self) -> int:
        self.number += 1
        return self.number

    def _next_number(self) -> int:
        self.issue_number += 1
        return self.issue_number

    def _head(self) -> str:
        git = self.repository.git
        assert git is not None
        return git.resolve("main") or ""


def _named(row: Json) -> Json:
    return {name: row[name] for name in ("id", "node_id", "number") if name in row}
