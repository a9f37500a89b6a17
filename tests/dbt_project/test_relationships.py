"""What documents say of each other is found once per text, and resolved at every build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from tests.dbt_project.conftest import Dbt, read, read_all
from tests.dbt_project.github_objects import blob, discussion, discussion_comment, file
from tests.dbt_project.github_payloads import (
    ADA,
    COMMIT_PAYLOAD,
    DEPLOYMENT,
    DETAILS,
    GAUGE,
    OWNER,
    PULL_REQUEST,
    REPOSITORY,
    WEB,
    at,
    text,
)
from tests.raw_warehouse import Event, RawWarehouse

ISSUE: Final = "github:issue:I_1"
PULL: Final = "github:pull_request:PR_3"
ALONE: Final = "c0ffee1" + "0" * 33
TWINS: Final = ("abc1234" + "0" * 33, "abc1234" + "1" * 33)
PAGE: Final = "01234567-89ab-cdef-0123-456789abcdef"
OTHER_PAGE: Final = "fedcba98-89ab-cdef-0123-456789abcdef"
BUILD: Final = ("run", "--select", "+documents")


def issue(number: int, body: str | None, day: int = 2, **fields: Any) -> Event:
    payload = {
        "number": number,
        "title": f"Issue {number}",
        "body": body,
        "state": "open",
        "html_url": f"{WEB}/issues/{number}",
        "user": ADA,
        "labels": [],
        "assignees": [],
        "created_at": text(1),
        "updated_at": text(day),
        **fields,
    }
    return Event(f"I_{number}", payload, at(day))


def pull_request(body: str, day: int = 4) -> Event:
    payload = PULL_REQUEST | {"body": body, "merge_commit_sha": ALONE, "updated_at": text(day)}
    return Event("PR_3", payload, at(day))


def comment(number: int, on: int, body: str) -> Event:
    payload = {
        "id": number,
        "body": body,
        "issue_url": f"https://api.github.com/repos/{GAUGE}/issues/{on}",
        "html_url": f"{WEB}/issues/{on}#issuecomment-{number}",
        "user": ADA,
        "created_at": text(2),
        "updated_at": text(2),
    }
    return Event(f"IC_{number}", payload, at(2))


def commit(sha: str, message: str) -> Event:
    signed = COMMIT_PAYLOAD["commit"]
    payload = COMMIT_PAYLOAD | {"sha": sha, "commit": signed | {"message": message}}  # type: ignore[operator]
    return Event(sha, payload, at(4))


def linear_issue(number: int, description: str | None, former: list[str], **fields: Any) -> Event:
    payload = {
        "identifier": f"ENG-{number}",
        "title": f"Plan {number}",
        "description": description,
        "url": f"https://linear.app/tidewater/issue/ENG-{number}/plan",
        "team": {"id": "t-eng", "key": "ENG"},
        "previousIdentifiers": former,
        "labels": {"nodes": []},
        "createdAt": text(1),
        "updatedAt": text(2),
        **fields,
    }
    return Event(f"li-{number}", payload, at(2), container="ENG")


def attachment(number: int, url: str, title: str) -> Event:
    payload = {"issue": {"id": "li-1"}, "url": url, "title": title, "updatedAt": text(2)}
    return Event(f"la-{number}", payload, at(2), container="ENG")


def relation(kind: str, to: str) -> Event:
    related = {"id": to, "identifier": to.replace("li-", "ENG-")}
    payload = {"type": kind, "issue": {"id": "li-1"}, "relatedIssue": related}
    return Event(f"lr-{kind}", payload, at(2), container="tidewater")


def page(page_id: str, title: str, body: str, people: dict[str, str]) -> dict[str, list[Event]]:
    span = {"type": "text", "text": {"content": body, "link": None}, "plain_text": body}
    named = [
        {
            "type": "mention",
            "mention": {"type": "user", "user": {"object": "user", "id": user_id}},
            "plain_text": f"@{name}",
        }
        for user_id, name in people.items()
    ]
    said = {"rich_text": [span, *named]}
    blocks = [
        {"id": f"b-{title}", "type": "paragraph", "paragraph": said},
        {"id": f"q-{title}", "type": "quote", "quote": said},
    ]
    content = {"object": "page_content", "page_id": page_id, "blocks": blocks}
    payload = {
        "object": "page",
        "id": page_id,
        "properties": {
            "Name": {"type": "title", "title": [{"plain_text": title}]},
            "Follows": {"type": "relation", "relation": [{"id": page_id}, {"id": OTHER_PAGE}]},
            "Needs": {"type": "relation", "relation": []},
        },
        "parent": {"type": "workspace"},
        "created_time": text(1),
        "last_edited_time": text(2),
    }
    return {
        "pages": [Event(page_id, payload, at(2), container="Tidewater Labs")],
        "page_contents": [Event(page_id, content, at(2), container="Tidewater Labs")],
    }


def relationships(warehouse: Path, from_document_id: str) -> list[tuple[Any, ...]]:
    """What a document refers to, by what it is called."""
    return read(
        warehouse,
        "select relation, method, reference_key, coalesce(to_document_id, to_identity_id)"
        f" from core.document_relationships where from_document_id = '{from_document_id}'"
        " order by relation, method, reference_key",
    )


@pytest.fixture
def raw(warehouse: Path) -> RawWarehouse:
    """A repository, a Linear team and a Notion page that talk of each other."""
    raw = RawWarehouse(warehouse)
    raw.listing("raw_github", "repositories", OWNER, [Event("R_1", REPOSITORY, at(1))])
    team = {"key": "ENG", "name": "Engineering", "private": False}
    raw.listing("raw_linear", "teams", "tidewater", [Event("t-eng", team, at(1))])
    said = (
        f"Like #2, gh-2 and #99; not `#2`, not #1. {WEB}/pull/3 has ENG-1 and OLD-7, UTF-8 has not."
        f" See ENG-99, https://www.notion.so/{PAGE.replace('-', '')}, {WEB}/blob/main/README.md,"
        f" {WEB}/blob/{ALONE}/README.md#L2, c0ffee1, abc1234 and 1234567."
        f" @Ada knows, @nobody does not. {WEB}/issues/2#issuecomment-20"
    )
    raw.load(
        "raw_github",
        {
            "issues": [issue(1, said), issue(2, None)],
            "issue_comments": [comment(20, 2, f"> #1\n\nIn {GAUGE}@c0ffee1, {GAUGE}#1!")],
            "pull_requests": [pull_request(f"Fixes #1, closes: {GAUGE}#2 and resolves ENG-1; #2.")],
            "pull_request_details": [Event("PR_3", DETAILS, at(4))],
            "commits": [
                commit(ALONE, "Fix the alarm (#3)\n\nCloses #1."),
                *(commit(sha, "Wait") for sha in TWINS),
            ],
            "deployments": [Event("DE_1", DEPLOYMENT | {"sha": ALONE}, at(5))],
            "discussions": [discussion(7)],
            "discussion_comments": [discussion_comment(2)],
            "files": [file("README.md", "1" * 40), file("tide.py", "2" * 40)],
            "blobs": [blob("1" * 40, "# Gauge\n"), blob("2" * 40, "# @ada #1 ENG-1\n")],
        },
    )
    plans = [linear_issue(1, f"@ada: {WEB}/issues/1", []), linear_issue(2, None, ["OLD-7"])]
    pull = attachment(1, f"{WEB}/pull/3/files", "Fix the alarm")
    chat = attachment(2, "https://chat.example/1", "Talk")
    raw.load("raw_linear", {"issues": plans, "attachments": [pull, chat]})
    links = [relation("blocks", "li-2"), relation("duplicate", "li-99")]
    raw.listing("raw_linear", "issue_relations", "tidewater", links)
    people = {"u-ada": "Ada Voss", "u-guest": "Ada Voss"}
    raw.load("raw_notion", page(PAGE, "Tides", f"ENG-1, #1 and {GAUGE}#1. ", people))
    person = {"object": "user", "id": "u-ada", "type": "person", "name": "Ada V.", "person": {}}
    raw.listing("raw_notion", "users", "Tidewater Labs", [Event("u-ada", person, at(1))])
    return raw


def test_references_are_resolved_across_sources(
    raw: RawWarehouse, warehouse: Path, dbt: Dbt
) -> None:
    dbt(*BUILD)
    gauge, alone = f"github:{GAUGE}", f"github:commit:{GAUGE}@{ALONE}"
    readme = f"github:file:{GAUGE}@main:README.md"
    assert relationships(warehouse, ISSUE) == [
        ("mentions", "commit_sha", f"{gauge}@c0ffee1", alone),
        ("mentions", "github_url", f"github:github.com/{GAUGE}/blob/main/README.md", readme),
        ("mentions", "github_url", f"{gauge}#2/comments/20", "github:comment:IC_20"),
        ("mentions", "github_url", f"{gauge}#3", PULL),
        ("mentions", "issue_key", f"{gauge}#2", "github:issue:I_2"),
        ("mentions", "issue_key", f"{gauge}#99", None),
        ("mentions", "linear_former_key", "linear:OLD-7", "linear:issue:li-2"),
        ("mentions", "linear_key", "linear:ENG-1", "linear:issue:li-1"),
        ("mentions", "linear_key", "linear:ENG-99", None),
        ("mentions", "notion_url", f"notion:{PAGE.replace('-', '')}", f"notion:page:{PAGE}"),
        ("mentions", "user_handle", "github:@ada", "github:U_ada"),
        ("mentions", "user_handle", "github:@nobody", None),
    ]
    assert relationships(warehouse, "github:comment:IC_20") == [
        ("mentions", "commit_sha", f"{gauge}@c0ffee1", alone),
        ("mentions", "repository_issue_key", f"{gauge}#1", ISSUE),
        ("parent", "hierarchy", "github:issue:I_2", "github:issue:I_2"),
    ]
    assert relationships(warehouse, PULL) == [
        ("mentions", "issue_key", f"{gauge}#2", "github:issue:I_2"),
        ("merged_as", "api_reference", f"{gauge}@{ALONE}", alone),
        ("resolves", "api_reference", "github:tidewater-labs/attic#1", None),
        ("resolves", "closing_keyword", f"{gauge}#1", ISSUE),
        ("resolves", "closing_keyword", f"{gauge}#2", "github:issue:I_2"),
        ("resolves", "closing_keyword", "linear:ENG-1", "linear:issue:li-1"),
    ]
    assert relationships(warehouse, alone) == [
        ("deployed_by", "deployment", f"{gauge}/deployments/70", None),
        ("mentions", "issue_key", f"{gauge}#3", PULL),
        ("resolves", "closing_keyword", f"{gauge}#1", ISSUE),
    ]
    assert relationships(warehouse, "github:discussion:D_7") == [
        ("answered_by", "api_reference", "github:comment:DC_2", "github:comment:DC_2"),
    ]
    assert relationships(warehouse, f"github:file:{GAUGE}@main:tide.py") == [
        ("mentions", "linear_key", "linear:ENG-1", "linear:issue:li-1"),
    ]
    assert relationships(warehouse, "linear:issue:li-1") == [
        ("attachment", "api_reference", f"{gauge}#3", PULL),
        ("attachment", "api_reference", "url:https://chat.example/1", None),
        ("blocks", "api_reference", "linear:issue:li-2", "linear:issue:li-2"),
        ("duplicates", "api_reference", "linear:issue:li-99", None),
        ("mentions", "github_url", f"{gauge}#1", ISSUE),
        ("mentions", "user_handle", "linear:@ada", None),
    ]
    assert relationships(warehouse, f"notion:page:{PAGE}") == [
        ("mentions", "linear_key", "linear:ENG-1", "linear:issue:li-1"),
        ("mentions", "notion_user_mention", "notion:@u-ada", "notion:u-ada"),
        ("mentions", "notion_user_mention", "notion:@u-guest", None),
        ("mentions", "repository_issue_key", f"{gauge}#1", ISSUE),
        ("relates_to", "api_reference", f"notion:{OTHER_PAGE.replace('-', '')}", None),
    ]
    assert read(
        warehouse,
        "select raw_reference, evidence, confidence from core.document_relationships"
        " where to_identity_id = 'notion:u-ada'",
    ) == [("@Ada Voss", f"ENG-1, #1 and {GAUGE}#1. @Ada Voss@Ada Voss", 1.0)]
    ((listed,),) = read(
        warehouse, f"select relationships from core.documents where document_id = '{alone}'"
    )

    def entry(relation: str, method: str, confidence: float, raw_reference: str) -> dict[str, Any]:
        found = {"relation": relation, "document_id": None, "identity_id": None}
        return found | {
            "raw_reference": raw_reference,
            "method": method,
            "confidence": confidence,
        }

    assert json.loads(listed) == {
        "mentions": [entry("mentions", "issue_key", 0.9, "#3") | {"document_id": PULL}],
        "graph": [entry("resolves", "closing_keyword", 0.95, "#1") | {"document_id": ISSUE}],
        "temporal": [entry("deployed_by", "deployment", 1.0, f"{GAUGE}/deployments/70")],
    }
    assert read(
        warehouse,
        "select connection_id, category, raw_reference, evidence, confidence, is_resolved,"
        " source_updated_at, deleted_at from core.document_relationships"
        f" where from_document_id = '{alone}' order by category",
    ) == [
        ("github", "graph", "#1", "Closes #1.", 0.95, True, at(4), None),
        ("github", "mention", "#3", "Fix the alarm (#3)", 0.9, True, at(4), None),
        ("github", "temporal", f"{GAUGE}/deployments/70", "harbour", 1.0, False, at(4), None),
    ]


def test_references_follow_what_comes_late_changes_and_goes(
    raw: RawWarehouse, warehouse: Path, dbt: Dbt
) -> None:
    dbt(*BUILD)
    before = dict(
        read(
            warehouse,
            "select reference_key, relationship_id from core.document_relationships"
            f" where from_document_id = '{ISSUE}'",
        )
    )
    # A text that is read again loses this mark.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "update intermediate.int_headwater__mentions set evidence = 'kept' || document_id"
            f" where document_id in ('{ISSUE}', '{PULL}', 'github:comment:IC_20')"
        )
    raw.load(
        "raw_github",
        {
            "issues": [
                issue(99, "At last: #1."),
                issue(1, "Older than what is there: #2.", 1),
                Event("I_2", {"reason": "not_found"}, at(9), operation="delete"),
            ],
            "pull_requests": [pull_request("Fixes #99.", 6)],
            "commits": [commit("1234567" + "e" * 33, "A number after all")],
        },
    )
    raw.load("raw_linear", {"issues": [linear_issue(99, None, ["ENG-98"])]})
    dbt(*BUILD)

    gauge = f"github:{GAUGE}"
    late = {f"{gauge}#99": "github:issue:I_99", "linear:ENG-99": "linear:issue:li-99"}
    found = {row[2]: row[3] for row in relationships(warehouse, ISSUE)}
    assert {key: found[key] for key in late} == late
    plan = {row[0]: row[3] for row in relationships(warehouse, "linear:issue:li-1")}
    assert plan["duplicates"] == "linear:issue:li-99"
    assert found[f"{gauge}@1234567"] == f"github:commit:{GAUGE}@1234567{'e' * 33}"
    assert found[f"{gauge}#2"] == "github:issue:I_2"
    after = read(
        warehouse,
        "select reference_key, relationship_id from core.document_relationships"
        f" where from_document_id = '{ISSUE}'",
    )
    assert {key: id_ for key, id_ in after if key in before} == before
    assert [row[2] for row in relationships(warehouse, PULL) if row[1] == "closing_keyword"] == [
        f"{gauge}#99"
    ]
    assert read(
        warehouse,
        "select distinct document_id from intermediate.int_headwater__mentions"
        " where starts_with(evidence, 'kept') order by 1",
    ) == [("github:comment:IC_20",), (ISSUE,)]

    # Retention removed the comment, as if it had never been read.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from raw_github.issue_comments")
        connection.execute("delete from staging.stg_github__issue_comments")
        connection.execute(
            "update intermediate.int_headwater__mentions set text_hash = 'stale'"
            f" where document_id = '{ISSUE}'"
        )
    dbt(*BUILD)
    incremental = read_all(warehouse)
    dbt(*BUILD, "--full-refresh")
    assert read_all(warehouse) == incremental
    assert relationships(warehouse, "github:comment:IC_20") == []
    assert ("mentions", "github_url", f"{gauge}#2/comments/20", None) in relationships(
        warehouse, ISSUE
    )
