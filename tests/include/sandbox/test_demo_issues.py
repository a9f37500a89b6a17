"""GitHub's issues and pull requests in the demo hold together with what hangs on them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from tests.include.sandbox.demo_rows import (
    DEMO,
    HEADWATER,
    Row,
    by,
    gauge,
    login,
    number,
)


def test_github_ids_and_node_ids_are_unique() -> None:
    for kind in ("issues", "pull_requests", "issue_comments", "review_comments", "reviews"):
        by("id", gauge(kind))
    for kind in ("issue_events", "labels", "milestones"):
        by("id", gauge(kind))
    listings = ("issues", "issue_comments", "review_comments", "reviews", "issue_events", "commits")
    by("node_id", [row for kind in listings for row in gauge(kind)])
    by("sha", gauge("commits"))


def test_issue_numbers_follow_their_creation_and_two_were_deleted() -> None:
    issues = gauge("issues")
    numbers = [row["number"] for row in issues]
    assert sorted(set(range(1, 43)) - set(numbers)) == [17, 29]
    assert numbers == sorted(numbers)
    assert [row["created_at"] for row in issues] == sorted(row["created_at"] for row in issues)
    assert sum("pull_request" in row for row in issues) == 16


def test_pull_requests_and_their_issue_rows_agree() -> None:
    issues = {row["number"]: row for row in gauge("issues") if "pull_request" in row}
    pulls = by("number", gauge("pull_requests"))
    assert issues.keys() == pulls.keys()
    shared = "node_id title body state user labels assignees milestone draft created_at updated_at"
    for key, pull in pulls.items():
        for field in [*shared.split(), "closed_at", "author_association"]:
            assert pull[field] == issues[key][field], (key, field)
        assert pull["merged_at"] == issues[key]["pull_request"]["merged_at"]
        assert (pull["state"] == "closed") == (pull["closed_at"] is not None)
        assert pull["merged_at"] in (None, pull["closed_at"])


def test_comment_counts_and_update_times_cover_what_hangs_on_an_issue() -> None:
    issues = by("number", gauge("issues"))
    comments = Counter(number(row["issue_url"]) for row in gauge("issue_comments"))
    assert {key: row["comments"] for key, row in issues.items() if row["comments"]} == comments
    moments = [(number(c["issue_url"]), c["updated_at"]) for c in gauge("issue_comments")]
    moments += [(number(r["pull_request_url"]), r["submitted_at"]) for r in gauge("reviews")]
    moments += [(number(c["pull_request_url"]), c["updated_at"]) for c in gauge("review_comments")]
    moments += [(e["issue"]["number"], e["created_at"]) for e in gauge("issue_events")]
    for key, moment in moments:
        assert issues[key]["created_at"] <= moment <= issues[key]["updated_at"], (key, moment)


def test_reviews_and_review_threads_have_their_parents() -> None:
    pulls = by("number", gauge("pull_requests"))
    reviews = by("id", gauge("reviews"))
    comments = by("id", gauge("review_comments"))
    assert {number(row["pull_request_url"]) for row in reviews.values()} <= pulls.keys()
    for comment in comments.values():
        review = reviews[comment["pull_request_review_id"]]
        assert review["pull_request_url"] == comment["pull_request_url"]
        assert (review["user"], review["submitted_at"]) == (comment["user"], comment["created_at"])
        if "in_reply_to_id" in comment:
            root = comments[comment["in_reply_to_id"]]
            assert "in_reply_to_id" not in root
            assert root["pull_request_url"] == comment["pull_request_url"]
            assert (root["path"], root["diff_hunk"]) == (comment["path"], comment["diff_hunk"])
            assert root["created_at"] < comment["created_at"]


def test_a_reviewer_who_answered_is_no_longer_requested() -> None:
    answered = defaultdict(set)
    for review in gauge("reviews"):
        answered[number(review["pull_request_url"])].add(login(review["user"]))
    for pull in gauge("pull_requests"):
        requested = {login(user) for user in pull["requested_reviewers"]}
        assert not requested & answered[pull["number"]]


def replay(events: list[Row]) -> Row:
    """The state that a history of events ends in."""
    end: Row = {"state": "open", "labels": [], "assignees": [], "milestone": None, "merged": False}
    for event in events:
        kind = event["event"]
        if kind in ("closed", "reopened"):
            end["state"] = "closed" if kind == "closed" else "open"
        elif kind in ("labeled", "unlabeled"):
            change = end["labels"].append if kind == "labeled" else end["labels"].remove
            change(event["label"]["name"])
        elif kind in ("assigned", "unassigned"):
            change = end["assignees"].append if kind == "assigned" else end["assignees"].remove
            change(event["assignee"]["login"])
        elif kind in ("milestoned", "demilestoned"):
            end["milestone"] = event["milestone"]["title"] if kind == "milestoned" else None
        elif kind == "merged":
            end["merged"] = True
        elif kind == "renamed":
            end["title"] = event["rename"]["to"]
    return end


def test_replaying_the_events_gives_the_state_of_every_issue() -> None:
    history = defaultdict(list)
    for event in sorted(gauge("issue_events"), key=lambda row: (row["created_at"], row["id"])):
        history[event["issue"]["number"]].append(event)
    for issue in gauge("issues"):
        now = {
            "state": issue["state"],
            "labels": [label["name"] for label in issue["labels"]],
            "assignees": [user["login"] for user in issue["assignees"]],
            "milestone": issue["milestone"] and issue["milestone"]["title"],
            "merged": bool(issue.get("pull_request", {}).get("merged_at")),
        }
        then = replay(history[issue["number"]])
        assert then.pop("title", issue["title"]) == issue["title"]
        assert then == now, issue["number"]


def test_events_carry_the_issue_as_it_is_now() -> None:
    issues = by("number", gauge("issues"))
    for event in gauge("issue_events"):
        assert event["issue"] == issues[event["issue"]["number"]]


def test_merges_name_a_commit_of_the_default_branch() -> None:
    commits = by("sha", gauge("commits"))
    merged = {e["issue"]["number"]: e for e in gauge("issue_events") if e["event"] == "merged"}
    for pull in gauge("pull_requests"):
        assert (pull["number"] in merged) == (pull["merged_at"] is not None)
        if pull["merged_at"]:
            commit = commits[pull["merge_commit_sha"]]
            assert merged[pull["number"]]["commit_id"] == commit["sha"]
            assert commit["commit"]["message"].startswith(f"{pull['title']} (#{pull['number']})")
            assert commit["commit"]["committer"]["date"] == pull["merged_at"]
        else:
            assert pull["merge_commit_sha"] not in commits


def test_commits_are_one_history_newest_first() -> None:
    commits = gauge("commits")
    shas = [commit["sha"] for commit in commits]
    dates = [commit["commit"]["committer"]["date"] for commit in commits]
    assert dates == sorted(dates, reverse=True)
    for position, commit in enumerate(commits):
        assert all(shas.index(parent["sha"]) > position for parent in commit["parents"])
    assert Counter(len(commit["parents"]) for commit in commits) == {0: 1, 1: 38, 2: 1}
    mentioned = {event["commit_id"] for event in gauge("issue_events")} - {None}
    assert mentioned <= set(shas)


def test_milestones_and_labels_count_what_uses_them() -> None:
    labels, milestones = by("name", gauge("labels")), by("title", gauge("milestones"))
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for issue in gauge("issues"):
        assert all(label == labels[label["name"]] for label in issue["labels"])
        if issue["milestone"]:
            assert issue["milestone"] == milestones[issue["milestone"]["title"]]
            states[issue["milestone"]["title"]][issue["state"]] += 1
    for title, milestone in milestones.items():
        assert milestone["open_issues"] == states[title]["open"]
        assert milestone["closed_issues"] == states[title]["closed"]


def test_github_keeps_the_awkward_cases() -> None:
    issues, pulls = by("number", gauge("issues")), by("number", gauge("pull_requests"))
    assert [n for n, row in issues.items() if row["user"] is None] == [8]
    assert [n for n, row in issues.items() if row["body"] is None] == [13, 22]
    assert [n for n, row in issues.items() if row["body"] == ""] == [8]
    assert [n for n, row in issues.items() if row["locked"]] == [19]
    assert [n for n, row in pulls.items() if row["head"]["repo"] is None] == [11]
    assert Counter(login(row["user"]) for row in gauge("issue_comments"))["ghost"] == 1
    assert Counter(row["state"] for row in gauge("reviews")) == {
        "APPROVED": 13,
        "CHANGES_REQUESTED": 4,
        "COMMENTED": 15,
        "DISMISSED": 2,
    }
    assert any(row["body"] == "" for row in gauge("reviews"))
    assert sum(row["position"] is None for row in gauge("review_comments")) == 2
    assert sum(row["author"] is None for row in gauge("commits")) == 3
    assert Counter(row["state_reason"] for row in issues.values()) == {
        "completed": 12,
        "duplicate": 1,
        "not_planned": 1,
        "reopened": 1,
        None: 25,
    }
    assert "\r\n" in issues[28]["body"]
    assert json.loads((DEMO / HEADWATER / "repository.json").read_text())["private"] is True
