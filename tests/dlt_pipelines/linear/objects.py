"""Linear's other objects for tests: what each kind must have by the contract, and what is given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.workspaces import Json, at_ms, demo, linear_project, uuid


def person(number: int = 0) -> Json:
    """Somebody of the demo, as a reference."""
    rows = [row for row in _rows("users") if not row.get("app")]
    return {"id": rows[number]["id"]}


def team_reference(key: str) -> Json:
    """A team of the demo, as a reference."""
    return next({"id": r["id"], "key": r["key"]} for r in _rows("teams") if r["key"] == key)


def reference(row: Json | None) -> Json | None:
    """What another object holds of this one."""
    if row is None:
        return None
    return {name: row[name] for name in ("id", "identifier", "key") if name in row}


def membership(number: int, team: str, **changed: Any) -> Json:
    """Somebody's membership in a team."""
    base = {"user": person(number), "team": team_reference(team), "owner": False, "sortOrder": 1.0}
    return _object(f"membership {team} {number}", 0, base, changed)


def project_status(number: int, **changed: Any) -> Json:
    """A status that projects may have."""
    base = {"name": f"Status {number}", "type": "started", "color": "#f2c94c", "position": 1.0}
    return _object(f"status {number}", 0, {**base, "indefinite": False}, changed)


def milestone(number: int, project: Json, seconds: float = 0, **changed: Any) -> Json:
    """A milestone of a project."""
    base = {
        "name": f"Milestone {number}",
        "project": reference(project),
        "status": "next",
        "sortOrder": float(number),
        "progress": 0.0,
        "currentProgress": {},
        "progressHistory": {},
    }
    return _object(f"milestone {number}", seconds, base, changed)


def project_update(number: int, project: Json, seconds: float = 0, **changed: Any) -> Json:
    """An update about a project."""
    return _update(f"project update {number}", {"project": reference(project)}, seconds, changed)


def initiative_update(number: int, initiative: Json, seconds: float = 0, **changed: Any) -> Json:
    """An update about an initiative."""
    parent = {"initiative": reference(initiative)}
    return _update(f"initiative update {number}", parent, seconds, changed)


def initiative(number: int, seconds: float = 0, **changed: Any) -> Json:
    """An initiative of the workspace."""
    base = {
        "name": f"Initiative {number}",
        "description": f"About {number}",
        "slugId": f"initiative{number}",
        "url": f"https://linear.app/tidewater/initiative/{number}",
        "status": "Active",
        "priority": 0,
        "prioritySortOrder": 0.0,
        "sortOrder": float(number),
        "visibility": "public",
        "previousIdentifiers": [],
        "labelIds": [],
        "frequencyResolution": "weekly",
        "creator": person(),
        "owner": person(),
    }
    return _object(f"initiative {number}", seconds, base, changed)


def initiative_to_project(initiative: Json, project: Json, **changed: Any) -> Json:
    """A project as part of an initiative."""
    base = {"initiative": reference(initiative), "project": reference(project), "sortOrder": "1"}
    return _object(f"{initiative['id']} {project['id']}", 0, base, changed)


def document(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A document; what it belongs to is up to the test."""
    base = {
        "title": f"Document {number}",
        "content": f"Text {number}",
        "slugId": f"document{number}",
        "url": f"https://linear.app/tidewater/document/{number}",
        "sortOrder": float(number),
        "creator": person(),
        **dict.fromkeys(("team", "project", "issue", "cycle", "initiative")),
    }
    return _object(f"document {number}", seconds, base, changed)


def attachment(number: int, issue: Json, seconds: float = 0, **changed: Any) -> Json:
    """A link on an issue."""
    base = {
        "title": f"Attachment {number}",
        "url": f"https://example.com/{number}",
        "groupBySource": False,
        "metadata": {"team": {"key": "none of ours"}},
        "issue": reference(issue),
        "creator": person(),
    }
    return _object(f"attachment {number}", seconds, base, changed)


def customer(number: int, seconds: float = 0, **changed: Any) -> Json:
    """A customer of the workspace."""
    base = {
        "name": f"Customer {number}",
        "domains": [f"customer{number}.example"],
        "externalIds": [],
        "slugId": f"customer{number}",
        "url": f"https://linear.app/tidewater/customer/{number}",
        "approximateNeedCount": 0.0,
        "status": {"id": uuid("customer status"), "name": "Active"},
        "tier": None,
        "owner": person(),
    }
    return _object(f"customer {number}", seconds, base, changed)


def need(number: int, customer: Json, seconds: float = 0, **changed: Any) -> Json:
    """A request of a customer."""
    base = {
        "body": f"Need {number}",
        "priority": 0.0,
        "customer": reference(customer),
        "creator": person(),
        **dict.fromkeys(("issue", "project", "comment", "attachment")),
    }
    return _object(f"need {number}", seconds, base, changed)


def cycle(number: int, team: str, seconds: float = 0, **changed: Any) -> Json:
    """A cycle of a team."""
    base = {
        "number": float(number),
        "name": f"Cycle {number}",
        "team": team_reference(team),
        "startsAt": at_ms(0),
        "endsAt": at_ms(14 * 86_400),
        "isActive": False,
        "isFuture": False,
        "isNext": False,
        "isPast": True,
        "isPrevious": False,
        "progress": 0.0,
    }
    return _object(f"cycle {team} {number}", seconds, base, changed)


def relation(number: int, issue: Json, related: Json, **changed: Any) -> Json:
    """What one issue does to another."""
    base = {"type": "blocks", "issue": reference(issue), "relatedIssue": reference(related)}
    return _object(f"relation {number}", 0, base, changed)


def history(number: int, issue: Json, seconds: float = 0, **changed: Any) -> Json:
    """An entry of an issue's history."""
    base = {"issue": reference(issue), "actor": person(), "actorId": person()["id"]}
    return _object(f"history {issue['id']} {number}", seconds, base, changed)


def project_of(number: int, teams: Iterable[str], seconds: float = 0, **changed: Any) -> Json:
    """A project of these teams, with nobody and no label on it."""
    nobody: Json = {"labels": {"nodes": []}, "members": {"nodes": []}}
    return linear_project(number, teams, seconds, **{**nobody, **changed})


def _update(name: str, parent: Json, seconds: float, changed: Json) -> Json:
    base = {
        **parent,
        "body": f"How it goes: {name}",
        "bodyData": "{}",
        "health": "onTrack",
        "slugId": name.replace(" ", ""),
        "url": f"https://linear.app/tidewater/{name.replace(' ', '/')}",
        "user": person(),
        "isStale": False,
        "isDiffHidden": False,
        "commentCount": 0,
        "reactionData": {},
    }
    return _object(name, seconds, base, changed)


def _object(name: str, seconds: float, base: Json, changed: Json) -> Json:
    times = {"createdAt": at_ms(seconds), "updatedAt": at_ms(seconds), "archivedAt": None}
    return {"id": uuid(name), **times, **base, **changed}


def _rows(kind: str) -> list[Json]:

    return [json.loads(line) for line in demo()["linear"][kind]]
