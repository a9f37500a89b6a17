"""What surrounds the demo's code on GitHub holds together."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from include.sandbox import Workspace
from include.sandbox.git import GitCheckout
from tests.include.sandbox.demo_rows import (
    DEMO,
    GAUGE,
    ORGANIZATION,
    Row,
    by,
    gauge,
    login,
    number,
    rows,
)

GIT_TYPES = {"A": "ADDED", "M": "MODIFIED", "D": "DELETED", "R": "RENAMED"}


@pytest.fixture(scope="module")
def git() -> GitCheckout:
    checkout = Workspace.demo().github("tidewater-labs/gauge").git
    assert checkout is not None
    return checkout


def organization() -> Row:
    found: Row = json.loads((DEMO / ORGANIZATION / "organization.json").read_text(encoding="utf-8"))
    return found


# --- releases, deployments and workflow runs ------------------------------------------------------


def test_releases_name_tags_of_the_code_except_for_the_draft(git: GitCheckout) -> None:
    tags = {ref.name.removeprefix("refs/tags/"): ref.commit for ref in git.tags()}
    releases = by("tag_name", gauge("releases"))
    assert releases.keys() - tags.keys() == {"v0.9.0"}
    assert [tag for tag, row in releases.items() if row["draft"]] == ["v0.9.0"]
    assert [tag for tag, row in releases.items() if row["prerelease"]] == ["v0.9.0-rc.1"]
    commits = by("sha", gauge("commits"))
    for tag, row in releases.items():
        assert (row["published_at"] is None) == row["draft"]
        if not row["draft"]:
            assert row["created_at"] == commits[tags[tag]]["commit"]["committer"]["date"]
            assert row["created_at"] < row["published_at"]
            assert row.get("mentions_count", 0) == len(re.findall(r"@[\w-]+", row["body"]))
    assert [row["name"] for row in releases.values()].count(None) == 1
    assert [len(row["assets"]) for row in releases.values()] == [0, 2, 1, 0]


def test_deployments_end_as_their_last_status_says(git: GitCheckout) -> None:
    deployments = by("id", gauge("deployments"))
    history = defaultdict(list)
    for status in gauge("deployment_statuses"):
        history[number(status["deployment_url"])].append(status)
    assert history.keys() == deployments.keys()
    for key, deployment in deployments.items():
        assert git.resolve(deployment["ref"]) == deployment["sha"]
        moments = [deployment["created_at"], *(row["created_at"] for row in history[key])]
        assert all(earlier < later for earlier, later in pairwise(moments))
        assert deployment["updated_at"] == moments[-1]
        assert {row["environment"] for row in history[key]} == {deployment["environment"]}
    assert [[row["state"] for row in history[key]] for key in deployments] == [
        ["in_progress", "success", "inactive"],
        ["in_progress", "success"],
        ["in_progress", "failure"],
    ]


def test_workflow_runs_build_commits_of_the_code(git: GitCheckout) -> None:
    pulls = by("number", gauge("pull_requests"))
    for run in gauge("workflow_runs"):
        commit = git.commit(run["head_sha"])
        assert commit is not None
        assert run["head_commit"]["id"] == commit.sha
        assert run["head_commit"]["timestamp"] <= run["created_at"] <= run["run_started_at"]
        for reference in run["pull_requests"]:
            pull = pulls[reference["number"]]
            assert (run["head_branch"], run["head_sha"]) == (
                pull["head"]["ref"],
                pull["head"]["sha"],
            )
        assert run["pull_requests"] or run["head_branch"] == "main"


def test_workflow_jobs_agree_with_their_run() -> None:
    runs, jobs = by("id", gauge("workflow_runs")), defaultdict(list)
    for job in gauge("workflow_jobs"):
        run = runs[job["run_id"]]
        assert (job["head_sha"], job["head_branch"]) == (run["head_sha"], run["head_branch"])
        assert (job["workflow_name"], job["run_url"]) == (run["name"], run["url"])
        numbers = [step["number"] for step in job["steps"]]
        assert numbers == list(range(1, len(numbers) + 1))
        if job["run_attempt"] == run["run_attempt"]:
            jobs[job["run_id"]].append(job)
    for key, run in runs.items():
        results = {job["conclusion"] for job in jobs[key]}
        assert (run["conclusion"] == "success") == (results == {"success"})
        assert run["conclusion"] in results
        for job in jobs[key]:
            assert run["run_started_at"] <= job["created_at"] <= run["updated_at"]
            assert (job["completed_at"] or job["started_at"]) <= run["updated_at"]


def test_workflow_runs_and_jobs_are_in_every_state_that_matters() -> None:
    runs, jobs = gauge("workflow_runs"), gauge("workflow_jobs")
    assert Counter((row["status"], row["conclusion"]) for row in runs) == {
        ("completed", "success"): 5,
        ("completed", "failure"): 1,
        ("completed", "cancelled"): 1,
        ("in_progress", None): 1,
    }
    assert Counter((row["status"], row["conclusion"]) for row in jobs) == {
        ("completed", "success"): 9,
        ("completed", "failure"): 2,
        ("completed", "cancelled"): 1,
        ("in_progress", None): 1,
        ("queued", None): 1,
    }
    (again,) = [row for row in runs if row["run_attempt"] == 2]
    assert again["previous_attempt_url"] == f"{again['url']}/attempts/1"
    assert [
        (job["run_attempt"], job["conclusion"]) for job in jobs if job["run_id"] == again["id"]
    ] == [(1, "failure"), (2, "success")]


# --- what hangs on pull requests ------------------------------------------------------------------


def test_files_of_pull_requests_are_what_their_commits_changed(git: GitCheckout) -> None:
    files = defaultdict(list)
    for row in gauge("pull_request_files"):
        files[row["number"]].append(
            (row["path"], row["changeType"], row["additions"], row["deletions"])
        )
    invented = set()
    for pull in gauge("pull_requests"):
        if pull["merged_at"]:
            head = pull["merge_commit_sha"]
            base = git.resolve(f"{head}^")
        elif git.commit(pull["head"]["sha"]):
            head = pull["head"]["sha"]
            base = git.merge_base("main", head)
        else:
            invented.add(pull["number"])
            continue
        assert files[pull["number"]] == [
            (change.path, GIT_TYPES[change.status], change.additions, change.deletions)
            for change in git.diff(base, head)
        ], pull["number"]
    assert invented == {13, 20}
    assert files.keys() == by("number", gauge("pull_requests")).keys()


def test_commits_of_pull_requests_end_in_their_head() -> None:
    commits = defaultdict(list)
    for row in gauge("pull_request_commits"):
        commits[row["number"]].append(row)
    reviews = defaultdict(list)
    for review in gauge("reviews"):
        reviews[review["commit_id"]].append(review["submitted_at"])
    for pull in gauge("pull_requests"):
        listed = commits.pop(pull["number"])
        dates = [row["committedDate"] for row in listed]
        assert dates == sorted(dates)
        assert listed[-1]["oid"] == pull["head"]["sha"]
        for row in listed:
            assert row["committedDate"] < min(reviews[row["oid"]], default=pull["updated_at"])
    assert not commits


def test_every_review_thread_has_a_state() -> None:
    comments = by("id", gauge("review_comments"))
    threads = by("comment_id", gauge("review_threads"))
    assert threads.keys() == {key for key, row in comments.items() if "in_reply_to_id" not in row}
    people = {login(row["user"]): row["user"] for row in comments.values()}
    for key, thread in threads.items():
        assert thread["isResolved"] == (thread["resolvedBy"] is not None)
        assert thread["isOutdated"] == (comments[key]["position"] is None)
        if thread["resolvedBy"]:
            assert thread["resolvedBy"]["id"] == people[thread["resolvedBy"]["login"]]["node_id"]
    by("id", gauge("review_threads"))
    assert Counter((row["isResolved"], row["isOutdated"]) for row in threads.values()) == {
        (True, False): 11,
        (False, False): 4,
        (True, True): 1,
    }


def test_pull_requests_close_the_issues_that_they_say() -> None:
    said = []
    for pull in gauge("pull_requests"):
        text = re.sub(r"<!--.*?-->", "", pull["body"] or "", flags=re.DOTALL)
        for key in re.findall(r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?) #(\d+)", text):
            said.append((pull["number"], int(key)))
    rows = gauge("closing_issues")
    assert [(row["number"], row["issue"]) for row in rows] == said
    issues = {row["number"] for row in gauge("issues") if "pull_request" not in row}
    assert {row["issue"] for row in rows} <= issues


# --- discussions ----------------------------------------------------------------------------------


def test_discussions_share_the_numbers_of_issues_and_are_as_new_as_their_comments() -> None:
    discussions = by("number", gauge("discussions"))
    assert list(discussions) == [43, 44, 45, 46]
    comments = by("id", gauge("discussion_comments"))
    for comment in comments.values():
        discussion = discussions[comment["discussion"]["number"]]
        assert comment["discussion"] == {key: discussion[key] for key in ("id", "number")}
        assert comment["url"].startswith(f"{discussion['url']}#discussioncomment-")
        earlier = discussion
        if comment["replyTo"]:
            earlier = comments[comment["replyTo"]["id"]]
            assert earlier["replyTo"] is None
            assert earlier["discussion"] == comment["discussion"]
        assert earlier["createdAt"] < comment["createdAt"]
        assert comment["createdAt"] <= comment["updatedAt"] <= discussion["updatedAt"]


def test_a_discussion_is_answered_where_its_category_allows_it() -> None:
    answers = {row["id"]: row for row in gauge("discussion_comments") if row["isAnswer"]}
    for discussion in gauge("discussions"):
        answer = discussion["answer"] and answers.pop(discussion["answer"]["id"])
        if not discussion["category"]["isAnswerable"]:
            assert discussion["isAnswered"] is None
            assert answer is None
        elif answer:
            assert discussion["isAnswered"]
            assert answer["discussion"]["id"] == discussion["id"]
            assert answer["createdAt"] < discussion["answerChosenAt"]
            assert discussion["answerChosenBy"] == discussion["author"]
    assert not answers


def test_discussions_keep_the_awkward_cases() -> None:
    discussions, comments = gauge("discussions"), gauge("discussion_comments")
    assert [row["category"]["slug"] for row in discussions] == [
        "ideas",
        "q-a",
        "announcements",
        "general",
    ]
    assert [row["number"] for row in discussions if row["answer"]] == [44]
    assert [row["stateReason"] for row in discussions if row["closed"]] == ["DUPLICATE"]
    assert [row["number"] for row in discussions if row["locked"]] == [46]
    assert [row["number"] for row in discussions if row["body"] == ""] == [46]
    assert Counter(row["discussion"]["number"] for row in comments) == {43: 3, 44: 4, 45: 2}
    assert [row["discussion"]["number"] for row in comments if row["author"] is None] == [45]
    assert [row["minimizedReason"] for row in comments if row["isMinimized"]] == ["off-topic"]
    assert sum(row["replyTo"] is not None for row in comments) == 4
    labels = {(row["node_id"], row["name"]) for row in gauge("labels")}
    for row in discussions:
        assert {(label["id"], label["name"]) for label in row["labels"]["nodes"]} <= labels
        assert row["labels"]["totalCount"] == len(row["labels"]["nodes"])


# --- the organization -----------------------------------------------------------------------------


def test_teams_consist_of_members_and_one_lies_in_the_other() -> None:
    members, teams = by("login", rows(f"{ORGANIZATION}/members")), rows(f"{ORGANIZATION}/teams")
    assert [(row["slug"], row["parent"] and row["parent"]["slug"]) for row in teams] == [
        ("gauge", None),
        ("on-call", "gauge"),
    ]
    joined = rows(f"{ORGANIZATION}/team_members")
    by("id", joined)
    assert [(row["team"], row["login"], row["role"]) for row in joined] == [
        ("gauge", "inescalder", "MAINTAINER"),
        ("gauge", "twrona", "MEMBER"),
        ("gauge", "pr-hydro", "MEMBER"),
        ("gauge", "hanneke-dv", "MEMBER"),
        ("on-call", "maloseidev", "MAINTAINER"),
        ("on-call", "inescalder", "MEMBER"),
    ]
    assert {row["login"] for row in joined} == members.keys()
    assert "jberrocal" not in members


def test_collaborators_are_the_members_of_the_organization() -> None:
    found = {row["login"]: row["role_name"] for row in gauge("collaborators")}
    assert found == {
        "hanneke-dv": "write",
        "inescalder": "admin",
        "maloseidev": "maintain",
        "pr-hydro": "write",
        "twrona": "write",
    }
    names = {"admin": "admin", "maintain": "maintain", "write": "push"}
    for row in gauge("collaborators"):
        granted = [key for key, given in row["permissions"].items() if given]
        assert granted[0] == names[row["role_name"]]


def test_the_repository_belongs_to_the_organization_and_has_what_is_here() -> None:
    repository = json.loads((DEMO / GAUGE / "repository.json").read_text(encoding="utf-8"))
    owner = organization()
    for field in ("login", "id", "node_id", "avatar_url", "html_url", "type"):
        assert repository["owner"][field] == owner[field]
    assert (repository["has_wiki"], repository["has_discussions"]) == (True, True)
    for pull in gauge("pull_requests"):
        copy = pull["base"]["repo"]
        assert copy == {key: repository[key] for key in copy}
