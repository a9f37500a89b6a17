"""What GitHub's GraphQL API makes of the rows that REST serves."""

from typing import Any

import pytest

from include.sandbox import Workspace
from tests.include.sandbox.github_queries import ALL, GAUGE, ask, without_pages

HTML = "https://github.com/tidewater-labs/gauge"
INES = {"__typename": "User", "login": "inescalder", "id": "U_kgDOBD5-Qg"}
HEAD = "07601d877846d54e6c2356bed2d927f5ac160bda"
PULL = {"id": "PR_kwDONfLuus6PaU6A", "number": 3}


@pytest.fixture
def demo() -> Workspace:
    return Workspace.demo()


@pytest.fixture
def pull(serve_judged, demo: Workspace) -> Any:
    _, client = serve_judged(demo)
    found = ask(client, "pull_requests.graphql", "PullRequests", ids=[PULL["id"]], **ALL)
    return without_pages(found["nodes"][0])


def test_pull_request_has_what_its_row_and_what_hangs_on_it_say(pull):
    lists = ("reviews", "reviewThreads", "files", "commits")
    assert {name: pull[name] for name in pull if name not in lists} == {
        "__typename": "PullRequest",
        **PULL,
        "updatedAt": "2026-01-12T14:06:13Z",
        "state": "MERGED",
        "isDraft": False,
        "mergeable": "UNKNOWN",
        "reviewDecision": "APPROVED",
        "additions": 3,
        "deletions": 1,
        "changedFiles": 1,
        "mergedAt": "2026-01-12T14:05:08Z",
        "mergedBy": INES,
        "mergeCommit": {"oid": "eca94efb66e55c4df61ba97eb8ec8c73fc0459fb"},
        "headRefName": "tomasz/eng-2-decoder-fails-on-battery-byte-0xff",
        "headRefOid": HEAD,
        "baseRefName": "main",
        "baseRefOid": "626b0331a4c4b92f0d8629ddfd4da9ad166aa485",
        "totalCommentsCount": 2,
        "reviewRequests": {"totalCount": 0, "nodes": []},
        "closingIssuesReferences": {
            "totalCount": 1,
            "nodes": [
                {
                    "id": "I_kwDONfLuus7c12R4",
                    "number": 1,
                    "url": f"{HTML}/issues/1",
                    "repository": {"nameWithOwner": "tidewater-labs/gauge"},
                }
            ],
        },
    }


def test_review_is_made_and_changed_when_it_is_submitted(pull):
    assert [review["state"] for review in pull["reviews"]["nodes"]] == [
        "COMMENTED",
        "COMMENTED",
        "APPROVED",
    ]
    assert pull["reviews"]["nodes"][2] == {
        "id": "PRR_kwDONfLuus7RF-pw",
        "fullDatabaseId": "3508005488",
        "url": f"{HTML}/pull/3#pullrequestreview-3508005488",
        "state": "APPROVED",
        "body": "Thanks, also for replaying the lost uplinks.",
        "author": INES,
        "authorAssociation": "MEMBER",
        "commit": {"oid": HEAD},
        "createdAt": "2026-01-12T13:58:06Z",
        "submittedAt": "2026-01-12T13:58:06Z",
        "updatedAt": "2026-01-12T13:58:06Z",
        "lastEditedAt": None,
        "isMinimized": False,
        "minimizedReason": None,
        "pullRequest": PULL,
    }


def test_review_thread_is_its_comments_and_its_state(pull):
    assert pull["reviewThreads"]["nodes"] == [
        {
            "id": "PRRT_kwDONfLuus6Ghq3X",
            "path": "decode/payload.go",
            "line": 41,
            "startLine": None,
            "originalLine": 41,
            "originalStartLine": None,
            "diffSide": "RIGHT",
            "subjectType": "LINE",
            "isResolved": True,
            "isOutdated": False,
            "isCollapsed": True,
            "resolvedBy": {"id": "U_kgDOAdfGbw", "login": "twrona"},
            "pullRequest": PULL,
            "comments": {
                "totalCount": 2,
                "nodes": [
                    {"id": "PRRC_kwDONfLuus6GlH1w", "fullDatabaseId": "2257878384"},
                    {"id": "PRRC_kwDONfLuus6GlMwQ", "fullDatabaseId": "2257898512"},
                ],
            },
        }
    ]


def test_files_and_commits_of_a_pull_request_are_those_recorded(pull):
    file = {"path": "decode/payload.go", "changeType": "MODIFIED", "additions": 3, "deletions": 1}
    assert pull["files"]["nodes"] == [file]
    assert [node["commit"] for node in pull["commits"]["nodes"]] == [
        {
            "oid": "5161c18a4a35d7fabb3d9dde47d7b374b61c7435",
            "committedDate": "2026-01-09T17:41:30Z",
            "messageHeadline": "decode: battery 0xFF is unknown",
        },
        {
            "oid": HEAD,
            "committedDate": "2026-01-09T17:46:02Z",
            "messageHeadline": "decode: version 2 sends 0xFFFF",
        },
    ]


def test_files_and_commits_not_recorded_are_those_that_git_knows(serve_judged, demo):
    gauge = demo.github("tidewater-labs/gauge")
    opened = gauge.find("pull_requests", number=42)
    recorded = {}
    for kind in ("pull_request_files", "pull_request_commits"):
        recorded[kind] = [row for row in gauge.collection(kind) if row["number"] == 42]
        for row in recorded[kind]:
            gauge.delete(kind, row["id"])
    _, client = serve_judged(demo)
    ids = [opened["node_id"]]
    (found,) = ask(client, "pull_requests.graphql", "PullRequests", ids=ids, **ALL)["nodes"]
    assert [node["path"] for node in found["files"]["nodes"]] == sorted(
        row["path"] for row in recorded["pull_request_files"]
    )
    assert [node["commit"]["oid"] for node in found["commits"]["nodes"]] == [
        row["oid"] for row in recorded["pull_request_commits"]
    ]


def test_requested_reviewers_are_people_bots_and_teams(serve_judged, demo):
    gauge = demo.github("tidewater-labs/gauge")
    row = gauge.find("pull_requests", number=3)
    bot = row["user"] | {"type": "Bot", "login": "tide[bot]", "node_id": "BOT_1", "id": 1}
    team = next(iter(demo.organizations["tidewater-labs"].teams))
    gauge.upsert("pull_requests", row | {"requested_reviewers": [bot], "requested_teams": [team]})
    _, client = serve_judged(demo)
    found = ask(client, "pull_requests.graphql", "PullRequests", ids=[PULL["id"]], **ALL)
    requests = found["nodes"][0]["reviewRequests"]["nodes"]
    assert [request["requestedReviewer"] for request in requests] == [
        {"__typename": "Bot", "id": "BOT_1", "login": "tide"},
        {"__typename": "Team", "id": team["node_id"], "slug": "gauge", "name": "Gauge"},
    ]


def test_discussion_nests_its_comments_and_their_replies(serve_judged, demo):
    _, client = serve_judged(demo)
    found = ask(client, "discussions.graphql", "Discussions", **GAUGE, first=1)["repository"]
    (node,) = without_pages(found)["discussions"]["nodes"]
    (comment,) = node.pop("comments")["nodes"]
    (reply,) = comment.pop("replies")["nodes"]
    rows = demo.github("tidewater-labs/gauge")
    assert node == rows.discussions.get(node["id"])
    for one in (comment, reply):
        assert one == rows.discussion_comments.get(one["id"])
    assert (comment["author"], reply["replyTo"]) == (None, {"id": comment["id"]})


def test_workflow_job_is_a_check_run_of_its_run(serve_judged, demo):
    _, client = serve_judged(demo)
    run = "WFR_kwDONfLuus8AAAAD3z0AWQ"
    (node,) = ask(client, "workflow_jobs.graphql", "WorkflowJobs", ids=[run])["nodes"]
    suite = without_pages(node.pop("checkSuite"))
    (job,) = suite["checkRuns"]["nodes"]
    assert (node["id"], node["databaseId"], suite["id"]) == (
        run,
        16630218841,
        "CS_kwDONfLuus8AAAAMKvb-0w",
    )
    assert job | {"steps": job["steps"]["nodes"][:1]} == {
        "id": "CR_kwDONfLuus8AAAAK9OHTFg",
        "databaseId": 47058113302,
        "name": "test",
        "status": "COMPLETED",
        "conclusion": "SUCCESS",
        "startedAt": "2026-07-30T09:00:17Z",
        "completedAt": "2026-07-30T09:02:05Z",
        "url": f"{HTML}/actions/runs/16630218841/job/47058113302",
        "steps": [
            {
                "number": 1,
                "name": "Set up job",
                "status": "COMPLETED",
                "conclusion": "SUCCESS",
                "startedAt": "2026-07-30T09:00:17Z",
                "completedAt": "2026-07-30T09:00:19Z",
            }
        ],
    }


def test_deployment_status_leaves_empty_addresses_out(serve_judged, demo):
    _, client = serve_judged(demo)
    ids = ["DE_kwDONfLuus5qWMhx"]
    (node,) = ask(client, "deployment_statuses.graphql", "DeploymentStatuses", ids=ids)["nodes"]
    assert node["statuses"]["nodes"][0] == {
        "id": "DES_kwDONfLuus8AAAABUws0Dg",
        "state": "INACTIVE",
        "description": "",
        "environment": "production",
        "environmentUrl": None,
        "logUrl": None,
        "creator": INES,
        "createdAt": "2026-07-13T08:27:19Z",
        "updatedAt": "2026-07-13T08:27:19Z",
        "deployment": {"id": "DE_kwDONfLuus5qWMhx", "databaseId": 1784203377},
    }


def test_team_lists_its_members_with_their_roles(serve_judged, demo):
    _, client = serve_judged(demo)
    found = ask(client, "teams.graphql", "Teams", owner="tidewater-labs", first=100)
    team = without_pages(found)["organization"]["teams"]["nodes"][0]
    edges = team.pop("members")["edges"]
    assert team == {
        "id": "T_kwDOCcT-WM4ApXg4",
        "databaseId": 10844216,
        "slug": "gauge",
        "name": "Gauge",
        "combinedSlug": "tidewater-labs/gauge",
        "description": "Everybody who builds Gauge",
        "privacy": "VISIBLE",
        "url": "https://github.com/orgs/tidewater-labs/teams/gauge",
        "parentTeam": None,
        "createdAt": "2025-12-29T10:02:18Z",
        "updatedAt": "2026-08-28T16:05:33Z",
    }
    assert edges[1] == {
        "role": "MAINTAINER",
        "node": {
            "id": "U_kgDOBD5-Qg",
            "databaseId": 71204418,
            "login": "inescalder",
            "name": "Ines Calder",
        },
    }
    assert [edge["role"] for edge in edges] == ["MEMBER", "MAINTAINER", "MEMBER", "MEMBER"]
