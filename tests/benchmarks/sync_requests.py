"""How many requests a sync makes, counted in the sandbox's own log."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from re import search
from typing import Any
from urllib.parse import parse_qsl

from include import steps
from include.sandbox import Exchange, Sandbox, Workspace
from include.settings import Settings

PATHS = {
    "github": (
        ("/issues$", "issues"),
        ("/issues/comments$", "issue_comments"),
        ("/issues/events$", "issue_events"),
        ("/pulls$", "pull_requests"),
        ("/pulls/comments$", "review_comments"),
        ("/reviews$", "reviews"),
        ("/commits$|/compare/", "commits"),
        ("^/repos/[^/]+/[^/]+$", "repositories"),
    ),
    "notion": (
        ("/data_sources/.*/query$", "pages"),
        ("/blocks/", "page_contents"),
        ("/comments$", "comments"),
        ("/users", "users"),
    ),
}
CURSORS = ("after", "start_cursor", "page")
Resource = tuple[str, str]


@dataclass(frozen=True)
class Requests:
    """Requests by (source, resource), and how many of them were neither a listing nor its page."""

    counts: Counter[Resource]
    beyond_pages: Counter[Resource]


def demo_settings(folder: Path, sandbox: Sandbox) -> Settings:
    """The shipped sources against a sandbox, never with a real token."""
    return Settings(folder, sandbox_url=sandbox.url, secret_lookup=lambda _: None)


def sync_demo_twice(folder: Path) -> tuple[Requests, Requests]:
    """A first sync of the demo workspace, then one in which nothing has changed."""
    with Sandbox(Workspace.demo()) as sandbox:
        settings = demo_settings(folder, sandbox)
        counted = []
        for _ in range(2):
            sandbox.requests.clear()
            for source in settings.sources:
                _, failures = steps.sync(settings, source.name)
                if failures:
                    raise failures[0]
            counted.append(count(sandbox.requests))
    return counted[0], counted[1]


def count(log: list[Exchange]) -> Requests:
    """What a log says: a listing is asked for once, and once more for every further page."""
    counts: Counter[Resource] = Counter()
    beyond: Counter[Resource] = Counter()
    seen: set[str] = set()
    for exchange in log:
        resource = exchange.provider, resource_of(exchange)
        variables = parameters(exchange)
        is_next = bool(variables.get("after") or variables.get("start_cursor"))
        is_next |= int(variables.get("page", 1)) > 1
        listing = {k: v for k, v in variables.items() if k not in CURSORS}
        kept = listing if exchange.provider != "github" else {}
        identity = json.dumps([exchange.path, exchange.operations, kept], sort_keys=True)
        counts[resource] += 1
        if not is_next and identity in seen:
            beyond[resource] += 1
        seen.add(identity)
    return Requests(counts, beyond)


def resource_of(exchange: Exchange) -> str:
    """The resource that a request belongs to: a Linear operation, or what a path lists."""
    if exchange.operations:
        return exchange.operations[0]
    if exchange.path.endswith("/search"):
        return f"{parameters(exchange)['filter']['value']}s"
    return next(
        name for pattern, name in PATHS[exchange.provider] if search(pattern, exchange.path)
    )


def parameters(exchange: Exchange) -> dict[str, Any]:
    """Query, body or variables of a request."""
    body = json.loads(exchange.request_body) if exchange.request_body else {}
    return {**dict(parse_qsl(exchange.query)), **body.get("variables", body)}
