"""People of a small town at three sources: who they are, and what they are called there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tests.raw_warehouse import Event, RawWarehouse

REPOSITORY: Final = "tidewater-labs/gauge"
ADDRESS: Final = "ada@tidewater.example"
ADAS: Final = frozenset(
    {
        "github:U_ada",
        "linear:l_ada",
        "notion:n_ada",
        f"email:{ADDRESS}",
        "email:7+ada@users.noreply.github.com",
        "email:ada@users.noreply.github.com",
    }
)
SAMS: Final = frozenset({"github:U_sam", "email:sam@home.example"})
CYS: Final = frozenset({"github:U_cy", "linear:l_cy"})
GAUGES: Final = frozenset({"github:U_gauge[bot]", "email:9+gauge[bot]@users.noreply.github.com"})
# Whom GitHub's REST names for an account that was deleted.
GHOST: Final = {"node_id": "MDQ6VXNlcjEwMTM3", "id": 10137, "login": "ghost", "type": "User"}


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def account(login: str, kind: str = "User") -> dict[str, Any]:
    return {"node_id": f"U_{login}", "login": login, "type": kind}


def issue(
    number: int, author: dict[str, Any] | None, day: int = 1, *assignees: dict[str, Any]
) -> Event:
    payload: dict[str, Any] = {
        "number": number,
        "title": f"Issue {number}",
        "state": "open",
        "user": author,
        "labels": [],
        "assignees": list(assignees),
        "created_at": at(day).isoformat(),
        "updated_at": at(day).isoformat(),
    }
    return Event(f"I_{number}", payload, at(day))


def commit(
    sha: str,
    name: str,
    email: str,
    author: dict[str, Any] | None = None,
    *,
    by_web: bool = False,
) -> Event:
    """A commit; made in the browser, GitHub itself is its committer."""
    signature = {"name": name, "email": email, "date": at(2).isoformat()}
    web = {"name": "GitHub", "email": "noreply@github.com", "date": at(2).isoformat()}
    payload: dict[str, Any] = {
        "sha": sha,
        "author": author,
        "committer": account("web-flow") if by_web else author,
        "parents": [],
        "commit": {
            "message": sha,
            "author": signature,
            "committer": web if by_web else signature,
        },
    }
    return Event(sha, payload, at(2))


def linear_user(user_id: str, name: str, email: str, **fields: Any) -> Event:
    payload = {"name": name, "displayName": user_id, "email": email, "active": True, **fields}
    return Event(user_id, payload, at(1), container="TID")


def linear_issue(identifier: str, **fields: Any) -> Event:
    payload = {"id": identifier, "identifier": identifier, "team": {"key": "TID"}, **fields}
    return Event(identifier, payload, at(1), container="TID")


def linear_comment(comment_id: str, **fields: Any) -> Event:
    payload = {"id": comment_id, "issue": {"id": "TID-1"}, "createdAt": at(1).isoformat()}
    return Event(comment_id, payload | fields, at(1), container="TID")


def notion_user(user_id: str, name: str, email: str | None) -> Event:
    kind: dict[str, Any] = (
        {"type": "bot"} if email is None else {"type": "person", "person": {"email": email}}
    )
    return Event(user_id, {"name": name, **kind}, at(1), container="Tidewater Labs")


def fill(raw: RawWarehouse) -> None:
    """Three handles of Ada, two people of one name, unverified claims, bots, a role's address.

    Cy and others did nothing: they are assigned, asked for a review or named by a property.
    """
    ada = account("ada")
    asked = [
        {"requestedReviewer": {"__typename": "User", "id": "U_dee", "login": "dee"}},
        {"requestedReviewer": {"__typename": "Team", "id": "T_tide", "slug": "tide"}},
    ]
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(1, ada),
                issue(2, account("sam")),
                issue(3, account("gauge[bot]", "Bot")),
                issue(4, account("dredger", "Bot") | {"id": 44}),
                issue(5, None, 1, account("cy") | {"id": 31}),
                # The login `tide` changed hands, so no address proves who is meant by it.
                issue(6, {**account("tide"), "node_id": "U_tide_1"}),
                issue(7, {**account("tide"), "node_id": "U_tide_2"}),
                issue(8, GHOST),
                # At another host, GitHub's number of that account is somebody's.
                issue(9, GHOST | {"login": "gus"}),
            ],
            "issue_events": [
                Event(
                    "E_1",
                    {
                        "event": "assigned",
                        "actor": account("cy"),
                        "assignee": account("cy"),
                        "assigner": GHOST,
                        "issue": {"number": 5},
                        "created_at": at(1).isoformat(),
                    },
                    at(1),
                )
            ],
            "pull_request_details": [Event("PR_9", {"reviewRequests": {"nodes": asked}}, at(1))],
            "commits": [
                commit("c1", "Ada", ADDRESS.upper(), ada, by_web=True),
                commit("c2", "Ada L.", "7+ada@users.noreply.github.com"),
                commit("c3", "Ada L.", "Ada@users.noreply.github.com"),
                commit("c4", "Bo", "bo@tidewater.example"),
                commit("c5", "Sam Lee", "sam@home.example", account("sam"), by_web=True),
                commit("c6", "Tide", "tide@users.noreply.github.com"),
                commit("c7", "gauge", "9+gauge[bot]@users.noreply.github.com"),
            ],
        },
    )
    raw.listing(
        "raw_linear",
        "users",
        "TID",
        [
            linear_user("l_ada", "Ada Lovelace", ADDRESS.title()),
            # A bot's account does not make a bot of who connected it.
            linear_user("l_bo", "Bo", "bo@tidewater.example", active=False, gitHubUserId="44"),
            linear_user("l_cy", "Cyrus", "cyrus@elsewhere.example", gitHubUserId="31"),
            linear_user("l_eli", "Eli", "eli@tidewater.example", gitHubUserId="404"),
            linear_user("l_sam", "Sam Lee", "sam.lee@tidewater.example"),
            linear_user("l_app", "Gauge", ADDRESS, app=True),
            linear_user("l_ci", "Robot", "no-reply@tidewater.example"),
        ],
    )
    github = {"id": None, "name": "GitHub", "type": "github"}
    raw.load(
        "raw_linear",
        {
            "issues": [linear_issue("TID-1", creator={"id": "l_cy"}, assignee={"id": "l_gone"})],
            "comments": [
                linear_comment("c1", botActor=github),
                # Brought by an integration, but said by somebody.
                linear_comment("c2", botActor=github, externalUser={"id": "x_eve", "name": "Eve"}),
            ],
        },
    )
    raw.listing(
        "raw_notion",
        "users",
        "Tidewater Labs",
        [
            notion_user("n_ada", "A. Lovelace", ADDRESS),
            notion_user("n_bot", "Importer", None),
            notion_user("n_ci", "Robot", "no-reply@tidewater.example"),
        ],
    )
    page = {
        "properties": {"Owner": {"type": "people", "people": [{"id": "n_guest"}]}},
        "parent": {"type": "workspace"},
        "created_by": {"id": "n_ada"},
        "last_edited_by": {"id": "n_gone"},
        "created_time": at(1).isoformat(),
        "last_edited_time": at(2).isoformat(),
    }
    raw.load("raw_notion", {"pages": [Event("p1", page, at(2), container="Tidewater Labs")]})
