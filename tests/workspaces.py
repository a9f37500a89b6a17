"""Small workspaces for tests, made of the demo's objects so that they fit the providers' contracts.

Every function takes what matters to a test and copies the rest from one object of the demo.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from include.sandbox import Workspace
from include.sandbox.workspace import DEMO_PATH, read_folder
from tests.many_blocks import ManyParagraphs, page_id

REPO: Final = "tidewater-labs/gauge"
TEAM: Final = "ENG"
START: Final = datetime(2026, 3, 1, tzinfo=UTC)

Json = dict[str, Any]


@cache
def demo() -> Json:
    """The demo's folder as rows of JSON."""
    return read_folder(DEMO_PATH)


def at(seconds: float) -> str:
    """GitHub's form of a time, counted from START."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def at_ms(seconds: float) -> str:
    """Linear's and Notion's form of a time, counted from START."""
    moment = START + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid(text: str) -> str:
    """A stable id in the providers' form."""
    return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def everything() -> Workspace:
    """A little of all three providers."""
    workspace = gauge()
    workspace.name = "Tidewater Labs"
    workspace.linear = team().linear
    workspace.notion = handbook().notion
    return workspace


# GitHub


def github(repositories: Json | None = None, **rows: Iterable[Json]) -> Workspace:
    """One repository with these rows, or several by name."""
    named = repositories if repositories is not None else {REPO: rows}
    return Workspace.from_data(
        {"github": {name: _repository(name, r) for name, r in named.items()}}
    )


def gauge(**rows: Iterable[Json]) -> Workspace:
    """A repository with one object of every kind, unless told otherwise."""
    return github(
        **{
            "issues": [issue(1, 10), issue(2, 200)],
            "pull_requests": [pull_request(3, 30)],
            "issue_comments": [issue_comment(4, 40)],
            "review_comments": [review_comment(5, 50, pull=3)],
            "reviews": [review(6, 60, pull=3)],
            "issue_events": [issue_event(7, 70)],
            "commits": [commit(8)],
            "labels": [label(9)],
            "milestones": [milestone(10, 100)],
            **rows,
        }
    )


def whole(provider: str) -> Workspace:
    """All that the demo has at a provider; at GitHub, its repository with code and wiki."""
    whole_demo = demo()
    own: Json = {provider: whole_demo[provider]}
    if provider == "github":
        own = {"github": {REPO: own["github"][REPO]}, "organizations": whole_demo["organizations"]}
    return Workspace.from_data({"name": "demo", **own})


def workflow_run(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A workflow run that was created and last changed at START + `seconds`."""
    return _like(
        _first("workflow_runs"),
        id=number,
        node_id=f"WFR_{number}",
        created_at=at(seconds),
        **{"updated_at": at(seconds), **changed},
    )


def workflow_job(number: int, run: int, **changed: Any) -> Json:
    """A job of a workflow run."""
    return _like(
        _first("workflow_jobs"),
        id=number,
        node_id=f"CR_{number}",
        run_id=run,
        **{"run_attempt": 1, **changed},
    )


def deployment(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A deployment that was created and last changed at START + `seconds`."""
    return _like(
        _first("deployments"),
        id=number,
        node_id=f"DE_{number}",
        created_at=at(seconds),
        **{"updated_at": at(seconds), **changed},
    )


def discussion(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A discussion that was created and last changed at START + `seconds`."""
    return _like(
        _first("discussions"),
        id=f"D_{number}",
        databaseId=number,
        number=number,
        createdAt=at(seconds),
        **{"updatedAt": at(seconds), "answer": None, **changed},
    )


def discussion_comment(
    number: int, discussion: int, seconds: float = 0, reply_to: int | None = None, **changed: Any
) -> Json:
    """A comment on a discussion, or a reply to one."""
    return _like(
        _first("discussion_comments"),
        id=f"DC_{number}",
        databaseId=number,
        discussion={"id": f"D_{discussion}", "number": discussion},
        replyTo=None if reply_to is None else {"id": f"DC_{reply_to}"},
        createdAt=at(seconds),
        **{"updatedAt": at(seconds), "isAnswer": False, **changed},
    )


def issue(number: int, seconds: float = 0, **changed: Any) -> Json:
    """An issue that was created and last changed at START + `seconds`."""
    return _numbered("issues", "I", number, seconds, **changed)


def pull_request(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A pull request that was created and last changed at START + `seconds`."""
    return _numbered("pull_requests", "PR", number, seconds, **changed)


def issue_comment(number: int, seconds: float = 0, *, issue: int = 1, **changed: Any) -> Json:
    """A comment on an issue."""
    url = f"https://api.github.com/repos/{REPO}/issues/{issue}"
    return _numbered("issue_comments", "IC", number, seconds, issue_url=url, **changed)


def review_comment(number: int, seconds: float = 0, *, pull: int = 1, **changed: Any) -> Json:
    """A comment on a pull request's code."""
    url = f"https://api.github.com/repos/{REPO}/pulls/{pull}"
    return _numbered("review_comments", "PRC", number, seconds, pull_request_url=url, **changed)


def review(number: int, seconds: float = 0, *, pull: int = 1, **changed: Any) -> Json:
    """A review of a pull request."""
    url = f"https://api.github.com/repos/{REPO}/pulls/{pull}"
    return _like(
        _first("reviews"),
        id=number,
        node_id=f"PRR_{number}",
        submitted_at=at(seconds),
        pull_request_url=url,
        **changed,
    )


def issue_event(number: int, seconds: float = 0, **changed: Any) -> Json:
    """Something that happened to an issue."""
    return _like(
        _first("issue_events"),
        id=number,
        node_id=f"E_{number}",
        created_at=at(seconds),
        **changed,
    )


def label(number: int, **changed: Any) -> Json:
    """A label of the repository."""
    return _like(
        _first("labels"), id=number, node_id=f"LA_{number}", name=f"label {number}", **changed
    )


def milestone(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A milestone of the repository."""
    return _numbered("milestones", "MI", number, seconds, **changed)


def sha(number: int) -> str:
    """The SHA of commit `number`."""
    return hashlib.sha1(str(number).encode()).hexdigest()


def commit(number: int, *parents: int, seconds: float | None = None) -> Json:
    """A commit; its date is its number in minutes after START unless given."""
    record = deepcopy(_first("commits"))
    record["sha"], record["node_id"] = sha(number), f"C_{number}"
    for role in ("author", "committer"):
        record["commit"][role]["date"] = at(60 * number if seconds is None else seconds)
    record["commit"]["message"] = f"commit {number}"
    parent = record["parents"][0] if record["parents"] else {"url": "https://api.github.com"}
    record["parents"] = [{**parent, "sha": sha(p)} for p in parents]
    return record


# Linear


def team(**rows: Iterable[Json]) -> Workspace:
    """A team with one issue, one comment, one label and one project, unless told otherwise."""
    first = linear_issue(1, 10)
    return linear(
        **{
            "issues": [first, linear_issue(2, 200)],
            "comments": [linear_comment(3, first, 30)],
            "labels": [linear_label(4)],
            "projects": [linear_project(5, [TEAM], 50)],
            **rows,
        }
    )


def linear(teams: Iterable[str] = (TEAM,), **rows: Iterable[Json]) -> Workspace:
    """A Linear workspace: the demo's teams of these keys, their states, and these rows."""
    found = demo()["linear"]
    keys = set(teams)
    chosen = [team for team in _rows(found["teams"]) if team["key"] in keys]
    states = [s for s in _rows(found["workflow_states"]) if s["team"]["key"] in keys]
    return Workspace.from_data(
        {
            "linear": {
                "organization": found["organization"],
                "teams": chosen,
                "users": found["users"],
                "workflow_states": states,
                **rows,
            }
        }
    )


def linear_issue(number: int, seconds: float = 0, team: str = TEAM, **changed: Any) -> Json:
    """A Linear issue that was created and last changed at START + `seconds`."""
    base = next(row for row in _rows(demo()["linear"]["issues"]) if row["team"]["key"] == team)
    return _like(
        base,
        id=uuid(f"issue {team}-{number}"),
        identifier=f"{team}-{number}",
        number=number,
        labels={"nodes": []},
        parent=None,
        createdAt=at_ms(seconds),
        updatedAt=at_ms(seconds),
        **changed,
    )


def linear_comment(number: int, issue: Json, seconds: float = 0, **changed: Any) -> Json:
    """A comment on a Linear issue."""
    return _like(
        _rows(demo()["linear"]["comments"])[0],
        id=uuid(f"comment {number}"),
        issue={"id": issue["id"], "identifier": issue["identifier"]},
        parent=None,
        createdAt=at_ms(seconds),
        updatedAt=at_ms(seconds),
        **changed,
    )


def linear_label(number: int, **changed: Any) -> Json:
    """A label of the Linear workspace."""
    return _like(
        _rows(demo()["linear"]["labels"])[0],
        id=uuid(f"label {number}"),
        name=f"label {number}",
        **{"parent": None, "team": None, "archivedAt": None, **changed},
    )


def linear_project(number: int, teams: Iterable[str], seconds: float = 0, **changed: Any) -> Json:
    """A project of these teams."""
    nodes = [
        {"id": team["id"], "key": team["key"]}
        for team in _rows(demo()["linear"]["teams"])
        if team["key"] in set(teams)
    ]
    return _like(
        _rows(demo()["linear"]["projects"])[0],
        id=uuid(f"project {number}"),
        name=f"Project {number}",
        teams={"nodes": nodes},
        createdAt=at_ms(seconds),
        updatedAt=at_ms(seconds),
        **changed,
    )


def linear_row(kind: str, name: str, seconds: float = 0, **changed: Any) -> Json:
    """An object of any kind like the demo's first, created and last changed at START + `seconds`.

    Its id is `uuid(f"{kind} {name}")`; what it refers to is the demo's unless given.
    """
    return _like(
        _rows(demo()["linear"][kind])[0],
        id=uuid(f"{kind} {name}"),
        createdAt=at_ms(seconds),
        **{"updatedAt": at_ms(seconds), "archivedAt": None, **changed},
    )


def linear_history(name: str, issue: Json, seconds: float = 0, **changed: Any) -> Json:
    """An entry of an issue's history: what changed, as `fromTitle`, `toTitle` and the like."""
    moment = at_ms(seconds)
    return {
        "id": uuid(f"history {name}"),
        "createdAt": moment,
        "updatedAt": moment,
        "archivedAt": None,
        "issue": {"id": issue["id"], "identifier": issue["identifier"]},
        "actor": None,
        "botActor": None,
        **changed,
    }


def linear_relation(kind: str, issue: Json, other: Json, seconds: float = 0) -> Json:
    """A relation of two issues: `blocks`, `duplicate` or `related`."""
    return linear_row(
        "issue_relations",
        f"{kind} {issue['id']} {other['id']}",
        seconds,
        type=kind,
        issue={"id": issue["id"], "identifier": issue["identifier"]},
        relatedIssue={"id": other["id"], "identifier": other["identifier"]},
    )


def linear_attachment(name: str, issue: Json, seconds: float = 0, **changed: Any) -> Json:
    """A link on an issue."""
    reference = {"id": issue["id"], "identifier": issue["identifier"]}
    url = f"https://files.tidewater.example/{name}"
    return linear_row("attachments", name, seconds, **{"issue": reference, "url": url, **changed})


def many_issues(
    issues: int, comments: int = 0, history: int = 0, attachments: int = 0, team: str = TEAM
) -> Workspace:
    """So many issues of a team, each with so many comments, entries of history and links.

    Issue `n` was created and last changed n seconds after START; its id is that of
    `linear_issue(n)`, its comments are a second apart.
    """
    bare = linear_issue(1, team=team)
    bare |= {
        "id": "%(id)s",
        "identifier": "%(key)s",
        "number": "%(number)s",
        "title": "Issue %(key)s",
    }
    bare |= {"createdAt": "%(at)s", "updatedAt": "%(at)s", "description": None, "url": "%(url)s"}
    bare |= {"cycle": None, "project": None, "projectMilestone": None, "branchName": "%(id)s"}
    below = {"id": "%(own)s", "createdAt": "%(at)s", "updatedAt": "%(at)s"}
    issue_form = {"id": "%(id)s", "identifier": "%(key)s"}
    forms = {
        "issues": bare,
        "comments": linear_comment(1, bare) | below | {"issue": issue_form, "body": "%(own)s"},
        "issue_history": linear_history("", bare, fromTitle="%(own)s", toTitle="Issue %(key)s")
        | below,
        "attachments": linear_attachment("%(own)s", bare) | below,
    }
    counts = {"issues": 1, "comments": comments, "issue_history": history}
    counts["attachments"] = attachments

    def rows(kind: str) -> Iterator[bytes]:
        text = json.dumps(forms[kind], separators=(",", ":")).replace('"%(number)s"', "%(number)s")
        for number in range(1, issues + 1):
            key = f"{team}-{number}"
            named = {"id": uuid(f"issue {key}"), "key": key, "number": number}
            named["url"] = f"https://linear.app/tidewater/issue/{key}"
            for place in range(counts[kind]):
                named["own"] = f"{kind[0]}{number:07d}-{place:04d}-4000-8000-000000000000"
                yield (text % {**named, "at": at_ms(number + place)}).encode()

    return linear([team], **{kind: rows(kind) for kind, count in counts.items() if count})


# Notion


def handbook(**rows: Iterable[Json]) -> Workspace:
    """Two pages, one with a paragraph and a comment, and a data source, unless told otherwise."""
    first = page("Handbook")
    return notion(
        **{
            "pages": [first, page("Field notes", 5)],
            "blocks": [paragraph("Welcome", below(first))],
            "comments": [notion_comment("Nice", first, 1)],
            "data_sources": [data_source("Decisions")],
            **rows,
        }
    )


def notion(**rows: Iterable[Json]) -> Workspace:
    """A Notion workspace with the demo's people and these rows."""
    return Workspace.from_data(
        {"name": "Tidewater Labs", "notion": {"users": demo()["notion"]["users"], **rows}}
    )


def page(name: str, minutes: float = 0, parent: Json | None = None, **changed: Any) -> Json:
    """A Notion page of this title, last edited at START + `minutes`."""
    base = next(
        row
        for row in _rows(demo()["notion"]["pages"])
        if row["parent"]["type"] == "workspace" and list(row["properties"]) == ["title"]
    )
    record = _like(
        base,
        id=uuid(name),
        parent=parent or {"type": "workspace", "workspace": True},
        created_time=at_ms(60 * minutes),
        last_edited_time=at_ms(60 * minutes),
        **changed,
    )
    text = record["properties"]["title"]["title"][0]
    text["plain_text"] = text["text"]["content"] = name
    return record


def paragraph(name: str, parent: Json, **changed: Any) -> Json:
    """A paragraph block below a page or block."""
    base = next(b for b in _rows(demo()["notion"]["blocks"]) if b["type"] == "paragraph")
    return _like(base, **{"id": uuid(name), "parent": parent, "has_children": False, **changed})


def data_source(name: str, minutes: float = 0, **changed: Any) -> Json:
    """A Notion data source, last edited at START + `minutes`."""
    return _like(
        _rows(demo()["notion"]["data_sources"])[0],
        id=uuid(name),
        created_time=at_ms(60 * minutes),
        last_edited_time=at_ms(60 * minutes),
        **changed,
    )


def notion_comment(name: str, page: Json, minutes: float = 0, **changed: Any) -> Json:
    """A comment on a page or block."""
    return _like(
        _rows(demo()["notion"]["comments"])[0],
        id=uuid(name),
        parent=below(page),
        created_time=at_ms(60 * minutes),
        last_edited_time=at_ms(60 * minutes),
        **changed,
    )


def many_pages(pages: int, blocks: int) -> Workspace:
    """So many Notion pages of so many paragraphs each, every fourth of which lies below another.

    The ids are those of `tests.many_blocks`; the times of the pages are a minute apart.
    """
    bare = page("%(title)s", cover=None, icon=None, public_url=None)
    bare |= {"id": "%(id)s", "url": "https://www.notion.so/%(hex)s"}
    bare |= {"last_edited_time": "%(edited)s"}
    text = {"content": "%(text)s", "link": None}
    piece = bare["properties"]["title"]["title"][0]
    line = paragraph("", {"type": "%(kind)s", "%(kind)s": "%(parent)s"}, id="%(id)s")
    line["paragraph"]["rich_text"] = [{**piece, "text": text, "plain_text": "%(text)s"}]
    line["has_children"] = "%(nests)s"
    page_form = json.dumps(bare, separators=(",", ":"))
    block_form = json.dumps(line, separators=(",", ":")).replace('"%(nests)s"', "%(nests)s")

    def page_rows() -> Iterator[bytes]:
        for number in range(pages):
            key = page_id(number)
            named = {"id": key, "hex": key.replace("-", ""), "title": f"Page {number}"}
            yield (page_form % {**named, "edited": at_ms(60 * number)}).encode()

    workspace = notion(pages=page_rows())
    workspace.notion.blocks = ManyParagraphs(pages, blocks, block_form)
    return workspace


def below(parent: Json) -> Json:
    """What an object below this page, block or data source has as its parent."""
    kind = f"{parent['object']}_id"
    if kind == "data_source_id":
        return {"type": kind, kind: parent["id"], "database_id": parent["parent"]["database_id"]}
    return {"type": kind, kind: parent["id"]}


def _repository(name: str, rows: Json) -> Json:
    known = demo()["github"][REPO]["repository"]
    if name != REPO:
        known = {
            **known,
            "full_name": name,
            "name": name.split("/")[1],
            "id": int(hashlib.sha256(name.encode()).hexdigest()[:6], 16),
            "node_id": f"R_{name}",
        }
    return {"repository": known, **rows}


def _numbered(kind: str, prefix: str, number: int, seconds: float, **changed: Any) -> Json:
    record = _like(_first(kind), id=number, node_id=f"{prefix}_{number}", **changed)
    if "number" in record:
        record["number"] = number
    record["created_at"] = changed.get("created_at", at(seconds))
    record["updated_at"] = changed.get("updated_at", at(seconds))
    return record


def _first(kind: str) -> Json:
    return _rows(demo()["github"][REPO][kind])[0]


def _rows(lines: Iterable[bytes]) -> list[Json]:
    return [json.loads(line) for line in lines]


def _like(base: Json, **changed: Any) -> Json:
    return {**deepcopy(base), **changed}
