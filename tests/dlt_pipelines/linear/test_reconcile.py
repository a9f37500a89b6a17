"""What was deleted at Linear for good is found by comparing; what has moved is not taken for it."""

from __future__ import annotations

import json

import pytest

from dlt_pipelines.linear.source import LINEAR
from include.sandbox.faults import Fault
from tests.dlt_pipelines.linear import objects as make
from tests.dlt_pipelines.linear.test_scope import BOTH, ENG_ONLY, two_teams
from tests.workspaces import TEAM, linear, linear_comment, linear_issue, linear_project, uuid

RECONCILED = sorted(name for name, resource in LINEAR.resources.items() if resource.locator)


@pytest.fixture
def synced(sandbox_of, install):
    """An installation that has read a workspace, and the workspace."""

    def start(served, sources: str = ENG_ONLY):
        installation = install(sandbox_of(served), sources=sources)
        installation.sync("linear")
        installation.asked()
        return installation

    return start


def tombstones(installation, resource: str) -> dict[str, dict]:
    rows = installation.query(
        f"select external_id, payload from raw_linear.{resource} where operation = 'delete'"
    )
    return {external_id: json.loads(payload) for external_id, payload in rows}


def test_an_object_that_was_deleted_for_good_leaves_a_tombstone(synced):
    served, stored, _ = two_teams()
    installation = synced(served)
    for resource in RECONCILED:
        gone = stored[resource][0]
        served.linear.collection(resource).delete(gone)
        installation.sync("linear", mode="reconcile", resources=[resource])
        found = tombstones(installation, resource)
        evidence = {"query": resource, "id": gone, "found": None}
        assert found == {gone: {"reason": "deleted", "evidence": evidence}}, resource
    installation.sync("linear", mode="reconcile")  # What hung on them, too.
    before = installation.raw()
    installation.sync("linear", mode="reconcile")
    assert installation.raw() == before


def test_where_nothing_is_missing_a_census_is_one_request_for_each_resource(synced):
    served, *_ = two_teams()
    installation = synced(served)
    before = installation.raw()
    installation.sync("linear", mode="reconcile")
    asked = installation.asked()
    # Comments are listed in both containers.
    assert len(asked) == len(RECONCILED) + 1
    assert all('"in"' not in json.dumps(sorted(e.operations)) for e in asked)
    assert installation.raw() == before


def test_an_issue_that_went_to_a_team_that_is_not_configured_has_left_the_scope(synced):
    served, *_ = two_teams()
    installation = synced(served)
    moved = linear_issue(77, 300, team="OPS") | {"id": linear_issue(1)["id"]}
    served.linear.issues.upsert(moved)
    installation.sync("linear", mode="reconcile", resources=["issues"])
    assert tombstones(installation, "issues") == {
        moved["id"]: {
            "reason": "out_of_scope",
            "evidence": {
                "query": "issues",
                "id": moved["id"],
                "found": {"teams": ["OPS"]},
            },
        }
    }


def test_an_issue_that_went_to_a_team_that_is_configured_is_not_deleted(synced):
    served, *_ = two_teams()
    installation = synced(served, BOTH)
    moved = linear_issue(77, 300, team="OPS") | {"id": linear_issue(1)["id"]}
    served.linear.issues.upsert(moved)
    installation.sync("linear", mode="reconcile")
    assert tombstones(installation, "issues") == {}
    assert tombstones(installation, "comments") == {}


def test_a_project_that_left_the_configured_teams_takes_its_milestones_along(synced):
    served, *_ = two_teams()
    installation = synced(served)
    served.linear.projects.upsert(make.project_of(1, ["OPS"], 300))
    installation.sync("linear", mode="reconcile", containers=["tidewater"])
    reasons = {
        name: [row["reason"] for row in tombstones(installation, name).values()]
        for name in ("projects", "project_milestones", "project_updates")
    }
    assert reasons == {
        "projects": ["out_of_scope"],
        "project_milestones": ["out_of_scope"],
        "project_updates": ["out_of_scope"],
    }


def test_what_is_there_and_was_never_read_is_read(synced):
    """Comments of an issue that came from elsewhere did not change when it came."""
    served, *_ = two_teams()
    installation = synced(served)
    came = linear_issue(88, 9_000) | {"id": linear_issue(2, team="OPS")["id"]}
    served.linear.issues.upsert(came)
    comment = uuid("comment 4")
    served.linear.comments.upsert(
        {**linear_comment(4, came, 100), "issue": make.reference(came)},
    )
    served.linear.comments.upsert(linear_comment(50, linear_issue(1), 90_000))
    installation.sync("linear", containers=[TEAM])
    known = "select external_id from raw_linear.comments where container = 'ENG'"
    assert comment in installation.column(known)
    late = linear_comment(60, came, 100)
    served.linear.comments.upsert(late)
    installation.sync("linear", containers=[TEAM])
    assert late["id"] not in installation.column(known)
    installation.sync("linear", mode="reconcile", containers=[TEAM])
    assert late["id"] in installation.column(known)
    assert tombstones(installation, "comments") == {}


@pytest.mark.parametrize("ahead", [0, 7_200])
def test_what_comes_back_unchanged_is_as_of_its_return(went_away, ahead):
    installation, comment = went_away(ahead)
    move(installation, comment, "ENG", 400)
    installation.sync("linear")
    assert newest(installation, comment)[0] == "delete"
    installation.sync("linear", mode="reconcile")
    assert newest(installation, comment) == ("upsert", "ENG", comment["body"])
    before = installation.raw()
    installation.sync("linear", mode="reconcile")
    installation.sync("linear", mode="full")
    assert installation.raw() == before


def test_what_went_to_a_team_that_is_configured_later_is_as_of_its_return(went_away):
    installation, comment = went_away()
    installation.settings.sources_file.write_text(BOTH, encoding="utf-8")
    del installation.settings.__dict__["_file"]
    installation.sync("linear")
    assert newest(installation, comment)[0] == "delete"
    installation.sync("linear", mode="reconcile")
    assert newest(installation, comment) == ("upsert", "OPS", comment["body"])
    before = installation.raw()
    installation.sync("linear", mode="reconcile")
    assert installation.raw() == before


def test_what_changed_after_its_deletion_has_its_own_time(went_away):
    installation, comment = went_away()
    edited = comment | {"body": "Once more.", "updatedAt": "2100-01-01T00:00:00.000Z"}
    move(installation, edited, "ENG", 400)
    installation.sync("linear", mode="reconcile")
    assert newest(installation, edited) == ("upsert", "ENG", "Once more.")
    before = installation.raw()["raw_linear.comments"]
    installation.sync("linear")
    assert installation.raw()["raw_linear.comments"] == before


@pytest.fixture
def went_away(synced):
    """A comment whose issue went to a team that is not configured, which a tombstone says."""

    def start(ahead: float = 0):
        served, *_ = two_teams()
        installation = synced(served)
        installation.sandbox.faults.add(Fault(kind="clock", seconds=ahead, times=None))
        comment = linear_comment(50, linear_issue(1), 200)
        move(installation, comment, "ENG", 200)
        installation.sync("linear")
        move(installation, comment, "OPS", 300)
        installation.sync("linear", mode="reconcile")
        assert newest(installation, comment)[0] == "delete"
        return installation, comment

    return start


def move(installation, comment, team: str, seconds: float) -> None:
    """An issue goes to a team with its comment: the issue changes, the comment does not."""
    issue = linear_issue(77, seconds, team=team) | {"id": comment["issue"]["id"]}
    served = installation.sandbox.workspace.linear
    served.issues.upsert(issue)
    served.comments.upsert({**comment, "issue": make.reference(issue)})


def newest(installation, comment) -> tuple[str, str, str | None]:
    """What counts of a comment: its newest event, where that is from, and its text."""
    (found,) = installation.query(
        "select operation, container, payload ->> 'body' from raw_linear.comments"
        f" where external_id = '{comment['id']}'"
        " order by occurred_at desc, observed_at desc limit 1"
    )
    return found


def test_very_many_missing_at_once_stop_the_reconciliation_until_confirmed(synced):
    issues = [linear_issue(n, n) for n in range(1, 101)]
    served = linear(issues=issues)
    installation = synced(served)
    for issue in issues[:60]:
        served.linear.issues.delete(issue["id"])
    options = {"mode": "reconcile", "containers": [TEAM], "resources": ["issues"]}
    (failure,) = installation.failing_sync("linear", **options)
    assert failure.code == "mass_deletion"
    assert "linear.issues: 60 of 100 objects of ENG are missing" in str(failure)
    assert tombstones(installation, "issues") == {}
    installation.sync("linear", **options, confirm_deletions=True)
    assert len(tombstones(installation, "issues")) == 60


def test_archived_and_trashed_objects_are_there(synced):
    archived = linear_issue(1, 10, archivedAt="2026-03-02T00:00:00.000Z")
    trashed = linear_issue(2, 20, archivedAt="2026-03-02T00:00:00.000Z", trashed=True)
    project = linear_project(3, [TEAM], 30)
    installation = synced(linear(issues=[archived, trashed], projects=[project]))
    installation.sync("linear", mode="reconcile")
    assert tombstones(installation, "issues") == {}
    assert tombstones(installation, "projects") == {}
