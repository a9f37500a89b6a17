"""What can go wrong at each provider, and random schedules of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from include.sandbox.faults import Fault


@dataclass(frozen=True)
class Provider:
    """What can go wrong at one provider, and where.

    `fields` are what may have another type: the operation or path that brings a record, one of its
    fields, and a value that is not of the documented type.
    """

    name: str
    kinds: tuple[Fault, ...]
    paths: tuple[str, ...]
    fields: tuple[Fault, ...]

    def fault(self, number: int, path: str, after: int, times: int) -> Fault:
        """One of the kinds, at a place and time."""
        kind = self.kinds[number]
        values = {name: getattr(kind, name) for name in kind.__struct_fields__}
        return Fault(**{**values, "path": kind.path or path, "after": after, "times": times})

    def schedule(self, number: int, chosen: random.Random) -> list[Fault]:
        """Up to six faults, which hit one after the other; the first is each kind in its turn."""
        return [
            self.fault(
                chosen.randrange(len(self.kinds)) if place else number % len(self.kinds),
                chosen.choice(self.paths),
                chosen.randint(0, 6),
                chosen.randint(1, 5),
            )
            for place in range(chosen.randint(1, 6))
        ]


COMMON = (
    Fault(kind="status", status=500),
    Fault(kind="status", status=502),
    Fault(kind="status", status=503, headers={"retry-after": "0"}),
    Fault(kind="status", status=401),
    Fault(kind="status", status=403),
    Fault(kind="rate_limit", seconds=0),
    Fault(kind="html", status=502),
    Fault(kind="html", status=200),
    Fault(kind="slow", seconds=0.05),
    Fault(kind="trickle", seconds=0.05, value=4),
    Fault(kind="clock", seconds=-600),
    Fault(kind="truncated"),
    Fault(kind="dropped"),
    Fault(kind="duplicate"),
)


def wrong(value: object, *keys: str, path: str = "", operation: str | None = None) -> list[Fault]:
    """Fields that are not what the contract says, in every page's first records."""
    return [
        Fault(kind="replace", key=key, value=value, path=path, operation=operation, times=None)
        for key in keys
    ]


GITHUB = Provider(
    "github",
    (
        *COMMON,
        Fault(kind="status", status=404),
        Fault(kind="rate_limit", status=429, seconds=0),
        Fault(kind="secondary_limit", seconds=0),
        Fault(kind="page_too_large", value=2, path="/graphql$"),
        Fault(kind="page_too_large", value=0, path="/graphql$"),
        Fault(
            kind="graphql_error",
            path="/graphql$",
            value={"message": "Something went wrong while executing your query."},
        ),
        Fault(
            kind="graphql_error",
            path="/graphql$",
            value={"type": "INTERNAL", "message": "broken", "path": ["nodes", 0]},
        ),
        Fault(
            kind="graphql_error", path="/graphql$", value={"type": "RATE_LIMITED", "message": "no"}
        ),
    ),
    (
        "",
        "/issues$",
        "/issues/comments$",
        "/issues/events$",
        "/pulls$",
        "/pulls/comments$",
        "/releases$",
        "/commits$",
        "/actions/runs$",
        "/deployments$",
        "/git/trees/",
        "/tarball/",
        "/graphql$",
    ),
    (
        *wrong({"a": 1}, "title", "body", "created_at", "html_url", path="/issues$"),
        *wrong("x", "labels", "user", "assignees", "number", "milestone", path="/issues$"),
        *wrong(7, "node_id", "updated_at", "state", "closed_at", path="/issues$"),
        *wrong([1], "body", "user", "issue_url", "created_at", path="/issues/comments$"),
        *wrong(7, "actor", "event", "created_at", "label", path="/issues/events$"),
        *wrong(True, "title", "head", "base", "merged_at", "draft", "user", path="/pulls$"),
        *wrong([], "author", "commit", "parents", "sha", path="/commits$"),
    ),
)
LINEAR = Provider(
    "linear",
    (
        *COMMON,
        Fault(kind="graphql_error", value={"message": "Internal server error"}),
        Fault(
            kind="graphql_error",
            value={
                "message": "Query too complex",
                "path": ["page"],
                "extensions": {"code": "INVALID_INPUT"},
            },
        ),
    ),
    ("",),
    (
        *wrong({"a": 1}, "title", "description", "createdAt", "url", operation="issues"),
        *wrong("x", "labels", "assignee", "priority", "state", operation="issues"),
        *wrong(7, "id", "updatedAt", "identifier", "completedAt", operation="issues"),
        *wrong([1], "body", "user", "createdAt", "parent", operation="comments"),
        *wrong(7, "name", "teams", "lead", "targetDate", operation="projects"),
        *wrong(True, "name", "type", "team", operation="workflowStates"),
    ),
)
NOTION = Provider(
    "notion",
    (
        *COMMON[:-1],
        # A piece of a long text has no id: sent twice, it is there twice.
        Fault(kind="duplicate", path="/(users|search|query|children|comments)$"),
        Fault(kind="status", status=404),
        Fault(kind="status", status=409),
        Fault(kind="status", status=529, headers={"retry-after": "0"}),
        Fault(kind="blocked"),
    ),
    (
        "",
        "/users$",
        "/search$",
        "/query$",
        "/children$",
        "/comments$",
        "/properties/",
        "/markdown$",
    ),
    (
        *wrong("x", "properties", "created_by", "icon", "parent", path="/search$"),
        *wrong(7, "last_edited_time", "created_time", "url", "id", path="/search$"),
        *wrong([1], "paragraph", "type", "has_children", path="/children$"),
        *wrong({"a": 1}, "rich_text", "created_by", "created_time", path="/comments$"),
        *wrong(True, "name", "type", "person", path="/users$"),
    ),
)
PROVIDERS = {provider.name: provider for provider in (GITHUB, LINEAR, NOTION)}
