"""The recorded corpus, wrapped in raw events as it is: everything in it becomes a document."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.dbt_project.conftest import ROOT, Dbt, read
from tests.raw_warehouse import Event, RawWarehouse

CORPUS: Final = Path(os.environ.get("HEADWATER_SHARED", ROOT.parent / "shared")) / "corpus"
REPOSITORY: Final = "panjf2000/ants"
WORKSPACE: Final = "notion-sdk-py"

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"the recorded corpus is not there: {CORPUS}"
)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text().splitlines()]


def github(name: str, changed: str = "updated_at") -> list[Event]:
    payloads = [line["payload"] for line in lines(f"github/panjf2000__ants/{name}.jsonl")]
    return [
        Event(item["node_id"], item, datetime.fromisoformat(item[changed]), container=REPOSITORY)
        for item in payloads
    ]


def reviews() -> list[Event]:
    """The recorded reviews are REST's; the pipeline reads them from GraphQL."""
    return [
        Event(event.external_id, to_graphql(event.payload), event.occurred_at, container=REPOSITORY)
        for event in github("reviews", "submitted_at")
    ]


def to_graphql(review: Any) -> dict[str, Any]:
    author = review["user"]
    return {
        "id": review["node_id"],
        "fullDatabaseId": str(review["id"]),
        "url": review["html_url"],
        "state": review["state"],
        "body": review["body"],
        "author": author
        and {"__typename": author["type"], "id": author["node_id"], "login": author["login"]},
        "authorAssociation": review["author_association"],
        "commit": {"oid": review["commit_id"]},
        "createdAt": review["submitted_at"],
        "submittedAt": review["submitted_at"],
        "updatedAt": review["submitted_at"],
        "pullRequest": {"number": int(review["pull_request_url"].rsplit("/", 1)[1])},
    }


def commits() -> list[Event]:
    payloads = {
        line["payload"]["sha"]: line["payload"]
        for line in lines("github/panjf2000__ants/pull_commits.jsonl")
    }
    return [
        Event(
            sha,
            item,
            datetime.fromisoformat(item["commit"]["committer"]["date"]),
            container=REPOSITORY,
        )
        for sha, item in payloads.items()
    ]


def linear() -> list[Event]:
    return [
        Event(item["id"], item, datetime.fromisoformat(item["updatedAt"]), container="GAR")
        for item in lines("linear/garraia/issues.jsonl")
    ]


def notion(name: str) -> list[Event]:
    return [
        Event(
            item["id"],
            item,
            datetime.fromisoformat(item["last_edited_time"]),
            container=WORKSPACE,
        )
        for item in lines(f"notion/notion-sdk-py/{name}.jsonl")
    ]


def page_contents() -> list[Event]:
    blocks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for block in lines("notion/notion-sdk-py/blocks.jsonl"):
        if page_id := block["parent"].get("page_id"):
            blocks[page_id].append(block)
    return [
        Event(
            page_id,
            {"object": "page_content", "page_id": page_id, "blocks": children},
            datetime.fromisoformat(children[0]["last_edited_time"]),
            container=WORKSPACE,
        )
        for page_id, children in blocks.items()
    ]


def test_corpus_becomes_documents_and_loses_nothing(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    raw.load(
        "raw_github",
        {
            "issues": github("issues"),
            "pull_requests": github("pulls"),
            "issue_comments": github("issue_comments"),
            "review_comments": github("review_comments"),
            "reviews": reviews(),
            "workflow_runs": github("workflow_runs"),
            "issue_events": github("issue_events", "created_at"),
            "commits": commits(),
        },
    )
    raw.load("raw_linear", {"issues": linear()})
    raw.load(
        "raw_notion",
        {
            "pages": notion("pages"),
            "data_sources": notion("data_sources"),
            "comments": notion("comments"),
            "page_contents": page_contents(),
        },
    )

    dbt("build", "--exclude-resource-type", "unit_test")

    assert read(
        warehouse,
        "select source_type, document_type, count(*) from core.documents group by all order by all",
    ) == [
        ("github", "comment", 94),
        ("github", "commit", 90),
        ("github", "issue", 26),
        ("github", "pull_request", 49),
        ("github", "review", 30),
        ("github", "review_comment", 16),
        ("linear", "issue", 100),
        ("notion", "comment", 6),
        ("notion", "data_source", 18),
        ("notion", "page", 52),
    ]
    assert read(
        warehouse, "select count(*) from staging.stg_github__issues where is_pull_request"
    ) == [(15,)]
    assert read(
        warehouse,
        "select source_state, state, count(*) from core.documents where source_type = 'linear'"
        " group by all order by 3 desc",
    ) == [
        ("Done", "closed", 85),
        ("Canceled", "closed", 8),
        ("Todo", "open", 6),
        ("Backlog", "open", 1),
    ]
    assert read(
        warehouse,
        "select interaction_type, count(*) from core.interactions where source_type = 'github'"
        " and interaction_id like 'github:issue_event:%' group by all order by all",
    ) == [
        ("assigned", 10),
        ("closed", 11),
        ("labeled", 18),
        ("mentioned", 1),
        ("pushed", 6),
        ("ready_for_review", 1),
        ("renamed", 1),
        ("subscribed", 1),
    ]
    # The event names who was mentioned, not who wrote it: still an account, but nobody's deed.
    assert read(
        warehouse,
        "select to_value, interactions.contact_id, handle from core.interactions left join"
        " core.contact_identities on to_value = handle where interaction_type = 'mentioned'",
    ) == [("panjf2000", None, "panjf2000")]
    assert read(
        warehouse,
        "select count(*) from core.documents where parent_document_id is null"
        " and document_type in ('comment', 'review', 'review_comment')",
    ) == [(0,)]
    assert read(warehouse, "from ops.raw_event_errors") == []
