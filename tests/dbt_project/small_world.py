"""A small team's data in a raw warehouse: three sources, two stores, one private repository."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.dbt_project import github_objects
from tests.dbt_project.github_payloads import (
    ADA,
    ADA_ACTOR,
    API,
    ATTIC,
    DEPLOYMENT,
    GAUGE,
    PULL_REQUEST,
    REPOSITORY,
    REVIEW,
    WEB,
    at,
    text,
)
from tests.raw_warehouse import Event, RawWarehouse

BO: Final = {"node_id": "U_bo", "login": "bo", "type": "User"}
BO_ACTOR: Final = {"__typename": "User", "id": "U_bo", "login": "bo"}
MIRROR: Final = "mirror"
NOW: Final = datetime.now(UTC)

SOURCES: Final = """\
sources:
  - name: github
    type: github
    owner: tidewater-labs
    secret: GITHUB_TOKEN
    stores: [engineering]
    content_visibility: mixed
    repositories: [{name: tidewater-labs/gauge}, {name: tidewater-labs/attic}]
  - name: mirror
    type: github
    owner: tidewater-labs
    secret: MIRROR_TOKEN
    stores: [engineering, archive]
    repositories: [{name: tidewater-labs/gauge}]
  - name: linear
    type: linear
    owner: tidewater
    secret: LINEAR_API_KEY
    stores: [planning]
    teams: [ENG]
"""


def issue(number: int, title: str, day: int, **fields: Any) -> Event:
    container = fields.pop("container", GAUGE)
    connection_id = fields.pop("connection_id", None)
    payload = {
        "number": number,
        "title": title,
        "body": None,
        "state": "open",
        "html_url": f"https://github.com/{container}/issues/{number}",
        "user": ADA,
        "labels": [],
        "assignees": [],
        "created_at": text(1),
        "updated_at": text(day),
        **fields,
    }
    return Event(
        f"I_{container}_{number}", payload, at(day), "upsert", container, connection_id, at(28)
    )


def issue_event(number: int, issue_number: int, name: str, day: int) -> Event:
    payload = {
        "id": number,
        "event": name,
        "actor": BO,
        "issue": {"number": issue_number},
        "created_at": text(day),
    }
    return Event(f"IE_{number}", payload, at(day))


def comment(number: int, on: int, author: dict[str, Any], day: int) -> Event:
    payload = {
        "id": number,
        "body": f"comment {number}",
        "html_url": f"{WEB}/issues/{on}#issuecomment-{number}",
        "issue_url": f"{API}/issues/{on}",
        "user": author,
        "created_at": text(day),
        "updated_at": text(day),
    }
    return Event(f"IC_{number}", payload, at(day))


def linear_issue(number: int, **fields: Any) -> Event:
    payload = {
        "id": f"li-{number}",
        "identifier": f"ENG-{number}",
        "number": number,
        "title": f"Plan {number}",
        "description": None,
        "url": f"https://linear.app/tidewater/issue/ENG-{number}",
        "team": {"id": "t-eng", "key": "ENG"},
        "state": {"id": "s-1", "name": "Doing", "type": "started"},
        "creator": {"id": "lu-ada"},
        "assignee": {"id": "lu-bo"},
        "labels": {"nodes": []},
        "createdAt": text(1),
        "updatedAt": text(6),
        "startedAt": text(2),
        **fields,
    }
    return Event(f"li-{number}", payload, at(6), container="ENG")


def source(name: str, source_type: str, stores: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "connection_id": name,
        "source_type": source_type,
        "stores": stores,
        "sync_frequency_minutes": 60,
        "is_enabled": True,
        "content_visibility": "private",
        "owner": "tidewater-labs",
        "secret_name": f"{name.upper()}_TOKEN",
        "containers": [{"container": GAUGE, "kind": "repository", "settings": {}}],
        "is_configured": True,
        "observed_at": at(20),
        **fields,
    }


def sync_event(
    sync_id: str, minute: int, event: str, resource: str | None = None, **details: Any
) -> dict[str, Any]:
    connection_id, container = {"g": ("github", GAUGE), "l": ("linear", "ENG")}[sync_id[0]]
    return {
        "ledger_event_id": f"{sync_id}-{minute}",
        "sync_id": sync_id,
        "connection_id": connection_id,
        "source_type": connection_id,
        "container": container,
        "resource": resource,
        "event": event,
        "occurred_at": at(20) + timedelta(minutes=minute),
        "details": details,
    }


def fill(raw: RawWarehouse) -> None:
    """Load all of it."""
    github_objects.fill(raw)
    raw.listing(
        *("raw_github", "repositories", ATTIC),
        [
            Event(
                "R_2",
                REPOSITORY | {"id": 2, "name": "attic", "full_name": ATTIC, "private": True},
                at(1),
                container=ATTIC,
            )
        ],
    )
    raw.load("raw_github", _github_events())
    raw.load(
        "raw_linear",
        {
            "issues": [
                linear_issue(1, description=f"Make {WEB}/issues/1 heard."),
                linear_issue(
                    2,
                    state={"id": "s-2", "name": "Done", "type": "completed"},
                    completedAt=text(4),
                ),
            ],
        },
    )
    raw.ledger(
        "sources",
        [
            source("github", "github", ["engineering"], content_visibility="mixed"),
            source(MIRROR, "github", ["engineering", "archive"]),
            source(
                *("linear", "linear", ["planning"]),
                containers=[{"container": "ENG", "kind": "team", "settings": {}}],
            ),
        ],
    )
    started = {"mode": "incremental", "trigger": "cli"}
    read = {"items_processed": 3, "items_succeeded": 3, "items_failed": 0, "is_complete": True}
    raw.ledger(
        "sync_events",
        [
            sync_event("g1", 0, "started", resources=["issues"], **started),
            sync_event(
                *("g1", 1, "extracted", "issues"),
                **(read | {"requests_made": 4, "bytes_received": 900, "cursor_after": text(6)}),
            ),
            sync_event("g1", 2, "loaded", load_ids=["1"], rows_added={"issues": 2}),
            sync_event("l1", 3, "started", resources=["issues"], **started),
            sync_event(
                *("l1", 4, "failed"),
                stage="extract",
                error_code="timeout",
                error_message="linear: …",
            ),
        ],
    )
    letter = {
        "dead_letter_event_id": "d-1",
        "dead_letter_id": "d",
        "sync_id": "g1",
        "connection_id": "github",
        "source_type": "github",
        "container": GAUGE,
        "resource": "issues",
        "external_id": None,
        "stage": "extract",
        "error_code": "ValidationError",
        "error_message": "…",
        "payload": '{"title": "unreadable and private"}',
        "occurred_at": NOW - timedelta(hours=1),
    }
    old = {"dead_letter_event_id": "d-2", "dead_letter_id": "e", "occurred_at": at(20)}
    raw.ledger("dead_letters", [letter, letter | old])


def _github_events() -> dict[str, list[Event]]:
    approval = REVIEW | {
        "id": "PRR_2",
        "fullDatabaseId": "2",
        "state": "APPROVED",
        "author": BO_ACTOR,
        "submittedAt": text(3),
    }
    waiting = PULL_REQUEST | {
        "number": 4,
        "title": "Louder alarm",
        "state": "open",
        "html_url": f"{WEB}/pull/4",
        "requested_reviewers": [BO],
        "merged_at": None,
        "created_at": text(10),
    }
    trial = DEPLOYMENT | {"id": 71, "environment": "staging", "production_environment": False}
    tried = {
        "id": "DES_71",
        "state": "SUCCESS",
        "environment": "staging",
        "creator": ADA_ACTOR,
        "createdAt": text(5),
        "deployment": {"id": "DE_71", "databaseId": 71},
    }
    return {
        "deployments": [Event("DE_71", trial, at(5))],
        "deployment_statuses": [Event("DES_71", tried, at(5))],
        "issues": [
            issue(1, "Alarm too quiet", 6, state="closed", closed_at=text(6)),
            issue(1, "Alarm too quiet", 6, state="closed", connection_id=MIRROR),
            issue(2, "Who has the key", 5, container=ATTIC, body="The key of the harbour."),
            issue(5, "Seen by the mirror alone", 5, connection_id=MIRROR),
        ],
        "issue_comments": [comment(11, 1, BO, 2), comment(12, 1, ADA, 3)],
        "issue_events": [
            issue_event(1, 1, "closed", 2),
            issue_event(2, 1, "reopened", 4),
            issue_event(3, 1, "closed", 6),
        ],
        "pull_requests": [Event("PR_4", waiting, at(10))],
        "reviews": [
            Event("PRR_2", approval, at(3)),
            Event("PRR_3", approval | {"id": "PRR_3", "author": ADA_ACTOR}, at(3)),
        ],
    }
