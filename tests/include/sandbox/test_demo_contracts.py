"""Every row of the demo is what its provider could have sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.sandbox.linear_schema import COLLECTIONS
from tests.include.sandbox.contracts import judge_rows, require_contracts
from tests.include.sandbox.demo_rows import (
    DEMO,
    GAUGE,
    HEADWATER,
    linear,
    notion,
    rows,
)

GITHUB_PATHS = {
    "issues": "/issues",
    "pull_requests": "/pulls",
    "issue_comments": "/issues/comments",
    "review_comments": "/pulls/comments",
    "reviews": "/pulls/16/reviews",
    "issue_events": "/issues/events",
    "commits": "/commits",
    "labels": "/labels",
    "milestones": "/milestones",
}


@pytest.mark.parametrize("folder", [GAUGE, HEADWATER])
def test_github_payloads_are_valid(folder: str) -> None:
    path = folder.replace("github/", "/repos/")
    repository = (DEMO / folder / "repository.json").read_text(encoding="utf-8")
    judge_rows("github", path, json.loads(repository))
    for kind, listing in GITHUB_PATHS.items():
        judge_rows("github", path + listing, rows(f"{folder}/{kind}"))


def asked(value: Any) -> str:
    """The selection that a payload answers; `metadata` and `source` are JSON to Linear, too."""
    if isinstance(value, list):
        return asked(value[0]) if value else "{ id }"
    if not isinstance(value, dict):
        return ""
    fields = [
        name if name in ("metadata", "source") or not nests(item) else f"{name} {asked(item)}"
        for name, item in value.items()
    ]
    return f"{{ {' '.join(fields)} }}"


def nests(value: Any) -> bool:
    """Whether a value is an object or a list of such."""
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) for item in items)


@require_contracts
@pytest.mark.parametrize(("type_name", "kind"), sorted(COLLECTIONS.items()))
def test_linear_payloads_are_what_the_schema_would_answer(type_name: str, kind: str) -> None:
    field = f"{type_name[0].lower()}{type_name[1:]}"
    for row in linear(kind):
        known = {name: value for name, value in row.items() if value is not None}
        if not (known.get("labels") or {"nodes": [1]})["nodes"]:
            del known["labels"]
        for empty in [name for name, value in known.items() if value == [] and "Labels" in name]:
            del known[empty]
        bare = " ".join(name for name in row if name not in known and name in NULL_LEAVES)
        selection = asked(known)[:-1] + bare + " }"
        answer = {name: row[name] for name in row if name in known or name in NULL_LEAVES}
        if kind == "issue_history":
            query = f'{{ issue(id: "1") {{ history {{ nodes {selection} }} }} }}'
            judge_rows(
                "linear", "/graphql", {"data": {"issue": {"history": {"nodes": [answer]}}}}, query
            )
        else:
            query = f'{{ {field}(id: "1") {selection} }}'
            judge_rows("linear", "/graphql", {"data": {field: answer}}, query)


NULL_LEAVES = ("archivedAt", "description", "dueDate", "editedAt", "resolvedAt", "trashed")
"""Fields that may be null and have no fields of their own."""


@require_contracts
@pytest.mark.parametrize(
    "kind", ["users", "pages", "data_sources", "databases", "blocks", "comments"]
)
def test_notion_payloads_are_valid(kind: str) -> None:
    for row in notion(kind):
        judge_rows("notion", f"/v1/{kind}/{row['id']}", row)
