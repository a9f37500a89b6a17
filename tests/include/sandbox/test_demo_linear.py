"""Linear in the demo holds together."""

from __future__ import annotations

from collections import Counter

from include.sandbox import Workspace
from tests.include.sandbox.demo_rows import (
    Row,
    by,
    gauge,
    linear,
)

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
