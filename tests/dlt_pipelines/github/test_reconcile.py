"""What was deleted at GitHub becomes a tombstone that says why, and very much at once is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from dlt_pipelines.github.reconcile import _Census
from include.sandbox.faults import Fault
from tests.workspaces import (
    REPO,
    START,
    discussion,
    discussion_comment,
    gauge,
    github,
    issue,
    issue_comment,
    label,
    pull_request,
    review,
    review_comment,
    whole,
)


@pytest.fixture
def synced(sandbox_of, install):
    """An installation that has synced a repository."""

    def start(workspace, **options):
        installation = install(sandbox_of(workspace), **options)
        installation.sync()
        return installation

    return start


def repo(installation):
    return installation.sandbox.workspace.github(REPO)


def tombstones(installation, table: str) -> dict[str, dict]:
    rows = installation.query(
        f"select external_id, payload, origin from raw_github.{table} where operation = 'delete'"
    )
    assert {origin for _, _, origin in rows} <= {"reconcile"}
    return {external_id: json.loads(payload) for external_id, payload, _ in rows}


def test_nothing_deleted_leaves_no_tombstone(synced):
    installation = synced(gauge())
    (done,) = installation.sync(mode="reconcile")
    assert done["rows_added"] == 0


def test_a_deleted_comment_is_found_though_its_issue_did_not_change(synced):
    comments = [issue_comment(n, 40 + n, issue=1) for n in (4, 5, 6)]
    installation = synced(gauge(issues=[issue(1, comments=3)], issue_comments=comments))
    repo(installation).delete_comment(5)
    installation.sync()
    assert tombstones(installation, "issue_comments") == {}
    installation.sync(mode="reconcile")
    assert tombstones(installation, "issue_comments") == {
        "IC_5": {
            "reason": "comment_count_fell",
            "evidence": {"parent": "1", "known": 3, "listed": 2},
        }
    }
    installation.sync(mode="reconcile")
    assert list(tombstones(installation, "issue_comments")) == ["IC_5"]


@pytest.mark.parametrize("ahead", [-7_200, 7_200])
def test_a_deletion_is_told_in_githubs_time(synced, ahead):
    comments = [issue_comment(n, 40 + n, issue=1) for n in (4, 5, 6)]
    installation = synced(gauge(issues=[issue(1, comments=3)], issue_comments=comments))
    installation.sandbox.faults.add(Fault(kind="clock", seconds=ahead, times=None))
    repo(installation).delete_comment(5)
    installation.sync(mode="reconcile")
    told = "select occurred_at from raw_github.issue_comments where operation = 'delete'"
    (occurred_at,) = installation.column(told)
    assert abs(occurred_at - datetime.now(UTC) - timedelta(seconds=ahead)) < timedelta(minutes=10)


def test_a_deleted_review_comment_and_review_are_found(synced):
    installation = synced(
        gauge(
            review_comments=[_first_of_a_thread(n) for n in (5, 6)],
            reviews=[review(n, n, pull=3) for n in (7, 8)],
        )
    )
    repo(installation).review_comments.delete(6)
    repo(installation).reviews.delete(8)
    installation.sync(mode="reconcile")
    assert list(tombstones(installation, "review_comments")) == ["PRC_6"]
    assert list(tombstones(installation, "reviews")) == ["PRR_8"]


def test_a_deleted_issue_takes_its_comments_along_and_a_transferred_one_says_where_it_went(synced):
    installation = synced(
        github(
            {
                REPO: {
                    "issues": [issue(1, comments=1), issue(2), issue(3)],
                    "issue_comments": [issue_comment(4, issue=1)],
                },
                "tidewater-labs/other": {},
            }
        ),
    )
    repo(installation).delete_issue(1)
    moved = {**issue(9), "html_url": "https://github.com/tidewater-labs/other/issues/9"}
    installation.sandbox.workspace.github("tidewater-labs/other").issues.upsert(moved)
    url = f"{installation.sandbox.url}/github/repos/tidewater-labs/other/issues/9"
    repo(installation).transfer_issue(2, url)
    installation.sync(mode="reconcile", containers=[REPO])
    assert tombstones(installation, "issues") == {
        "I_1": {
            "reason": "gone",
            "evidence": {"url": f"/repos/{REPO}/issues/1", "status": 410},
        },
        "I_2": {
            "reason": "transferred",
            "evidence": {"url": f"/repos/{REPO}/issues/2", "status": 200},
            "transferred_to": "https://github.com/tidewater-labs/other/issues/9",
        },
    }
    assert tombstones(installation, "issue_comments") == {
        "IC_4": {"reason": "parent_deleted", "evidence": {"parent": "1", "listed": False}}
    }


def test_a_pull_request_is_known_as_an_issue_too_and_not_mistaken_for_deleted(synced):
    issues = [issue(1), _as_issue(pull_request(3))]
    installation = synced(gauge(issues=issues, pull_requests=[pull_request(3)]))
    installation.sync(mode="reconcile")
    assert tombstones(installation, "issues") == {}


@pytest.fixture
def hidden(synced):
    """A repository of which these rows vanished, which tombstones say."""

    def start(*rows: tuple[str, dict]):
        installation = synced(
            gauge(
                issues=[issue(1, 10), issue(2, 200), _as_issue(pull_request(3, 30))],
                issue_comments=[issue_comment(4, 40), issue_comment(14, 41, issue=3)],
                review_comments=[_first_of_a_thread(5)],
                discussions=[discussion(20, 20)],
                discussion_comments=[
                    discussion_comment(21, 20, 21),
                    discussion_comment(22, 20, 22, reply_to=21),
                ],
            )
        )
        kept = [(kind, getattr(repo(installation), kind).get(key)) for kind, key in rows]
        for kind, key in rows:
            getattr(repo(installation), kind).delete(key)
        installation.sync()
        installation.sync(mode="reconcile")
        return installation, kept

    return start


def newest(installation, kind: str) -> dict[str, tuple[str, dict]]:
    """What counts of each object: the operation of its newest event, and its payload."""
    rows = installation.query(
        f"select external_id, operation, payload from raw_github.{kind} qualify row_number() over"
        " (partition by external_id order by occurred_at desc, observed_at desc) = 1"
    )
    return {external_id: (operation, json.loads(text)) for external_id, operation, text in rows}


@pytest.mark.parametrize(
    "rows",
    [
        [("issue_comments", 4)],
        [("issues", 1), ("issue_comments", 4)],
        [("review_comments", 5)],
        [("reviews", 6)],
        [("issues", 3), ("pull_requests", 3), ("issue_comments", 14), ("reviews", 6)],
        [("discussion_comments", "DC_22")],
        [
            ("discussions", "D_20"),
            ("discussion_comments", "DC_21"),
            ("discussion_comments", "DC_22"),
        ],
    ],
    ids=lambda rows: "+".join(kind for kind, _ in rows),
)
def test_what_comes_back_unchanged_is_as_of_its_return(hidden, rows):
    installation, kept = hidden(*rows)
    reconciled = {kind: None for kind, _ in rows if kind != "pull_requests"}
    gone = {kind: set(tombstones(installation, kind)) for kind in reconciled}
    assert sum(map(len, gone.values())) >= len(reconciled)
    for kind, row in kept:
        getattr(repo(installation), kind).upsert(row)
    installation.sync()
    assert {newest(installation, kind)[i][0] for kind in gone for i in gone[kind]} == {"delete"}

    installation.sync(mode="reconcile")

    for kind in reconciled:
        told = newest(installation, kind)
        first = installation.query(
            f"select external_id, arg_min(payload, observed_at) from raw_github.{kind} group by all"
        )
        assert told == {object_id: ("upsert", json.loads(text)) for object_id, text in first}
    before = installation.raw()
    (again,) = installation.sync(mode="reconcile")
    assert (again["rows_added"], installation.raw()) == (0, before)
    installation.sync(mode="full")
    assert installation.raw() == before


def test_what_is_edited_while_it_is_found_to_be_back_is_not_lost(hidden, monkeypatch):
    installation, [(_, comment)] = hidden(("issue_comments", 4))
    repo(installation).issue_comments.upsert(comment)
    find_gone = _Census.issue_comments

    def edited_meanwhile(census, run):
        gone = find_gone(census, run)
        edited = {"body": "Once more.", "updated_at": f"{datetime.now(UTC):%FT%TZ}"}
        repo(installation).issue_comments.upsert(comment | edited)
        return gone

    monkeypatch.setattr(_Census, "issue_comments", edited_meanwhile)
    installation.sync(mode="reconcile")
    installation.sync()
    told = newest(installation, "issue_comments")["IC_4"]
    assert (told[0], told[1]["body"]) == ("upsert", "Once more.")


def test_very_many_deletions_at_once_wait_for_confirmation(synced):
    issues = [issue(n, n) for n in range(1, 101)]
    installation = synced(gauge(issues=issues))
    for n in range(1, 61):
        repo(installation).delete_issue(n)
    (failure,) = installation.failing_sync(mode="reconcile")
    assert (failure.code, str(failure)) == (
        "mass_deletion",
        (
            "github.issues: 60 of 100 objects of tidewater-labs/gauge are missing; expected at"
            " most 20%, or 50, to vanish at once; check the token's access; if they were deleted,"
            " run again with --confirm-deletions"
        ),
    )
    assert tombstones(installation, "issues") == {}
    installation.sync(mode="reconcile", confirm_deletions=True)
    assert len(tombstones(installation, "issues")) == 60


def test_a_listing_that_loses_very_much_at_once_retires_nothing_until_confirmed(synced):
    installation = synced(gauge(labels=[label(n) for n in range(1, 101)]))
    for n in range(1, 61):
        repo(installation).labels.delete(n)
    (failure,) = installation.failing_sync(resources=["labels"])
    assert failure.code == "mass_deletion"
    listed = "select count(*) from raw_github.labels where _dlt_valid_to is null"
    assert installation.column(listed) == [100]
    installation.sync(resources=["labels"], confirm_deletions=True)
    assert installation.column(listed) == [40]
    installation.sync(resources=["labels"])


@pytest.mark.parametrize("count, gone", [(100, 20), (300, 59), (40, 40)])
def test_ordinary_deletions_need_no_confirmation(synced, count, gone):
    installation = synced(gauge(labels=[label(n) for n in range(1, count + 1)]))
    for n in range(1, gone + 1):
        repo(installation).labels.delete(n)
    installation.sync(resources=["labels"])
    assert installation.column(
        "select count(*) from raw_github.labels where _dlt_valid_to is null and external_id <> '*'"
    ) == [count - gone]


def _as_issue(pull: dict) -> dict:
    url = f"https://api.github.com/repos/{REPO}/pulls/{pull['number']}"
    addresses = dict.fromkeys(("url", "html_url", "diff_url", "patch_url"), url)
    as_issue = issue(pull["number"], updated_at=pull["updated_at"])
    return {**as_issue, "node_id": pull["node_id"], "pull_request": addresses}


def _first_of_a_thread(number: int) -> dict:
    comment = review_comment(number, number, pull=3)
    comment.pop("in_reply_to_id", None)
    return comment


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "reconcile"},
        {"mode": "window", "start": START, "end": START + timedelta(days=1)},
        {"resources": ["labels"]},
    ],
)
def test_an_organization_of_which_nothing_is_asked_is_left_out(sandbox_of, install, options):
    installation = install(sandbox_of(whole("github")))
    (done,) = installation.sync(**options)
    assert done["container"] == REPO
    assert installation.settings.store.ledger.files() == []
