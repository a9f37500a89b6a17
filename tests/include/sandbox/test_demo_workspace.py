"""The demo workspace holds together, and every row is what its provider could have sent."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from include.sandbox import Workspace
from include.sandbox.linear_schema import COLLECTIONS
from tests.include.sandbox import contracts

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "include" / "sandbox" / "workspace"
ORGANIZATION = "github/tidewater-labs"
GAUGE = "github/tidewater-labs/gauge"
HEADWATER = "github/tidewater-labs/headwater"

Row = dict[str, Any]


@cache
def rows(path: str) -> list[Row]:
    lines = (DEMO / f"{path}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def gauge(kind: str) -> list[Row]:
    return rows(f"{GAUGE}/{kind}")


def linear(kind: str) -> list[Row]:
    return rows(f"linear/{kind}")


def notion(kind: str) -> list[Row]:
    return rows(f"notion/{kind}")


def by(key: str, items: list[Row]) -> dict[Any, Row]:
    found = {item[key]: item for item in items}
    assert len(found) == len(items), f"{key} is not unique"
    return found


def number(url: str) -> int:
    return int(url.rsplit("/", 1)[1])


def login(row: Row | None) -> str | None:
    return None if row is None else str(row["login"])


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def all_rows() -> Iterator[tuple[Path, Row]]:
    for path in sorted(DEMO.rglob("*.jsonl")):
        for row in rows(str(path.relative_to(DEMO).with_suffix(""))):
            yield path, row


# --- counts ---------------------------------------------------------------------------------------


def test_every_file_has_its_number_of_rows() -> None:
    counts = {
        str(path.relative_to(DEMO).with_suffix("")): len(
            rows(str(path.relative_to(DEMO).with_suffix("")))
        )
        for path in DEMO.rglob("*.jsonl")
    }
    assert counts == {
        f"{ORGANIZATION}/members": 5,
        f"{ORGANIZATION}/team_members": 6,
        f"{ORGANIZATION}/teams": 2,
        f"{GAUGE}/closing_issues": 10,
        f"{GAUGE}/collaborators": 5,
        f"{GAUGE}/commits": 40,
        f"{GAUGE}/deployment_statuses": 7,
        f"{GAUGE}/deployments": 3,
        f"{GAUGE}/discussion_comments": 9,
        f"{GAUGE}/discussions": 4,
        f"{GAUGE}/issue_comments": 76,
        f"{GAUGE}/issue_events": 136,
        f"{GAUGE}/issues": 40,
        f"{GAUGE}/labels": 12,
        f"{GAUGE}/milestones": 3,
        f"{GAUGE}/pull_request_commits": 27,
        f"{GAUGE}/pull_request_files": 23,
        f"{GAUGE}/pull_requests": 16,
        f"{GAUGE}/releases": 4,
        f"{GAUGE}/review_comments": 30,
        f"{GAUGE}/review_threads": 16,
        f"{GAUGE}/reviews": 34,
        f"{GAUGE}/workflow_jobs": 14,
        f"{GAUGE}/workflow_runs": 8,
        f"{HEADWATER}/commits": 0,
        f"{HEADWATER}/issue_comments": 0,
        f"{HEADWATER}/issue_events": 0,
        f"{HEADWATER}/issues": 3,
        f"{HEADWATER}/labels": 4,
        f"{HEADWATER}/milestones": 0,
        f"{HEADWATER}/pull_requests": 0,
        f"{HEADWATER}/review_comments": 0,
        f"{HEADWATER}/reviews": 0,
        "linear/attachments": 10,
        "linear/comments": 40,
        "linear/customer_needs": 4,
        "linear/customers": 2,
        "linear/cycles": 4,
        "linear/documents": 4,
        "linear/initiative_to_projects": 4,
        "linear/initiative_updates": 2,
        "linear/initiatives": 2,
        "linear/issue_history": 56,
        "linear/issue_relations": 4,
        "linear/issues": 30,
        "linear/labels": 11,
        "linear/project_milestones": 5,
        "linear/project_statuses": 6,
        "linear/project_updates": 6,
        "linear/projects": 4,
        "linear/team_memberships": 8,
        "linear/teams": 2,
        "linear/users": 7,
        "linear/workflow_states": 13,
        "notion/blocks": 428,
        "notion/comments": 16,
        "notion/data_sources": 3,
        "notion/databases": 2,
        "notion/pages": 60,
        "notion/users": 7,
    }


def test_the_workspace_stays_small() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 2_500_000


def test_the_sandbox_loads_all_of_it() -> None:
    workspace = Workspace.demo()
    assert [
        {key: source[key] for key in ("name", "type", "owner")} for source in workspace.sources()
    ] == [
        {"name": "github", "type": "github", "owner": "tidewater-labs"},
        {"name": "linear", "type": "linear", "owner": "tidewater"},
        {"name": "notion", "type": "notion", "owner": "Tidewater Labs"},
    ]
    assert len(workspace.github("tidewater-labs/gauge").issues) == 40
    assert len(workspace.organizations["tidewater-labs"].teams) == 2
    assert workspace.github("tidewater-labs/headwater").git is not None


# --- GitHub ---------------------------------------------------------------------------------------


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


# --- Linear ---------------------------------------------------------------------------------------


LINEAR_REFERENCES = {
    "team": "teams",
    "fromTeam": "teams",
    "toTeam": "teams",
    "state": "workflow_states",
    "fromState": "workflow_states",
    "toState": "workflow_states",
    "assignee": "users",
    "fromAssignee": "users",
    "toAssignee": "users",
    "actor": "users",
    "creator": "users",
    "updatedBy": "users",
    "resolvingUser": "users",
    "lead": "users",
    "owner": "users",
    "user": "users",
    "project": "projects",
    "toProject": "projects",
    "projectMilestone": "project_milestones",
    "projectUpdate": "project_updates",
    "cycle": "cycles",
    "toCycle": "cycles",
    "initiative": "initiatives",
    "initiativeUpdate": "initiative_updates",
    "parentInitiative": "initiatives",
    "issue": "issues",
    "relatedIssue": "issues",
    "toParent": "issues",
    "customer": "customers",
}


def test_linear_references_point_to_objects_that_exist() -> None:
    kinds = Workspace.demo().linear.kinds
    ids = {kind: by("id", linear(kind)) for kind in kinds}
    by("id", [row for kind in kinds for row in linear(kind)])
    contents = {row["documentContentId"] for row in linear("documents")}
    for kind in kinds:
        for row in linear(kind):
            targets = {
                **LINEAR_REFERENCES,
                "parent": kind,
                **({"status": "project_statuses"} if kind == "projects" else {}),
            }
            found = [(row[f], t) for f, t in targets.items() if isinstance(row.get(f), dict)]
            found += [(label, "labels") for label in row.get("labels", {}).get("nodes", [])]
            for field in ("addedLabels", "removedLabels"):
                found += [(label, "labels") for label in row.get(field, [])]
            for reference, target in found:
                assert reference.items() <= ids[target][reference["id"]].items()
            if row.get("documentContent"):
                assert row["documentContent"]["id"] in contents


def test_linear_history_ends_in_the_state_of_its_issue() -> None:
    ends: dict[str, Row] = {}
    for entry in sorted(linear("issue_history"), key=lambda row: row["createdAt"]):
        issue = next(row for row in linear("issues") if row["id"] == entry["issue"]["id"])
        assert issue["createdAt"] <= entry["createdAt"] <= issue["updatedAt"], issue["identifier"]
        if "toState" in entry:
            before = ends.setdefault(issue["identifier"], entry["fromState"])
            assert before == entry["fromState"], issue["identifier"]
            ends[issue["identifier"]] = entry["toState"]
    for issue in linear("issues"):
        if issue["identifier"] in ends:
            assert ends[issue["identifier"]] == issue["state"], issue["identifier"]
    changed = {name for row in linear("issue_history") for name in row if name.startswith("to")}
    assert changed >= {"toState", "toAssignee", "toPriority", "toTitle", "toTeam", "toCycle"}


def test_linear_has_some_of_each_kind_of_link() -> None:
    assert {row["type"] for row in linear("issue_relations")} == {"blocks", "duplicate", "related"}
    pulls = {row["html_url"] for row in gauge("pull_requests")}
    linked = {row["url"] for row in linear("attachments") if row["sourceType"] == "github"}
    assert linked <= pulls
    assert len(linked) == 8
    assert Counter(row["team"]["key"] for row in linear("cycles")) == {"ENG": 2, "OPS": 2}
    loose = [row for row in linear("comments") if row["issue"] is None]
    assert sum(row.get("projectUpdate") is not None for row in loose) == 2
    assert sum(row.get("initiativeUpdate") is not None for row in loose) == 1
    assert sum(row.get("documentContent") is not None for row in loose) == 1
    assert [row["title"] for row in linear("documents") if row["trashed"]] == ["Draft press note"]
    for project in linear("projects"):
        status = by("id", linear("project_statuses"))[project["status"]["id"]]
        assert project["status"].items() <= status.items()


def test_linear_issues_are_numbered_and_dated_in_order() -> None:
    for team in ("ENG", "OPS"):
        issues = [row for row in linear("issues") if row["team"]["key"] == team]
        moved = [row for row in issues if row["previousIdentifiers"]]
        stayed = [row for row in issues if row not in moved]
        assert [row["identifier"] for row in issues] == [f"{team}-{r['number']}" for r in issues]
        assert [r["createdAt"] for r in stayed] == sorted(r["createdAt"] for r in stayed)
    identifiers = by("identifier", linear("issues"))
    assert identifiers["ENG-19"]["previousIdentifiers"] == ["OPS-5"]
    assert "OPS-5" not in identifiers
    assert "ENG-13" not in identifiers


def test_linear_dates_agree_with_the_state() -> None:
    for issue in linear("issues"):
        kind = issue["state"]["type"]
        assert (issue["completedAt"] is not None) == (kind == "completed"), issue["identifier"]
        assert (issue["canceledAt"] is not None) == (kind in ("canceled", "duplicate"))
        assert issue["startedAt"] or kind != "started"
        moments = [issue[field] for field in ("startedAt", "completedAt", "canceledAt")]
        moments += [row["updatedAt"] for row in linear("comments") if row["issue"] == of(issue)]
        for moment in [*moments, issue["archivedAt"]]:
            if moment:
                assert issue["createdAt"] <= moment <= issue["updatedAt"], issue["identifier"]


def of(issue: Row) -> Row:
    """How a comment refers to its issue."""
    return {"id": issue["id"], "identifier": issue["identifier"]}


def test_linear_states_belong_to_the_team_and_replies_to_the_issue() -> None:
    states, comments = by("id", linear("workflow_states")), by("id", linear("comments"))
    for issue in linear("issues"):
        assert states[issue["state"]["id"]]["team"] == issue["team"]
    for comment in comments.values():
        if comment["parent"]:
            parent = comments[comment["parent"]["id"]]
            assert parent["issue"] == comment["issue"]
            assert parent["parent"] is None
            assert parent["createdAt"] < comment["createdAt"]


def test_linear_keeps_the_awkward_cases() -> None:
    issues, users = by("identifier", linear("issues")), by("displayName", linear("users"))
    assert {row["state"]["type"] for row in issues.values()} == {
        "triage",
        "backlog",
        "unstarted",
        "started",
        "completed",
        "canceled",
        "duplicate",
    }
    assert [key for key, row in issues.items() if row["trashed"]] == ["OPS-6"]
    assert [key for key, row in issues.items() if row["archivedAt"]] == ["ENG-21", "OPS-6"]
    assert [key for key, row in issues.items() if row["creator"] is None] == [
        "ENG-11",
        "ENG-14",
        "OPS-6",
    ]
    assert [key for key, row in users.items() if not row["active"]] == ["joaquin"]
    assert [key for key, row in users.items() if row["app"]] == ["intake"]
    assert sum(row["user"] is None for row in linear("comments")) == 2
    assert sum(row["resolvedAt"] is not None for row in linear("comments")) == 3
    assert [row["key"] for row in linear("teams") if row["private"]] == ["OPS"]


# --- Notion ---------------------------------------------------------------------------------------


def parent_id(row: Row) -> str:
    parent = row["parent"]
    return str(parent[parent["type"]])


def test_notion_parents_exist_and_children_are_announced() -> None:
    pages, blocks = by("id", notion("pages")), by("id", notion("blocks"))
    sources, databases = by("id", notion("data_sources")), by("id", notion("databases"))
    known = {"True", *pages, *blocks, *sources, *databases}
    parents = Counter(parent_id(block) for block in blocks.values())
    for row in [*pages.values(), *blocks.values(), *databases.values(), *notion("comments")]:
        assert parent_id(row) in known
    for block in blocks.values():
        assert block["has_children"] == (block["id"] in parents), block["type"]


def test_notion_child_pages_stand_in_their_parent_page() -> None:
    blocks = {row["id"]: row for row in notion("blocks") if row["type"] == "child_page"}
    nested = {row["id"]: row for row in notion("pages") if row["parent"]["type"] == "page_id"}
    assert blocks.keys() == nested.keys()
    for key, page in nested.items():
        assert blocks[key]["parent"] == page["parent"]
        assert blocks[key]["child_page"]["title"] == title(page)


def title(page: Row) -> str:
    return "".join(
        part["plain_text"]
        for value in page["properties"].values()
        if value["type"] == "title"
        for part in value["title"]
    )


UNPUBLISHED_PROPERTIES = {"button", "place", "verification"}
"""Types of which rows have values, and of which the published schema of a data source has none."""


def test_notion_rows_follow_the_schema_of_their_data_source() -> None:
    sources = by("id", notion("data_sources"))
    table = {r["id"]: r for r in notion("pages") if r["parent"]["type"] == "data_source_id"}
    per_source = Counter(row["parent"]["data_source_id"] for row in table.values())
    assert {title_of(sources[key]): count for key, count in per_source.items()} == {
        "Decisions": 6,
        "Stations": 32,
        "Visits": 3,
    }
    for row in table.values():
        properties = sources[row["parent"]["data_source_id"]]["properties"]
        assert (
            row["parent"]["database_id"]
            == sources[row["parent"]["data_source_id"]]["parent"]["database_id"]
        )
        assert properties.keys() == {
            name
            for name, value in row["properties"].items()
            if value["type"] not in UNPUBLISHED_PROPERTIES
        }
        for name, schema in properties.items():
            value = row["properties"][name]
            assert (value["id"], value["type"]) == (schema["id"], schema["type"])
            if value["type"] == "relation":
                back = schema["relation"]["dual_property"]["synced_property_name"]
                for other in value["relation"]:
                    assert {"id": row["id"]} in table[other["id"]]["properties"][back]["relation"]


def title_of(source: Row) -> str:
    return "".join(part["plain_text"] for part in source["title"])


def test_notion_databases_name_their_data_sources() -> None:
    sources = by("id", notion("data_sources"))
    listed = [source for database in notion("databases") for source in database["data_sources"]]
    assert {source["id"]: source["name"] for source in listed} == {
        key: title_of(source) for key, source in sources.items()
    }
    assert sorted(len(database["data_sources"]) for database in notion("databases")) == [1, 2]


def test_notion_rows_have_every_type_of_property_and_more_references_than_a_page_shows() -> None:
    values = [value for row in notion("pages") for value in row["properties"].values()]
    assert {value["type"] for value in values} == {
        *("title", "rich_text", "number", "select", "multi_select", "status", "date", "people"),
        *("files", "checkbox", "url", "email", "phone_number", "formula", "relation", "rollup"),
        *("created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id"),
        *UNPUBLISHED_PROPERTIES,
    }
    kinds = {v["formula"]["type"] for v in values if v["type"] == "formula"}
    assert kinds == {"string", "number", "boolean", "date"}
    assert {v["rollup"]["type"] for v in values if v["type"] == "rollup"} == {
        *("array", "number", "date")
    }
    assert max(len(v["relation"]) for v in values if v["type"] == "relation") == 31
    assert max(len(list(mentions(v))) for v in values if v["type"] == "rich_text") == 31


@contracts.require_contracts
def test_notion_has_every_block_type_on_one_page() -> None:
    pages, blocks = by("id", notion("pages")), by("id", notion("blocks"))

    def page_of(block: Row) -> str:
        return (
            page_of(blocks[parent_id(block)])
            if block["parent"]["type"] == "block_id"
            else title(pages[parent_id(block)])
        )

    kinds = {row["type"] for row in blocks.values() if page_of(row) == "How we write"}
    # `transcription` is what the older version of the API calls `meeting_notes`.
    assert kinds | {"transcription"} == set(contracts.notion_block_types())


def test_notion_has_a_page_that_only_walking_its_parents_finds() -> None:
    store = Workspace.demo().notion
    assert [title(store.pages.get(key) or {}) for key in store.unlisted] == [
        "Minutes template of 2024"
    ]


def test_notion_mentions_and_copies_point_to_what_exists() -> None:
    known = {row["id"] for kind in ("pages", "databases", "blocks") for row in notion(kind)}
    people = {row["id"] for row in notion("users")}
    for block in notion("blocks"):
        for mention in mentions(block):
            target = mention[mention["type"]]
            if mention["type"] in ("page", "database", "user"):
                assert target["id"] in (people if mention["type"] == "user" else known)
        content = block[block["type"]]
        if block["type"] == "link_to_page":
            assert content[content["type"]] in known
        if content.get("synced_from"):
            assert content["synced_from"]["block_id"] in known


def mentions(value: Any) -> Iterator[Row]:
    if isinstance(value, dict):
        if value.get("type") == "mention":
            yield value["mention"]
        for item in value.values():
            yield from mentions(item)
    elif isinstance(value, list):
        for item in value:
            yield from mentions(item)


def test_notion_blocks_are_many_deep_and_of_most_types() -> None:
    blocks = by("id", notion("blocks"))
    per_page = Counter(parent_id(row) for row in blocks.values() if "page_id" in row["parent"])
    names = {row["id"]: title(row) for row in notion("pages")}
    assert [names[key] for key, count in per_page.items() if count > 100] == ["Field notes 2026"]

    def depth(block: Row) -> int:
        parent = blocks.get(parent_id(block)) if block["parent"]["type"] == "block_id" else None
        return 1 + (depth(parent) if parent else 0)

    assert max(depth(block) for block in blocks.values()) == 4
    assert len({block["type"] for block in blocks.values()}) == 36
    for block in blocks.values():
        if block["type"] == "table_row":
            width = blocks[parent_id(block)]["table"]["table_width"]
            assert len(block["table_row"]["cells"]) == width


def test_notion_times_are_whole_minutes_and_pages_are_as_new_as_their_blocks() -> None:
    pages = by("id", notion("pages"))
    blocks = by("id", notion("blocks"))
    for row in [*pages.values(), *blocks.values()]:
        assert row["last_edited_time"].endswith(":00.000Z")
        assert row["created_time"] <= row["last_edited_time"]
    for block in blocks.values():
        if block["type"].startswith("child_"):
            continue
        top = block
        while top["parent"]["type"] == "block_id":
            top = blocks[parent_id(top)]
        assert block["last_edited_time"] <= pages[parent_id(top)]["last_edited_time"]


def test_notion_keeps_the_awkward_cases() -> None:
    pages = notion("pages")
    assert [title(row) for row in pages if row["in_trash"]] == [
        "Roadmap 2025",
        "Old mill",
    ]
    assert [title(row) for row in pages if row["public_url"]] == ["Gauge handbook"]
    assert [title(row) for row in pages if row["is_locked"]] == [
        "Hiring: embedded engineer (not public)"
    ]
    assert sum(title(row) == "" for row in pages) == 1
    assert Counter(row["type"] for row in notion("users")) == {"person": 6, "bot": 1}
    assert [r["name"] for r in notion("users") if r.get("person") == {}] == ["Joaquín Berrocal"]
    assert Counter(row["parent"]["type"] for row in notion("comments")) == {
        "page_id": 11,
        "block_id": 5,
    }


# --- across the three -----------------------------------------------------------------------------


def test_links_between_the_three_lead_somewhere() -> None:
    numbers = {
        row["number"]: "pull" if "pull_request" in row else "issues" for row in gauge("issues")
    }
    commits = {row["sha"] for row in gauge("commits")}
    tickets = {row["url"] for row in linear("issues")}
    pages = {row["id"].replace("-", "") for kind in ("pages", "databases") for row in notion(kind)}
    seen: Counter[tuple[str, str]] = Counter()
    for path, row in all_rows():
        for text in strings(row):
            for kind, key in re.findall(
                r"github\.com/tidewater-labs/gauge/(issues|pull)/(\d+)", text
            ):
                assert numbers[int(key)] == kind, text
                seen[path.parent.name, "github"] += 1
            for key in re.findall(r"github\.com/tidewater-labs/gauge/commit/(\w+)", text):
                assert key in commits, text
            for url in re.findall(r"https://linear\.app/tidewater/issue/[\w-]+/[\w-]+", text):
                assert url in tickets, text
                seen[path.parent.name, "linear"] += 1
            for key in re.findall(r"www\.notion\.so/(?:[\w-]+-)?([0-9a-f]{32})", text):
                assert key in pages, text
                seen[path.parent.name, "notion"] += 1
    across = {
        (origin, target)
        for origin in ("gauge", "linear", "notion")
        for target in ("github", "linear", "notion")
    }
    assert across <= seen.keys()


def test_branches_of_pull_requests_are_those_that_linear_proposes() -> None:
    proposed = {row["branchName"]: row["identifier"] for row in linear("issues")}
    branches = {row["number"]: row["head"]["ref"] for row in gauge("pull_requests")}
    assert {key: proposed[ref] for key, ref in branches.items() if ref in proposed} == {
        3: "ENG-2",
        7: "ENG-4",
        13: "ENG-5",
        16: "ENG-12",
        18: "ENG-10",
        24: "OPS-3",
        27: "ENG-15",
        31: "ENG-9",
        35: "ENG-18",
        42: "ENG-20",
    }


def test_six_people_appear_in_all_three_under_different_handles() -> None:
    handles = {
        "Ines Calder": ("inescalder", "ines", "Ines Calder"),
        "Tomasz Wrona": ("twrona", "tomasz", "Tomek Wrona"),
        "Priya Raghunathan": ("pr-hydro", "priya", "Priya R."),
        "Malik Osei": ("maloseidev", "malik", "Malik Osei"),
        "Hanneke de Vries": ("hanneke-dv", "hanneke", "Hanneke de Vries"),
        "Joaquín Berrocal": ("jberrocal", "joaquin", "Joaquín Berrocal"),
    }
    commenters = {login(row["user"]) for row in gauge("issue_comments")}
    linear_users = {row["name"]: row["displayName"] for row in linear("users") if not row["app"]}
    notion_users = {row["name"]: row["id"] for row in notion("users") if row["type"] == "person"}
    editors = {row["created_by"]["id"] for kind in ("pages", "comments") for row in notion(kind)}
    assert linear_users == {name: handle[1] for name, handle in handles.items()}
    assert set(notion_users) == {handle[2] for handle in handles.values()}
    assert {handle[0] for handle in handles.values()} <= commenters
    assert set(notion_users.values()) <= editors
    bodies = {login(row["user"]) for row in gauge("issues")} | commenters
    assert {"dependabot[bot]", "kestrel-gis", "waterboard-mh", "ghost", None} <= bodies


def test_only_github_itself_has_an_address_outside_of_example() -> None:
    texts = [text for _, row in all_rows() for text in strings(row)]
    hosts = {
        host for text in texts for host in re.findall(r"[\w.+\]-]+@([\w-]+(?:\.[\w-]+)+)", text)
    }
    real = {host for host in hosts if not host.endswith(".example")}
    assert real == {"github.com", "users.noreply.github.com"}


# --- contracts ------------------------------------------------------------------------------------


def judge(provider: str, path: str, document: Any, query: str = "") -> None:
    """Judge rows as if the provider had answered with them."""
    request = json.dumps({"query": query}).encode() if query else b""
    body = json.dumps(document).encode()
    contracts.validate_response(provider, "POST" if query else "GET", path, 200, body, request)


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
    judge("github", path, json.loads(repository))
    for kind, listing in GITHUB_PATHS.items():
        judge("github", path + listing, rows(f"{folder}/{kind}"))


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


@contracts.require_contracts
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
            judge(
                "linear", "/graphql", {"data": {"issue": {"history": {"nodes": [answer]}}}}, query
            )
        else:
            query = f'{{ {field}(id: "1") {selection} }}'
            judge("linear", "/graphql", {"data": {field: answer}}, query)


NULL_LEAVES = ("archivedAt", "description", "dueDate", "editedAt", "resolvedAt", "trashed")
"""Fields that may be null and have no fields of their own."""


@contracts.require_contracts
@pytest.mark.parametrize(
    "kind", ["users", "pages", "data_sources", "databases", "blocks", "comments"]
)
def test_notion_payloads_are_valid(kind: str) -> None:
    for row in notion(kind):
        judge("notion", f"/v1/{kind}/{row['id']}", row)
