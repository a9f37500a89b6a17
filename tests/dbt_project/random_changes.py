"""What happens to a team's objects, at random: told late, twice, out of order, or taken back."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.dbt_project.small_world import source
from tests.raw_warehouse import Event, RawWarehouse

REPOSITORIES: Final = ("tidewater-labs/gauge", "tidewater-labs/attic", "tidewater-labs-gauge/x")
MIRRORED: Final = REPOSITORIES[0]
OPTIONS: Final = ("to-do", "begun", "done")
LOGINS: Final = ("ada", "bo", "sam", "gauge[bot]")
TITLES: Final = ("Alarm", "alarm!", "Low water", "Runbook")
START: Final = datetime(2026, 3, 1, tzinfo=UTC)

Tables = dict[str, list[Event]]


class Changes:
    """Batches of events that follow from a seed."""

    def __init__(self, raw: RawWarehouse, seed: int) -> None:
        self.raw = raw
        self.random = random.Random(seed)
        self.minute = 0
        self.logins = {login: login for login in LOGINS}
        self.told: dict[tuple[str, str], list[Event]] = defaultdict(list)
        self.late: list[tuple[str, str, Event]] = []

    def begin(self) -> None:
        """Listings, and the first objects of every kind."""
        names = [source(name, "github", ["engineering"]) for name in ("github", "mirror")]
        names[0]["content_visibility"] = "mixed"
        kinds = [
            source(name, name, ["planning"], content_visibility="public")
            for name in ("linear", "notion")
        ]
        self.raw.ledger("sources", names + kinds)
        self.list_containers()
        for _ in range(60):
            self.happen()
        self.deliver()

    def go_on(self, count: int = 25) -> None:
        """A batch of what may happen next; some of it is told later, or twice."""
        if self.random.random() < 0.7:
            self.list_containers()
        for _ in range(count):
            self.happen()
        self.deliver()

    def happen(self) -> None:
        self.minute += self.random.randint(0, 90)
        self.random.choice(
            (
                self.issue,
                self.issue,
                self.pull_request,
                self.issue_comment,
                self.issue_comment,
                self.issue_event,
                self.review,
                self.commit,
                self.discussion,
                self.rename_person,
                self.linear_issue,
                self.linear_issue,
                self.linear_comment,
                self.linear_history,
                self.linear_project,
                self.page,
                self.page,
                self.contents,
                self.data_source,
                self.vanish,
                self.vanish,
            )
        )()

    def deliver(self) -> None:
        """Load what is told now: in a random order, a part of it twice, some much later."""
        batch, self.late = self.late, []
        loads: dict[str, Tables] = defaultdict(lambda: defaultdict(list))
        self.random.shuffle(batch)
        for dataset, table, event in batch:
            if self.random.random() < 0.2:
                self.late.append((dataset, table, event))
                continue
            loads[dataset][table].append(event)
            if self.random.random() < 0.1:
                self.late.append((dataset, table, event))
        for dataset, tables in loads.items():
            self.raw.load(dataset, tables)

    # Objects.

    def issue(self) -> None:
        number, repository = self.random.randint(1, 8), self.random.choice(REPOSITORIES)
        above = f"{self.random.choice(REPOSITORIES)}/issues/{self.random.randint(1, 12)}"
        parents = (None, f"https://api.github.com/repos/{above}")
        parent = {"parent_issue_url": self.random.choice(parents)}
        self._item("issues", f"I_{repository}_{number}", number, repository, **parent)

    def pull_request(self) -> None:
        number, repository = self.random.randint(9, 12), self.random.choice(REPOSITORIES)
        table = self.random.choice(("issues", "pull_requests"))
        more: dict[str, Any] = (
            {"pull_request": {"url": "…"}}
            if table == "issues"
            else {
                "head": {"ref": "fix"},
                "base": {"ref": "main"},
                "merge_commit_sha": "c" * 40,
                "requested_reviewers": [self._person()],
            }
        )
        self._item(table, f"PR_{repository}_{number}", number, repository, **more)

    def _item(self, table: str, name: str, number: int, repository: str, **more: Any) -> None:
        state = self.random.choice(("open", "closed"))
        payload = {
            "number": number,
            "title": self.random.choice(TITLES),
            "body": self._text(),
            "state": state,
            "html_url": f"https://github.com/{repository}/issues/{number}",
            "user": self._person(),
            "labels": [{"name": n} for n in self.random.sample(("bug", "later", "wet"), 2)],
            "assignees": [self._person()],
            "created_at": START.isoformat(),
            "updated_at": self._now(),
            "closed_at": self._now() if state == "closed" else None,
            **more,
        }
        self._tell("raw_github", table, name, payload, repository)

    def issue_comment(self) -> None:
        number, repository = self.random.randint(1, 15), self.random.choice(REPOSITORIES)
        on = 1 + number % 12
        payload = {
            "id": number,
            "body": self._text(),
            "html_url": f"https://github.com/{repository}/issues/{on}#issuecomment-{number}",
            "issue_url": f"https://api.github.com/repos/{repository}/issues/{on}",
            "user": self._person(),
            "created_at": self._now(),
            "updated_at": self._now(),
        }
        self._tell("raw_github", "issue_comments", f"IC_{repository}_{number}", payload, repository)

    def issue_event(self) -> None:
        number, repository = self.random.randint(1, 500), self.random.choice(REPOSITORIES)
        payload = {
            "id": number,
            "event": self.random.choice(("closed", "reopened", "labeled", "merged", "assigned")),
            "actor": self._person(),
            "label": {"name": "bug"},
            "issue": {"number": self.random.randint(1, 12)},
            "created_at": self._now(),
        }
        self._tell("raw_github", "issue_events", f"IE_{repository}_{number}", payload, repository)

    def review(self) -> None:
        number, repository = self.random.randint(1, 6), self.random.choice(REPOSITORIES)
        payload = {
            "fullDatabaseId": str(number),
            "url": f"https://github.com/{repository}/pull/9#pullrequestreview-{number}",
            "state": self.random.choice(("APPROVED", "COMMENTED", "CHANGES_REQUESTED", "PENDING")),
            "body": self._text(),
            "author": {"__typename": "User", "id": "U_bo", "login": self.logins["bo"]},
            "createdAt": self._now(),
            "submittedAt": self._now(),
            "updatedAt": self._now(),
            "pullRequest": {"id": "PR", "number": self.random.randint(9, 12)},
        }
        self._tell("raw_github", "reviews", f"PRR_{repository}_{number}", payload, repository)

    def commit(self) -> None:
        repository, sha = self.random.choice(REPOSITORIES), self.random.choice("abc") * 40
        who = self.random.choice(LOGINS[:3])
        signature = {"name": who.title(), "email": f"{who}@tidewater.example", "date": self._now()}
        payload = {
            "sha": sha,
            "html_url": f"https://github.com/{repository}/commit/{sha}",
            "author": self._person() if self.random.random() < 0.7 else None,
            "parents": [],
            "commit": {"message": self._text(), "author": signature, "committer": signature},
        }
        self._tell("raw_github", "commits", sha, payload, repository)

    def discussion(self) -> None:
        repository = self.random.choice(REPOSITORIES)
        payload = {
            "number": 20,
            "title": self.random.choice(TITLES),
            "body": self._text(),
            "url": f"https://github.com/{repository}/discussions/20",
            "createdAt": START.isoformat(),
            "updatedAt": self._now(),
        }
        self._tell("raw_github", "discussions", f"D_{repository}", payload, repository)

    def linear_issue(self) -> None:
        number = self.random.randint(1, 8)
        team = self.random.choice(("ENG", "ENG", "OPS"))
        parent = self.random.choice((None, None, 1, 2, 3))
        payload = {
            "identifier": f"{team}-{number}",
            "previousIdentifiers": [f"ENG-{number}"] if team == "OPS" else [],
            "number": number,
            "title": self.random.choice(TITLES),
            "description": self._text(),
            "url": f"https://linear.app/tidewater/issue/{team}-{number}",
            "team": {"id": f"t-{team}", "key": team},
            "state": {"id": "s", "name": self.random.choice(("Todo", "Done")), "type": None},
            "creator": {"id": "l_ada"},
            "assignee": {"id": self.random.choice(("l_ada", "l_bo"))},
            "project": {"id": self.random.choice(("lp-1", "lp-2"))},
            "parent": {"id": f"li-{parent}"} if parent and parent != number else None,
            "labels": {"nodes": [{"name": self.random.choice(("bug", "wet"))}]},
            "trashed": self.random.random() < 0.1,
            "createdAt": START.isoformat(),
            "updatedAt": self._now(),
            "startedAt": self._now(),
        }
        self._tell("raw_linear", "issues", f"li-{number}", payload, team)

    def linear_comment(self) -> None:
        number = self.random.randint(1, 10)
        payload = {
            "body": self._text(),
            "url": f"https://linear.app/tidewater/comment/{number}",
            "user": {"id": "l_bo"},
            "issue": {"id": f"li-{number}", "identifier": f"ENG-{number}"},
            "createdAt": self._now(),
            "updatedAt": self._now(),
        }
        self._tell("raw_linear", "comments", f"lc-{number}", payload, "ENG")

    def linear_history(self) -> None:
        number = self.random.randint(1, 200)
        payload = {
            "issue": {"id": f"li-{number % 8 + 1}"},
            "actorId": self.random.choice(("l_ada", "l_bo", None)),
            "fromStateId": "s1",
            "toStateId": "s2",
            "fromState": {"id": "s1", "name": "Todo", "type": "unstarted"},
            "toState": {"id": "s2", "name": "Done", "type": "completed"},
            "addedLabels": [{"id": "b", "name": "bug"}],
            "createdAt": self._now(),
            "updatedAt": self._now(),
        }
        self._tell("raw_linear", "issue_history", f"lh-{number}", payload, "ENG")

    def linear_project(self) -> None:
        number = self.random.randint(1, 2)
        teams = self.random.choice((["ENG"], ["ENG", "OPS"]))
        payload = {
            "name": self.random.choice(TITLES),
            "description": self._text(),
            "slugId": f"p{number}",
            "url": f"https://linear.app/tidewater/project/p{number}",
            "teams": {"nodes": [{"id": f"t-{team}", "key": team} for team in teams]},
            "creator": {"id": "l_ada"},
            "createdAt": START.isoformat(),
            "updatedAt": self._now(),
        }
        self._tell("raw_linear", "projects", f"lp-{number}", payload, "tidewater")

    def page(self) -> None:
        number = self.random.randint(1, 7)
        parent = self.random.choice((None, *range(1, 8)))
        option = {"id": self.random.choice(OPTIONS), "name": self.random.choice(TITLES)}
        said = {"type": "text", "plain_text": self._text() or ""}
        link = self.random.choice((None, f"https://github.com/{REPOSITORIES[1]}/issues/2"))
        payload = {
            "properties": {
                "Name": {"type": "title", "title": [{"plain_text": self.random.choice(TITLES)}]},
                "Status": {"type": "status", "status": self.random.choice((None, option))},
                "Link": {"type": "url", "url": link},
                "Why": {"type": "rich_text", "rich_text": self.random.choice(([], [said]))},
            },
            "parent": self.random.choice(
                (
                    {"type": "page_id", "page_id": f"np-{parent}"},
                    {"type": "data_source_id", "data_source_id": "nd-1"},
                )
            )
            if parent
            else {"type": "workspace"},
            "created_by": {"id": "n_ada"},
            "last_edited_by": {"id": self.random.choice(("n_ada", "n_bo"))},
            "in_trash": self.random.random() < 0.1,
            "created_time": START.isoformat(),
            "last_edited_time": self._now(),
        }
        self._tell("raw_notion", "pages", f"np-{number}", payload, "Tidewater")

    def contents(self) -> None:
        number = self.random.randint(1, 7)
        text = self._text()
        span = {"type": "text", "text": {"content": text}, "plain_text": text}
        user = {"id": self.random.choice(("n_ada", "n_bo", "n_guest"))}
        named = {"type": "mention", "mention": {"type": "user", "user": user}, "plain_text": "@Ada"}
        said = {"rich_text": self.random.choice(([span], [span, named]))}
        blocks = [{"id": f"nb-{number}", "type": "paragraph", "paragraph": said}]
        payload = {"blocks": blocks, "last_edited_time": self._now()}
        self._tell("raw_notion", "page_contents", f"np-{number}", payload, "Tidewater")

    def data_source(self) -> None:
        done = self.random.randint(0, len(OPTIONS))
        groups = [{"option_ids": OPTIONS[done:]}, {"option_ids": OPTIONS[:done]}]
        payload = {
            "title": [{"plain_text": self.random.choice(TITLES)}],
            "properties": {"Status": {"type": "status", "status": {"groups": groups}}},
            "created_time": START.isoformat(),
            "last_edited_time": self._now(),
        }
        self._tell("raw_notion", "data_sources", "nd-1", payload, "Tidewater")

    # What happens to them.

    def rename_person(self) -> None:
        login = self.random.choice(LOGINS)
        self.logins[login] = self.random.choice((login, f"{login}-{self.minute}"))

    def vanish(self) -> None:
        """An object is deleted, or moves to another repository under another id and number."""
        if not self.told:
            return
        dataset, table = self.random.choice(sorted(self.told))
        event = self.random.choice(self.told[dataset, table])
        self.minute += 1
        can_move = dataset == "raw_github" and event.external_id.startswith("I_")
        reasons = ("deleted", "not_found", *(("transferred",) if can_move else ()))
        gone = self.random.choice(reasons)
        self._add(dataset, table, event.external_id, {"reason": gone}, event.container, "delete")
        if gone == "transferred":
            # A number is given once: the same in a repository would be the same issue.
            moved = {**event.payload, "number": 1000 + self.minute}
            home = self.random.choice(REPOSITORIES)
            self._tell(dataset, table, f"{event.external_id}_moved", moved, home)

    def list_containers(self) -> None:
        """Listings as they are now: privacy, default branch, names of people and labels."""
        for number, name in enumerate(REPOSITORIES):
            payload = {
                "id": number,
                "name": name.split("/")[1],
                "full_name": name,
                "private": self.random.random() < 0.5,
                "default_branch": "main",
                "html_url": f"https://github.com/{name}",
            }
            event = Event(f"R_{number}", payload, self._moment(), container=name)
            self.raw.listing("raw_github", "repositories", name, [event])
        for table, rows in {
            "teams": [
                (f"t-{key}", {"key": key, "name": key, "private": self.random.random() < 0.5})
                for key in self.random.choice((("ENG",), ("ENG", "OPS")))
            ],
            "users": [
                (
                    f"l_{who}",
                    {
                        "name": who,
                        "displayName": f"{who}{self.random.randint(0, 1)}",
                        "email": f"{who}@tidewater.example",
                        "active": True,
                    },
                )
                for who in ("ada", "bo")
            ],
        }.items():
            events = [Event(i, p, self._moment(), container="tidewater") for i, p in rows]
            self.raw.listing("raw_linear", table, "tidewater", events)

    # How it is told.

    def _tell(
        self, dataset: str, table: str, name: str, payload: dict[str, Any], container: str
    ) -> None:
        self._add(dataset, table, name, payload, container, "upsert")

    def _add(
        self, dataset: str, table: str, name: str, payload: Any, container: str, operation: str
    ) -> None:
        event = Event(name, payload, self._moment(), operation, container)
        self.late.append((dataset, table, event))
        if operation == "upsert":
            self.told[dataset, table].append(event)
        if container == MIRRORED and self.random.random() < 0.4:
            mirrored = Event(name, payload, self._moment(), operation, container, "mirror")
            self.late.append((dataset, table, mirrored))

    def _person(self) -> dict[str, Any]:
        login = self.random.choice(LOGINS)
        return {"node_id": f"U_{login}", "login": self.logins[login], "type": "User"}

    def _text(self) -> str | None:
        return self.random.choice(
            (
                None,
                "Nothing to see.",
                f"See #{self.random.randint(1, 25)}.",
                f"Fixes #{self.random.randint(1, 25)}",
                f"Asked @{self.random.choice(list(self.logins.values()))} in OPS-3.",
                f"ENG-{self.random.randint(1, 10)} and {REPOSITORIES[1]}#2, UTF-8",
                "Since " + self.random.choice("abc") * 8 + ".",
                "https://www.notion.so/np-1",
            )
        )

    def _now(self) -> str:
        return self._moment().isoformat()

    def _moment(self) -> datetime:
        return START + timedelta(minutes=self.minute)
