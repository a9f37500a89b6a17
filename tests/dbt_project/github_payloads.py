"""Payloads as GitHub sends them: one object of every kind, all of one repository."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

GAUGE: Final = "tidewater-labs/gauge"
ATTIC: Final = "tidewater-labs/attic"
OWNER: Final = "tidewater-labs"
WEB: Final = f"https://github.com/{GAUGE}"
API: Final = f"https://api.github.com/repos/{GAUGE}"
TEXT_SHA: Final = "1" * 40
PICTURE_SHA: Final = "2" * 40
LOST_SHA: Final = "3" * 40
COMMIT: Final = "c" * 40

ADA: Final = {"node_id": "U_ada", "login": "ada", "type": "User"}
BOT: Final = {"node_id": "BOT_g", "login": "gauge[bot]", "type": "Bot"}
ADA_ACTOR: Final = {"__typename": "User", "id": "U_ada", "login": "ada"}
BOT_ACTOR: Final = {"__typename": "Bot", "id": "BOT_g", "login": "gauge"}


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def text(day: int, hour: int = 0) -> str:
    return at(day, hour).isoformat()


REPOSITORY: Final = {
    "id": 1,
    "name": "gauge",
    "full_name": GAUGE,
    "private": False,
    "default_branch": "main",
    "html_url": WEB,
}
PULL_REQUEST: Final = {
    "number": 3,
    "title": "Fix the alarm",
    "body": None,
    "state": "closed",
    "html_url": f"{WEB}/pull/3",
    "user": ADA,
    "labels": [],
    "assignees": [],
    "requested_reviewers": [],
    "draft": False,
    "head": {"ref": "fix", "repo": None},
    "base": {"ref": "main"},
    "created_at": text(1),
    "updated_at": text(4),
    "merged_at": text(4),
}
DETAILS: Final = {
    "id": "PR_3",
    "number": 3,
    "updatedAt": text(4),
    "state": "MERGED",
    "isDraft": False,
    "mergeable": "UNKNOWN",
    "reviewDecision": "APPROVED",
    "additions": 5,
    "deletions": 2,
    "changedFiles": 1,
    "mergedAt": text(4),
    "mergedBy": BOT_ACTOR,
    "mergeCommit": {"oid": COMMIT},
    "headRefName": "fix",
    "headRefOid": "e" * 40,
    "baseRefName": "main",
    "baseRefOid": "f" * 40,
    "totalCommentsCount": 2,
    "reviewRequests": {
        "totalCount": 4,
        "nodes": [
            {"asCodeOwner": False, "requestedReviewer": {"id": "U_bo", "login": "bo"}},
            {"asCodeOwner": True, "requestedReviewer": {"id": "T_1", "slug": "tide"}},
            {"asCodeOwner": False, "requestedReviewer": BOT_ACTOR},
            {"asCodeOwner": False, "requestedReviewer": None},
        ],
    },
    "closingIssuesReferences": {
        "totalCount": 1,
        "nodes": [{"id": "I_1", "number": 1, "repository": {"nameWithOwner": ATTIC}}],
    },
}
REVIEW: Final = {
    "id": "PRR_1",
    "fullDatabaseId": "9007199254740993",
    "url": f"{WEB}/pull/3#pullrequestreview-1",
    "state": "CHANGES_REQUESTED",
    "body": "Not yet.",
    "author": None,
    "authorAssociation": "NONE",
    "commit": {"oid": COMMIT},
    "createdAt": text(2),
    "submittedAt": text(2, 1),
    "updatedAt": text(2, 2),
    "lastEditedAt": text(2, 2),
    "isMinimized": True,
    "minimizedReason": "OUTDATED",
    "pullRequest": {"id": "PR_3", "number": 3},
}
REVIEW_COMMENT: Final = {
    "id": 50,
    "body": "Why?",
    "html_url": f"{WEB}/pull/3#discussion_r50",
    "path": "alarm.py",
    "pull_request_url": f"{API}/pulls/3",
    "pull_request_review_id": 9007199254740993,
    "line": 4,
    "position": 1,
    "user": ADA,
    "created_at": text(2),
    "updated_at": text(2),
}
THREAD: Final = {
    "id": "PRRT_1",
    "path": "alarm.py",
    "line": None,
    "startLine": None,
    "originalLine": 4,
    "originalStartLine": 2,
    "diffSide": "RIGHT",
    "subjectType": "LINE",
    "isResolved": True,
    "isOutdated": True,
    "isCollapsed": True,
    "resolvedBy": {"id": "U_ada", "login": "ada"},
    "pullRequest": {"id": "PR_3", "number": 3},
    "comments": {"totalCount": 1, "nodes": [{"id": "PRRC_50", "fullDatabaseId": "50"}]},
}
COMMIT_PAYLOAD: Final = {
    "sha": COMMIT,
    "html_url": f"{WEB}/commit/{COMMIT}",
    "author": None,
    "committer": None,
    "parents": [],
    "commit": {
        "message": "Fix the alarm",
        "author": {"name": "Ada", "email": "ada@tidewater.example", "date": text(4)},
        "committer": {"name": "Ada", "email": "ada@tidewater.example", "date": text(4)},
    },
}
RELEASE: Final = {
    "id": 8,
    "tag_name": "v1",
    "target_commitish": "main",
    "name": "",
    "body": "First.",
    "html_url": f"{WEB}/releases/tag/v1",
    "draft": False,
    "prerelease": True,
    "author": None,
    "assets": [{"name": "gauge.zip", "size": 7}, {"name": "gauge.tar", "size": 8}],
    "created_at": text(4),
    "published_at": text(5),
}
WIKI_PAGE: Final = {
    "path": "guides/Tide-tables.md",
    "title": "Tide tables",
    "format": "markdown",
    "body": "High, then low.",
    "sha": "4" * 40,
    "size": 15,
    "commit": {
        "sha": "5" * 40,
        "author_name": "Ada",
        "author_email": " Ada@Tidewater.example",
        "committed_at": text(3),
        "message": "Add tides",
    },
}
RUN: Final = {
    "id": 900,
    "name": "tests",
    "display_title": "Fix the alarm",
    "path": ".github/workflows/tests.yml",
    "head_branch": "fix",
    "head_sha": COMMIT,
    "event": "push",
    "status": "completed",
    "conclusion": "failure",
    "html_url": f"{WEB}/actions/runs/900",
    "workflow_id": 17,
    "run_number": 4,
    "run_attempt": 2,
    "actor": BOT,
    "triggering_actor": ADA,
    "pull_requests": [{"number": 3}],
    "created_at": text(2),
    "updated_at": text(3),
    "run_started_at": text(2, 5),
}
JOB: Final = {
    "id": "CR_1",
    "databaseId": 901,
    "name": "lint",
    "status": "COMPLETED",
    "conclusion": "FAILURE",
    "startedAt": text(2, 5),
    "completedAt": text(2, 6),
    "url": f"{WEB}/actions/runs/900/job/901",
    "run": {"id": "WFR_900", "databaseId": 900},
    "steps": {
        "totalCount": 1,
        "nodes": [
            {
                "number": 1,
                "name": "ruff",
                "status": "COMPLETED",
                "conclusion": "FAILURE",
                "startedAt": text(2, 5),
                "completedAt": None,
            }
        ],
    },
}
DEPLOYMENT: Final = {
    "id": 70,
    "sha": COMMIT,
    "ref": "main",
    "task": "deploy",
    "environment": "harbour",
    "description": None,
    "creator": ADA,
    "transient_environment": False,
    "production_environment": True,
    "created_at": text(5),
    "updated_at": text(6),
}
