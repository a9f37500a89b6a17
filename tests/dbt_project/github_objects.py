"""One repository with an object of every kind that GitHub loads, as raw events of a test."""

from __future__ import annotations

from typing import Any, Final

from tests.dbt_project.github_payloads import (
    ADA,
    ADA_ACTOR,
    ATTIC,
    BOT_ACTOR,
    COMMIT,
    COMMIT_PAYLOAD,
    DEPLOYMENT,
    DETAILS,
    GAUGE,
    JOB,
    LOST_SHA,
    OWNER,
    PICTURE_SHA,
    PULL_REQUEST,
    RELEASE,
    REPOSITORY,
    REVIEW,
    REVIEW_COMMENT,
    RUN,
    TEXT_SHA,
    THREAD,
    WEB,
    WIKI_PAGE,
    at,
    text,
)
from tests.raw_warehouse import Event, RawWarehouse


def file(path: str, sha: str, day: int = 2, *, branch: str = "main", **fields: Any) -> Event:
    container = fields.pop("container", GAUGE)
    payload = {
        "branch": branch,
        "path": path,
        "mode": "100644",
        "type": "blob",
        "sha": sha,
        "size": 12,
        "commit": COMMIT,
        "is_generated": False,
        "is_vendored": False,
        "skipped": None,
        **fields,
    }
    return Event(f"{branch}:{path}", payload, at(day), container=container)


def gone(event: Event, day: int, reason: str, renamed_to: str | None = None) -> Event:
    payload = {
        "reason": reason,
        "renamed_to": renamed_to,
        "evidence": {"commit": COMMIT, "tree": "d" * 40},
    }
    return Event(event.external_id, payload, at(day), "delete", event.container)


def blob(sha: str, content: str | None) -> Event:
    payload = {
        "sha": sha,
        "size": 12,
        "mime_type": "text/plain" if content else "image/png",
        "encoding": "utf-8" if content else "base64",
        "is_binary": content is None,
        "text": content,
        "key": None if content else f"22/{sha}",
    }
    return Event(sha, payload, at(2))


def discussion(number: int, **fields: Any) -> Event:
    payload = {
        "id": f"D_{number}",
        "databaseId": 100 + number,
        "number": number,
        "url": f"{WEB}/discussions/{number}",
        "title": "How deep is the water?",
        "body": "I wonder.",
        "author": ADA_ACTOR,
        "authorAssociation": "MEMBER",
        "category": {"name": "Q&A", "slug": "q-a", "isAnswerable": True},
        "labels": {"totalCount": 1, "nodes": [{"id": "L", "name": "question"}]},
        "upvoteCount": 3,
        "locked": False,
        "closed": True,
        "closedAt": text(6),
        "stateReason": "RESOLVED",
        "isAnswered": True,
        "answer": {"id": "DC_2"},
        "answerChosenAt": text(5),
        "answerChosenBy": ADA_ACTOR,
        "createdAt": text(1),
        "lastEditedAt": None,
        "updatedAt": text(6),
        **fields,
    }
    return Event(f"D_{number}", payload, at(6))


def discussion_comment(number: int, **fields: Any) -> Event:
    payload = {
        "id": f"DC_{number}",
        "databaseId": number,
        "url": f"{WEB}/discussions/7#discussioncomment-{number}",
        "body": f"comment {number}",
        "author": None,
        "authorAssociation": "NONE",
        "isAnswer": False,
        "isMinimized": False,
        "minimizedReason": None,
        "upvoteCount": 0,
        "createdAt": text(number),
        "lastEditedAt": None,
        "updatedAt": text(number),
        "deletedAt": None,
        "discussion": {"id": "D_7", "number": 7},
        "replyTo": None,
        **fields,
    }
    return Event(f"DC_{number}", payload, at(number))


def status(number: int, state: str, creator: Any) -> Event:
    payload = {
        "id": f"DES_{number}",
        "state": state,
        "description": "Docked.",
        "environment": "harbour",
        "environmentUrl": "https://harbour.example",
        "logUrl": None,
        "creator": creator,
        "createdAt": text(5, number),
        "updatedAt": text(5, number),
        "deployment": {"id": "DE_70", "databaseId": 70},
    }
    return Event(f"DES_{number}", payload, at(5, number))


def counts(stars: int, day: int) -> Event:
    payload = {
        "id": 1,
        "stargazers_count": stars,
        "forks_count": 2,
        "subscribers_count": 3,
        "open_issues_count": 4,
        "size": 5,
    }
    return Event("R_1", payload, at(day))


def fill(raw: RawWarehouse) -> None:
    """Load everything above."""
    for table, events in _LISTINGS.items():
        container = OWNER if table in ("organizations", "teams", "team_members") else GAUGE
        placed = [Event(name, payload, at(1), container=container) for name, payload in events]
        raw.listing("raw_github", table, container, placed)
    # The same names in another repository are other objects.
    for table in ("branches", "tags", "collaborators", "wiki_pages"):
        placed = [Event(name, data, at(1), container=ATTIC) for name, data in _LISTINGS[table][:1]]
        raw.listing("raw_github", table, ATTIC, placed)
    raw.load("raw_github", _events())
    raw.load("raw_github", _later_events())


def _branch(name: str, rule: dict[str, str] | None, rules: int) -> tuple[str, dict[str, Any]]:
    target = {"__typename": "Commit", "oid": COMMIT}
    counted = {"totalCount": rules}
    return name, {"name": name, "target": target, "refUpdateRule": rule, "rules": counted}


def _tag(name: str, target: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"REF_{name}", "name": name, "target": target}


def _collaborator(name: str, permission: str, *roles: str) -> tuple[str, dict[str, Any]]:
    sources = [{"permission": "READ", "roleName": role} for role in roles] or None
    account = {"__typename": "User", "id": name, "login": name[2:], "url": "https://github.com/u"}
    return name, {**account, "permission": permission, "permissionSources": sources}


_LISTINGS: Final[dict[str, list[tuple[str, dict[str, Any]]]]] = {
    "repositories": [("R_1", REPOSITORY)],
    # The first of each is a row of REST, the others are GraphQL's.
    "branches": [
        ("main", {"name": "main", "protected": True, "commit": {"sha": COMMIT}}),
        _branch("next", None, 0),
        _branch("release/1", {"pattern": "release/*"}, 0),
        _branch("ruled", None, 1),
    ],
    "tags": [
        ("v1", {"name": "v1", "node_id": "REF_1", "commit": {"sha": COMMIT}}),
        ("v2", _tag("v2", {"__typename": "Commit", "oid": COMMIT})),
        (
            "v3",
            _tag(
                "v3",
                {"__typename": "Tag", "oid": "6" * 40}
                | {"target": {"__typename": "Commit", "oid": COMMIT}},
            ),
        ),
    ],
    "labels": [
        ("LA_1", {"id": 1, "node_id": "LA_1", "name": "bug", "color": "d73a4a", "default": True}),
        (
            "LA_2",
            {"id": "LA_2", "name": "tide", "color": "0075ca", "description": "Water"}
            | {"isDefault": False, "url": "https://github.com/tidewater-labs/gauge/labels/tide"},
        ),
    ],
    "milestones": [
        (
            "MI_1",
            {"id": 1, "node_id": "MI_1", "number": 1, "title": "Ebb", "state": "closed"}
            | {"html_url": "https://github.com/m/1", "url": "https://api.github.com/m/1"}
            | {"open_issues": 0, "closed_issues": 4, "creator": ADA, "created_at": text(1)}
            | {"updated_at": text(2), "due_on": None, "closed_at": text(2)},
        ),
        (
            "MI_2",
            {"id": "MI_2", "number": 2, "title": "Flood", "description": "High", "state": "OPEN"}
            | {"url": "https://github.com/m/2", "creator": BOT_ACTOR}
            | {"openIssues": {"totalCount": 3}, "openPullRequests": {"totalCount": 1}}
            | {"closedIssues": {"totalCount": 5}, "closedPullRequests": {"totalCount": 2}}
            | {"createdAt": text(1), "updatedAt": text(2), "dueOn": text(5), "closedAt": None},
        ),
    ],
    "releases": [("RE_1", RELEASE)],
    "collaborators": [
        (
            "U_ada",
            {**ADA, "html_url": "https://github.com/ada", "role_name": "write"}
            | {"permissions": {"pull": True, "triage": True, "push": True, "admin": False}},
        ),
        _collaborator("U_boss", "ADMIN", "admin", "reviewer"),
        _collaborator("U_custom", "WRITE", "write", "reviewer"),
        _collaborator("U_dora", "TRIAGE"),
    ],
    "wiki_pages": [(str(WIKI_PAGE["path"]), WIKI_PAGE)],
    "organizations": [
        ("O_1", {"id": 5, "login": OWNER, "name": "Tidewater Labs", "created_at": text(1)}),
        (
            "O_2",
            {"id": "O_2", "databaseId": 7, "login": "ebb", "name": "Ebb", "description": "Low"}
            | {"url": "https://github.com/ebb", "websiteUrl": "https://ebb.example"}
            | {"location": "Holm", "isVerified": True, "createdAt": text(1)}
            | {"updatedAt": text(2), "publicRepositories": {"totalCount": 3}},
        ),
    ],
    "teams": [
        (
            "T_1",
            {"id": "T_1", "databaseId": 6, "slug": "tide", "name": "Tide"}
            | {"combinedSlug": f"{OWNER}/tide", "privacy": "VISIBLE", "createdAt": text(1)}
            | {"parentTeam": {"id": "T_0", "slug": "sea"}, "url": "https://github.com/orgs/t"},
        )
    ],
    "team_members": [
        (
            "T_1:U_ada",
            {"team": {"id": "T_1", "slug": "tide"}, "role": "MAINTAINER"}
            | {"member": {"id": "U_ada", "databaseId": 9, "login": "ada", "name": None}},
        )
    ],
}


def _events() -> dict[str, list[Event]]:
    changed = {"path": "alarm.py", "changeType": "MODIFIED", "additions": 5, "deletions": 2}
    commit = {"oid": COMMIT, "committedDate": text(4), "messageHeadline": "Fix the alarm"}
    renamed = {"status": "R", "path": "alarm.py", "previous_path": "bell.py", "mode": "100644"}
    return {
        "repository_counts": [counts(10, 1)],
        "pull_requests": [Event("PR_3", PULL_REQUEST, at(4))],
        "pull_request_details": [Event("PR_3", DETAILS, at(4))],
        "pull_request_files": [
            Event("PR_3", {"id": "PR_3", "number": 3, "files": [changed]}, at(4))
        ],
        "pull_request_commits": [
            Event("PR_3", {"id": "PR_3", "number": 3, "commits": [commit]}, at(4))
        ],
        "reviews": [Event("PRR_1", REVIEW, at(2, 2))],
        "review_threads": [Event("PRRT_1", THREAD, at(4))],
        "review_comments": [Event("PRRC_50", REVIEW_COMMENT, at(2))],
        "discussions": [discussion(7)],
        "discussion_comments": [
            discussion_comment(1),
            discussion_comment(2, author=BOT_ACTOR, replyTo={"id": "DC_1"}, isAnswer=True),
            discussion_comment(3, deletedAt=text(9), isMinimized=True, minimizedReason="SPAM"),
            discussion_comment(4, replyTo={"id": "DC_9"}, discussion={"id": "D_9", "number": 9}),
        ],
        "commits": [Event(COMMIT, COMMIT_PAYLOAD, at(4))],
        "commit_files": [
            Event(
                COMMIT,
                {"sha": COMMIT, "committed_at": text(4), "files": [{**renamed, "sha": TEXT_SHA}]},
                at(4),
            )
        ],
        "files": [
            file("README.md", TEXT_SHA),
            file("README.md", TEXT_SHA, branch="a b"),
            file("README.md", TEXT_SHA, container=ATTIC),
            file("docs/depth chart.png", PICTURE_SHA),
            file("lost.txt", LOST_SHA),
            file("vendor/tide.js", TEXT_SHA, is_vendored=True),
            file("tide.pb.go", TEXT_SHA, is_generated=True),
            file("huge.csv", TEXT_SHA, skipped="too_large"),
            file("hull", COMMIT, type="submodule", mode="160000", size=None),
            file("bell.py", TEXT_SHA),
            file("old.py", TEXT_SHA),
        ],
        "blobs": [blob(TEXT_SHA, "# Gauge\n"), blob(PICTURE_SHA, None)],
        "workflow_runs": [Event("WFR_900", RUN, at(3))],
        "workflow_jobs": [Event("CR_1", JOB, at(3))],
        "deployments": [Event("DE_70", DEPLOYMENT, at(6))],
        "deployment_statuses": [status(1, "IN_PROGRESS", ADA_ACTOR), status(2, "SUCCESS", None)],
    }


def _later_events() -> dict[str, list[Event]]:
    return {
        "repository_counts": [counts(11, 2)],
        "files": [
            gone(file("bell.py", TEXT_SHA), 3, "renamed", "alarm.py"),
            gone(file("old.py", TEXT_SHA), 3, "deleted"),
        ],
    }
