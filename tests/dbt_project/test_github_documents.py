"""Discussions, releases, wiki pages and files become documents; contents are kept once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.dbt_project.conftest import Dbt, read, read_all, read_rows
from tests.dbt_project.github_objects import blob, file, gone
from tests.dbt_project.github_payloads import (
    API,
    ATTIC,
    COMMIT,
    GAUGE,
    LOST_SHA,
    PICTURE_SHA,
    PULL_REQUEST,
    TEXT_SHA,
    WEB,
    at,
)
from tests.raw_warehouse import Event, RawWarehouse

COLUMNS: Final = (
    "document_id, source_id, title, body, url, state, source_state, labels, parent_document_id,"
    " root_document_id, author_identity_id, source_created_at, source_updated_at, deletion_reason,"
    " deleted_at"
)


def document(kind: str, external_id: str, source_id: str, **fields: Any) -> dict[str, Any]:
    """A row of `COLUMNS`, with what it has."""
    document_id = f"github:{kind}:{external_id}"
    row = dict.fromkeys(COLUMNS.replace(",", "").split())
    row |= {"document_id": document_id, "source_id": source_id, "labels": []}
    return row | {"root_document_id": document_id, **fields}


def documents(warehouse: Path, *kinds: str) -> list[dict[str, Any]]:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    query = f"select {COLUMNS} from core.documents where document_type in ({listed}) order by 1"
    return read_rows(warehouse, query)


def metadata(warehouse: Path, document_id: str) -> Any:
    ((found,),) = read(
        warehouse,
        f"select source_metadata from core.documents where document_id = 'github:{document_id}'",
    )
    return json.loads(found)


def test_discussions_and_their_comments_are_one_tree(github_warehouse: Path) -> None:
    discussion = "github:discussion:D_7"
    url = f"{WEB}/discussions/7#discussioncomment"

    def comment(number: int, **fields: Any) -> dict[str, Any]:
        return document(
            "comment",
            f"DC_{number}",
            f"{GAUGE}#{fields.pop('on', 7)}/comments/{number}",
            body=f"comment {number}",
            url=f"{url}-{number}",
            source_created_at=at(number),
            source_updated_at=at(number),
            **fields,
        )

    assert documents(github_warehouse, "discussion", "comment") == [
        comment(1, parent_document_id=discussion, root_document_id=discussion),
        comment(
            2,
            parent_document_id="github:comment:DC_1",
            root_document_id=discussion,
            author_identity_id="github:BOT_g",
        ),
        comment(
            3,
            parent_document_id=discussion,
            root_document_id=discussion,
            deletion_reason="deleted",
            deleted_at=at(9),
        ),
        comment(4, on=9),
        document(
            "discussion",
            "D_7",
            f"{GAUGE}#7",
            title="How deep is the water?",
            body="I wonder.",
            url=f"{WEB}/discussions/7",
            state="closed",
            source_state="closed",
            labels=["question"],
            author_identity_id="github:U_ada",
            source_created_at=at(1),
            source_updated_at=at(6),
        ),
    ]


def test_sub_issues_are_below_the_issue_they_are_part_of(warehouse: Path, dbt: Dbt) -> None:
    """Wherever it is loaded; a pull request of that number and a circle are above nothing."""

    def issue(number: int, repository: str, parent: str | None) -> Event:
        url = parent and f"https://api.github.com/repos/{parent.replace('#', '/issues/')}"
        payload = {"number": number, "parent_issue_url": url}
        return Event(f"I_{number}", payload, at(2), container=repository)

    issues = [
        issue(1, ATTIC, None),
        issue(2, GAUGE, ATTIC.title() + "#1"),
        issue(4, GAUGE, f"{GAUGE}#2"),
        issue(5, GAUGE, f"{GAUGE}#3"),
        issue(6, GAUGE, f"{GAUGE}#99"),
        issue(7, GAUGE, f"{GAUGE}#8"),
        issue(8, GAUGE, f"{GAUGE}#7"),
        issue(9, GAUGE, f"{GAUGE}#8"),
    ]
    remark = {"id": 10, "issue_url": f"{API}/issues/4"}
    raw = RawWarehouse(warehouse)
    raw.load(
        "raw_github",
        {
            "issues": issues,
            "pull_requests": [Event("PR_3", PULL_REQUEST, at(2), container=GAUGE)],
            "issue_comments": [Event("IC_10", remark, at(2), container=GAUGE)],
        },
    )
    dbt("seed")
    dbt("run", "--select", "+documents")
    found = read(
        warehouse,
        "select document_id, parent_document_id, root_document_id from core.documents order by 1",
    )
    assert [tuple(name and name.rpartition(":")[2] for name in row) for row in found] == [
        ("IC_10", "I_4", "I_1"),
        ("I_1", None, "I_1"),
        ("I_2", "I_1", "I_1"),
        ("I_4", "I_2", "I_1"),
        ("I_5", None, "I_5"),
        ("I_6", None, "I_6"),
        ("I_7", "I_8", "I_7"),
        ("I_8", "I_7", "I_8"),
        ("I_9", "I_8", "I_9"),
        ("PR_3", None, "PR_3"),
    ]


def test_releases_and_wiki_pages_are_documents(github_warehouse: Path) -> None:
    def page(repository: str, url: str | None) -> dict[str, Any]:
        return document(
            "wiki_page",
            f"{repository}:guides/Tide-tables.md",
            f"{repository}.wiki:guides/Tide-tables.md",
            title="Tide tables",
            body="High, then low.",
            url=url,
            author_identity_id="email:ada@tidewater.example",
            source_updated_at=at(3),
        )

    assert documents(github_warehouse, "release", "wiki_page") == [
        document(
            "release",
            "RE_1",
            f"{GAUGE}/releases/v1",
            title="v1",
            body="First.",
            url=f"{WEB}/releases/tag/v1",
            state="published",
            source_state="prerelease",
            source_created_at=at(4),
        ),
        page(ATTIC, None),
        page(GAUGE, f"{WEB}/wiki/Tide-tables"),
    ]


def test_files_have_a_body_where_people_wrote_one(github_warehouse: Path) -> None:
    def there(path: str, body: str | None, **fields: Any) -> dict[str, Any]:
        source_id, url = f"{GAUGE}:{path}", f"{WEB}/blob/main/{path}"
        return document(
            "file",
            f"{GAUGE}@main:{path}",
            **{"source_id": source_id, "title": path, "body": body, "url": url} | fields,
        )

    text = "# Gauge\n"
    assert documents(github_warehouse, "file") == [
        # A repository that was not listed has no default branch and no address.
        document(
            "file",
            f"{ATTIC}@main:README.md",
            f"{ATTIC}@main:README.md",
            title="README.md",
            body=text,
        ),
        document(
            "file",
            f"{GAUGE}@a b:README.md",
            f"{GAUGE}@a b:README.md",
            title="README.md",
            body=text,
            url=f"{WEB}/blob/a%20b/README.md",
        ),
        there("README.md", text),
        there("bell.py", text, deletion_reason="renamed", deleted_at=at(3)),
        there("docs/depth chart.png", None, url=f"{WEB}/blob/main/docs/depth%20chart.png"),
        there("huge.csv", None),
        there("hull", None, url=f"{WEB}/tree/main/hull"),
        there("lost.txt", None),
        there("old.py", text, deletion_reason="deleted", deleted_at=at(3)),
        there("tide.pb.go", None),
        there("vendor/tide.js", None),
    ]
    assert metadata(github_warehouse, f"file:{GAUGE}@main:bell.py") == {
        "branch": "main",
        "path": "bell.py",
        "type": "blob",
        "mode": "100644",
        "sha": TEXT_SHA,
        "size": 12,
        "commit_sha": COMMIT,
        "is_generated": False,
        "is_vendored": False,
        "skip_reason": None,
        "renamed_to": "alarm.py",
    }


def test_contents_are_kept_once_and_count_who_has_them(github_warehouse: Path) -> None:
    assert read_rows(
        github_warehouse,
        "select * exclude (event_id, _dlt_load_id, first_seen_at) from core.content_blobs"
        " order by blob_sha",
    ) == [
        {
            "blob_sha": TEXT_SHA,
            "mime_type": "text/plain",
            "encoding": "utf-8",
            "text": "# Gauge\n",
            "object_key": None,
            "size_bytes": 12,
            # Three README.md, one vendored, one generated, one too large; not the two that went.
            "reference_count": 6,
            "is_binary": False,
        },
        {
            "blob_sha": PICTURE_SHA,
            "mime_type": "image/png",
            "encoding": "base64",
            "text": None,
            "object_key": f"22/{PICTURE_SHA}",
            "size_bytes": 12,
            "reference_count": 1,
            "is_binary": True,
        },
    ]


def test_details_and_threads_complete_pull_requests_and_their_comments(
    github_warehouse: Path,
) -> None:
    assert {
        name: value
        for name, value in metadata(github_warehouse, "pull_request:PR_3").items()
        if value is not None
    } == {
        "number": 3,
        "author_login": "ada",
        "assignees": [],
        "reviewers": [],
        "head_branch": "fix",
        "base_branch": "main",
        "merged_at": "2026-03-04 00:00:00+00",
        "merged_by": "gauge[bot]",
        "additions": 5,
        "deletions": 2,
        "changed_files": 1,
        "review_decision": "approved",
        "requested_reviewers": ["bo", "tidewater-labs/tide", "gauge[bot]"],
        "closing_issues": [f"{ATTIC}#1"],
    }
    assert documents(github_warehouse, "review", "review_comment") == [
        document(
            "review",
            "PRR_1",
            f"{GAUGE}#3/reviews/9007199254740993",
            body="Not yet.",
            url=f"{WEB}/pull/3#pullrequestreview-1",
            state="requested_changes",
            source_state="changes_requested",
            parent_document_id="github:pull_request:PR_3",
            root_document_id="github:pull_request:PR_3",
            source_created_at=at(2, 1),
            source_updated_at=at(2, 2),
        ),
        document(
            "review_comment",
            "PRRC_50",
            f"{GAUGE}#3/review_comments/50",
            body="Why?",
            url=f"{WEB}/pull/3#discussion_r50",
            parent_document_id="github:review:PRR_1",
            root_document_id="github:pull_request:PR_3",
            author_identity_id="github:U_ada",
            source_created_at=at(2),
            source_updated_at=at(2),
        ),
    ]
    comment = metadata(github_warehouse, "review_comment:PRRC_50")
    assert (comment["is_resolved"], comment["resolved_by"]) == (True, "ada")


def test_what_people_did_with_discussions_releases_and_deployments_is_told(
    github_warehouse: Path,
) -> None:
    columns = (
        "interaction_id, document_id, source_id, interaction_type, field, from_value, to_value,"
        " actor_identity_id, body_raw, is_bot, occurred_at"
    )
    talk = ("github:discussion:D_7", f"{GAUGE}#7")
    remark = (*talk, "commented", None, None, None)
    ada, bot = "github:U_ada", "github:BOT_g"
    commit = f"{GAUGE}@{COMMIT}"
    answer = "github:comment:DC_2"
    assert read(
        github_warehouse,
        f"select {columns} from core.interactions where interaction_id similar to"
        " '.*(D_7|DC_.|RE_1|DES_.)' order by 1",
    ) == [
        (f"github:{key}", *rest)
        for key, *rest in (
            ("answered:D_7", *talk, "answered", "answer", None, answer, ada, None, False, at(5)),
            ("closed:D_7", *talk, "closed", "state", "open", "closed", None, None, False, at(6)),
            ("commented:DC_1", *remark, None, "comment 1", False, at(1)),
            ("commented:DC_2", *remark, bot, "comment 2", True, at(2)),
            ("commented:DC_3", *remark, None, "comment 3", False, at(3)),
            (
                *("commented:DC_4", "github:comment:DC_4", f"{GAUGE}#9"),
                *("commented", None, None, None, None, "comment 4", False, at(4)),
            ),
            (
                *("deployed:DES_2", f"github:commit:{commit}", commit),
                *("deployed", "environment", None, "harbour", ada, "Docked.", False, at(5, 2)),
            ),
            ("opened:D_7", *talk, "opened", None, None, None, ada, "I wonder.", False, at(1)),
            (
                *("released:RE_1", "github:release:RE_1", f"{GAUGE}/releases/v1"),
                *("released", None, None, None, None, "First.", False, at(5)),
            ),
        )
    ]


def test_changed_files_of_a_commit_are_a_row_each(github_warehouse: Path) -> None:
    assert read_rows(
        github_warehouse,
        "select * exclude (connection_id) from intermediate.int_github__commit_files",
    ) == [
        {
            "container": GAUGE,
            "commit_sha": COMMIT,
            "file_path": "alarm.py",
            "previous_path": "bell.py",
            "file_mode": "100644",
            "blob_sha": TEXT_SHA,
            "change_type": "renamed",
            "committed_at": at(4),
        }
    ]


def test_a_file_comes_back_and_a_late_content_fills_it(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    readme = file("README.md", TEXT_SHA, 2)
    raw.load("raw_github", {"files": [readme, gone(readme, 3, "deleted")]})
    dbt("run", "--select", "+content_blobs +documents")
    query = "select body, deletion_reason, deleted_at from core.documents"
    assert read(warehouse, query) == [(None, "deleted", at(3))]
    assert read(warehouse, "from core.content_blobs") == []

    raw.load(
        "raw_github",
        {
            "files": [file("README.md", LOST_SHA, 4), file("copy.md", LOST_SHA, 4)],
            "blobs": [blob(LOST_SHA, "Found.")],
        },
    )
    # Loaded twice before the table's key saw it, under another connection the second time.
    again = replace(blob(LOST_SHA, "Found."), connection_id="github_two")
    raw.load("raw_github", {"blobs": [again]})
    dbt("run", "--select", "+content_blobs +documents")

    assert read(warehouse, f"{query} order by source_id") == [
        ("Found.", None, None),
        ("Found.", None, None),
    ]
    assert read(warehouse, "select blob_sha, reference_count from core.content_blobs") == [
        (LOST_SHA, 2)
    ]
    incremental = read_all(warehouse)
    dbt("run", "--select", "+content_blobs +documents", "--full-refresh")
    assert read_all(warehouse) == incremental
