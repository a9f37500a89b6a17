"""How many requests syncs of Linear and Notion make, counted in the sandbox's own log."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include import steps
from include.sandbox import Exchange, Sandbox, Workspace
from include.settings import Settings

SOURCES: Final = ("linear", "notion")
CONTENTS: Final = "contents"
# What a path of Notion is about; any other is the content of pages.
PATHS: Final = (
    (r"/data_sources/[^/]+/query$", "query"),
    (r"/users(/|$)", "users"),
    (r"/comments$", "comments"),
    (r"/(databases|data_sources)/[^/]+$", "databases"),
)


@dataclass(frozen=True)
class Syncs:
    """Requests by what they are about: of a first sync, and of one in which nothing has changed."""

    first: Counter[str]
    again: Counter[str]


def sync_demo_twice(source: str, folder: Path) -> Syncs:
    """Sync one source of the demo workspace twice, never with a real token."""
    with Sandbox(Workspace.demo()) as sandbox:
        settings = Settings(folder, sandbox_url=sandbox.url, secret_lookup=lambda _: None)
        counted = []
        for _ in range(2):
            sandbox.requests.clear()
            _, failures = steps.sync(settings, source)
            if failures:
                raise failures[0]
            counted.append(Counter(subject_of(exchange) for exchange in sandbox.requests))
    return Syncs(*counted)


def subject_of(exchange: Exchange) -> str:
    """What a request asks for: a GraphQL operation, a search for one kind, or what a path lists."""
    if exchange.operations:
        return exchange.operations[0]
    if exchange.path.endswith("/search"):
        kind = json.loads(exchange.request_body or "{}").get("filter", {}).get("value", "all")
        return f"search {kind}"
    return next((name for path, name in PATHS if re.search(path, exchange.path)), CONTENTS)


def data_sources() -> int:
    """How many data sources the demo has, trash included."""
    return len(Workspace.demo().notion.data_sources)
