"""What a team does at Linear: issues and their history, comments, relations, plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.sandbox.collection import Json
from include.sandbox.linear_defaults import now
from tests import workspaces
from tests.deliveries import from_linear
from tests.life.program import Change, Done, Program, any_of
from tests.workspaces import uuid

MOST_ISSUES, MOST_COMMENTS, MOST_RELATIONS = 150, 400, 30


class LinearTeam:
    """Changes in the demo's two teams."""

    def __init__(self, program: Program) -> None:
        self.program, self.random = program, program.random
        self.store = program.sandbox.workspace.linear
        self.number = 0

    def choices(self) -> Iterator[tuple[float, Change]]:
        yield 3, self.open_issue
        yield 9, self.edit_issue
        yield 4, self.move_on
        yield 1, self.move_to_other_team
        yield 1, self.archive
        yield 1, self.trash
        yield 1.5, self.restore
        yield 0.5, self.delete_issue
        yield 5, self.comment
        yield 3, self.edit_comment
        yield 1, self.delete_comment
        yield 2, self.relate
        yield 1, self.unrelate
        yield 1, self.edit_project
        yield 1, self.edit_document

    def open_issue(self) -> Done | None:
        if len(self.store.issues) >= MOST_ISSUES:
            return None
        team = self.random.choice(list(self.store.teams))
        # Far beyond the numbers that issues get which move from team to team.
        number = 100_000 + self._next()
        title, description = self._text("a new issue"), self._text("what it is about")
        row = workspaces.linear_issue(number, team=team["key"], title=title)
        row |= {"id": uuid(f"life {self._next()}"), "description": description}
        row |= {"createdAt": now(), "updatedAt": now(), "archivedAt": None, "trashed": None}
        row["url"] = f"https://linear.app/tidewater/issue/{row['identifier']}"
        self.store.issues.upsert(row)
        return self._issue_done("open issue", "create", row)

    def edit_issue(self) -> Done | None:
        field = self.random.choice(("title", "description"))
        issue = self._any_issue()
        row = self.store.change_issue(issue["id"], self._actor(), **{field: self._text("edited")})
        return self._issue_done("edit issue", "update", row)

    def move_on(self) -> Done | None:
        issue = self._any_issue()
        states = [s for s in self.store.workflow_states if s["team"]["id"] == issue["team"]["id"]]
        state = {n: v for n, v in self.random.choice(states).items() if n in ("id", "name", "type")}
        labels = {"nodes": [{"id": row["id"], "name": row["name"]} for row in self._labels()]}
        row = self.store.change_issue(issue["id"], self._actor(), state=state, labels=labels)
        return self._issue_done("move on", "update", row, marked=False)

    def move_to_other_team(self) -> Done | None:
        issue = self._any_issue()
        others = [t for t in self.store.teams if t["id"] != issue["team"]["id"]]
        row = self.store.move_issue(issue["id"], self.random.choice(others)["id"], self._actor())
        return self._issue_done("move to other team", "update", row, marked=False)

    def archive(self) -> Done | None:
        return self._put_away("archive", trash=False)

    def trash(self) -> Done | None:
        return self._put_away("trash", trash=True)

    def restore(self) -> Done | None:
        issue = any_of(self.random, self.store.issues, lambda row: row["archivedAt"])
        if issue is None:
            return None
        self.store.restore("issues", issue["id"])
        return self._issue_done("restore", "update", issue, marked=False)

    def delete_issue(self) -> Done | None:
        if len(self.store.issues) < 40:
            return None
        # What becomes of an issue's documents is not documented.
        holders = {(row.get("issue") or {}).get("id") for row in self.store.collection("documents")}
        issue = any_of(self.random, self.store.issues, lambda row: row["id"] not in holders)
        if issue is None:
            return None
        self.store.delete("issues", issue["id"])
        return self._issue_done("delete issue", "remove", issue, marked=False)

    def comment(self) -> Done | None:
        if len(self.store.comments) >= MOST_COMMENTS:
            return None
        issue = self._any_issue()
        row = workspaces.linear_comment(self._next(), issue, body=self._text("a comment"))
        row |= {"id": uuid(f"life {self._next()}"), "createdAt": now(), "updatedAt": now()}
        self.store.comments.upsert(row)
        return self._comment_done("comment", "create", row)

    def edit_comment(self) -> Done | None:
        row = self._any_comment()
        row |= {"body": self._text("a better comment"), "updatedAt": now(), "editedAt": now()}
        self.store.comments.upsert(row)
        return self._comment_done("edit comment", "update", row)

    def delete_comment(self) -> Done | None:
        row = self._any_comment()
        done = self._comment_done("delete comment", "remove", row, marked=False)
        self.store.delete("comments", row["id"])
        return done

    def relate(self) -> Done | None:
        if len(self.store.issue_relations) >= MOST_RELATIONS:
            return None
        one, other = self.random.sample(list(self.store.issues), 2)
        row = workspaces.linear_relation(self.random.choice(("blocks", "related")), one, other)
        row |= {"id": uuid(f"life {self._next()}"), "createdAt": now(), "updatedAt": now()}
        self.store.issue_relations.upsert(row)
        return Done("linear: relate")

    def unrelate(self) -> Done | None:
        relations = list(self.store.issue_relations)
        if not relations:
            return None
        self.store.delete("issue_relations", self.random.choice(relations)["id"])
        return Done("linear: unrelate")

    def edit_project(self) -> Done | None:
        row = self.random.choice(list(self.store.projects))
        row |= {"content": self._text("a project"), "updatedAt": now()}
        self.store.projects.upsert(row)
        return self._plan_done("project", row)

    def edit_document(self) -> Done | None:
        row = self.random.choice(list(self.store.documents))
        row |= {"content": self._text("a document"), "updatedAt": now()}
        self.store.documents.upsert(row)
        return self._plan_done("document", row)

    # How things are made and told.

    def _put_away(self, kind: str, *, trash: bool) -> Done | None:
        issue = any_of(self.random, self.store.issues, lambda row: not row["archivedAt"])
        if issue is None:
            return None
        self.store.archive("issues", issue["id"], trash=trash)
        return self._issue_done(kind, "update", issue, marked=False)

    def _text(self, words: str) -> str:
        return self.program.marks.text(words)

    def _done(self, kind: str, document_id: str, delivery: Any, *, marked: bool = True) -> Done:
        mark = self.program.marks.last if marked else 0
        return Done(f"linear: {kind}", document_id, mark, delivery)

    def _issue_done(self, kind: str, action: str, row: Json, *, marked: bool = True) -> Done:
        team = {name: row["team"][name] for name in ("id", "key")}
        delivery = from_linear("Issue", action, self._next(), id=row["id"], team=team)
        return self._done(kind, f"linear:issue:{row['id']}", delivery, marked=marked)

    def _comment_done(self, kind: str, action: str, row: Json, *, marked: bool = True) -> Done:
        issue = self.store.issues.get(row["issue"]["id"])
        data: Json = {"id": row["id"], "issueId": row["issue"]["id"]}
        if issue is not None:
            data["issue"] = {"id": issue["id"], "team": {"key": issue["team"]["key"]}}
        delivery = from_linear("Comment", action, self._next(), **data)
        return self._done(kind, f"linear:comment:{row['id']}", delivery, marked=marked)

    def _plan_done(self, kind: str, row: Json) -> Done:
        delivery = from_linear(kind.title(), "update", self._next(), id=row["id"])
        return self._done(f"edit {kind}", f"linear:{kind}:{row['id']}", delivery)

    def _any_issue(self) -> Json:
        found = any_of(self.random, self.store.issues, lambda row: not row.get("trashed"))
        assert found is not None
        return found

    def _any_comment(self) -> Json:
        """A comment on an issue."""

        def is_on_issue(row: Json) -> bool:
            return (row.get("issue") or {}).get("id") in self.store.issues

        found = any_of(self.random, self.store.comments, is_on_issue)
        assert found is not None
        return found

    def _labels(self) -> list[Json]:
        shared = [row for row in self.store.labels if row["team"] is None and not row["isGroup"]]
        return self.random.sample(shared, 2)

    def _actor(self) -> str:
        return str(self.random.choice(list(self.store.users))["id"])

    def _next(self) -> int:
        self.number += 1
        return self.number
