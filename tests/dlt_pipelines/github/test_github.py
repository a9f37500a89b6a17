"""A repository is read completely and cheaply: early stops, reviews of what changed, real nulls."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from include.sandbox.faults import Fault
from tests.workspaces import (
    REPO,
    START,
    at,
    commit,
    gauge,
    github,
    issue,
    issue_comment,
    issue_event,
    pull_request,
    review,
    review_comment,
    sha,
)


@pytest.fixture
def installed(sandbox_of, install):
    """An installation beside a repository."""

    def start(workspace, *, after=lambda _: None, **options):
        return install(sandbox_of(workspace, after=after), **options)

    return start


def repo(installation):
    return installation.sandbox.workspace.github(REPO)


def paths(installation) -> list[str]:
    return [e.path.removeprefix(f"/repos/{REPO}") for e in installation.asked()]


def external_ids(installation, table: str) -> list[str]:
    return installation.column(
        f"select external_id from raw_github.{table} order by occurred_at, external_id"
    )


def ids_asked_for(installation) -> list[list[str]]:
    """The ids of objects that each GraphQL request asked for."""
    return [
        json.loads(exchange.request_body)["variables"].get("ids")
        for exchange in installation.asked()
        if exchange.path == "/graphql"
    ]


REVIEWS = {"resources": ["reviews"]}


def payloads(installation, table: str) -> list[str]:
    return installation.column(f"select payload from raw_github.{table} order by event_id")


def test_what_hangs_on_pull_requests_is_one_request_for_all_that_changed(installed):
    pulls = [pull_request(n, 1_000 * n) for n in (1, 2, 3)]
    installation = installed(gauge(pull_requests=pulls, reviews=[review(7, pull=1)]))
    installation.sync(**REVIEWS)
    assert paths(installation) == ["/pulls", "/graphql"]
    installation.sync(**REVIEWS)
    assert [(e.path, e.status) for e in installation.asked()] == [(f"/repos/{REPO}/pulls", 304)]
    repo(installation).pull_requests.upsert(pull_request(2, 9_000))
    repo(installation).reviews.upsert(review(8, 9_000, pull=2))
    installation.sync(**REVIEWS)
    assert ids_asked_for(installation) == [["PR_2"]]
    assert external_ids(installation, "reviews") == ["PRR_7", "PRR_8"]


def test_reviews_of_a_pull_request_that_has_just_changed_are_read_again(installed):
    now = (datetime.now(UTC) - START).total_seconds()
    installation = installed(gauge(pull_requests=[pull_request(1, now)], reviews=[]))
    installation.sync(**REVIEWS)
    repo(installation).reviews.upsert(review(8, now, pull=1))  # The same second, a moment later.
    repo(installation).pull_requests.upsert(pull_request(1, now, title="touched"))
    installation.sync(**REVIEWS)
    assert external_ids(installation, "reviews") == ["PRR_8"]


def test_more_than_a_hundred_pull_requests_are_asked_for_by_the_hundred(installed):
    pulls = [pull_request(n, 120 * n) for n in range(1, 231)]
    installation = installed(gauge(pull_requests=pulls, reviews=[review(7, pull=1)]))
    installation.sync(**REVIEWS)
    assert [len(ids) for ids in ids_asked_for(installation)] == [100, 100, 30]
    assert len(external_ids(installation, "pull_request_details")) == 230


def test_a_list_that_does_not_fit_its_first_page_is_read_on(installed):
    reviews = [review(n, n, pull=3) for n in range(1, 171)]
    comments = [review_comment(n, n, pull=3) for n in range(1, 31)]
    answers = [review_comment(n, n, pull=3, in_reply_to_id=1) for n in range(31, 161)]
    for comment in comments:
        comment.pop("in_reply_to_id", None)
    installation = installed(gauge(reviews=reviews, review_comments=[*comments, *answers]))
    installation.sync(**REVIEWS)
    assert len(external_ids(installation, "reviews")) == 170
    threads = {
        thread["comments"]["nodes"][0]["fullDatabaseId"]: len(thread["comments"]["nodes"])
        for thread in map(json.loads, payloads(installation, "review_threads"))
    }
    assert threads == {str(n): 131 if n == 1 else 1 for n in range(1, 31)}
    operations = [e.operations[0] for e in installation.asked() if e.path == "/graphql"]
    assert operations[0] == "PullRequests"
    assert sorted(operations[1:]) == ["Page", "Page", "Page", "ThreadPage"]


def test_a_pull_request_that_is_gone_when_its_reviews_are_read_is_put_aside(installed):
    pulls = [pull_request(1), pull_request(2)]
    reviews = [review(7, pull=1), review(8, pull=2)]
    workspace = gauge(pull_requests=pulls, reviews=reviews)

    def after(exchange):
        if exchange.path.endswith("/pulls"):
            workspace.github(REPO).pull_requests.delete(1)

    installation = installed(workspace, after=after)
    installation.sync(**REVIEWS)
    assert external_ids(installation, "reviews") == ["PRR_8"]
    ((resource, code, payload),) = installation.query(
        "select resource, error_code, payload from raw_headwater.dead_letters"
    )
    assert (resource, code) == ("pull_request_details", "NotFoundError")
    assert json.loads(payload) == pulls[0]


def test_a_page_that_is_too_large_is_asked_for_by_halves(installed):
    pulls = [pull_request(n, 120 * n) for n in range(1, 71)]
    installation = installed(gauge(pull_requests=pulls, reviews=[review(7, pull=1)]))
    installation.sandbox.faults.add(
        Fault(kind="page_too_large", operation="PullRequests", value=20, times=None)
    )
    installation.sync(**REVIEWS)
    sizes = [len(ids) for ids in ids_asked_for(installation)]
    assert sizes[:3] == [70, 35, 17]
    assert len(external_ids(installation, "pull_request_details")) == 70
    assert external_ids(installation, "reviews") == ["PRR_7"]


def test_errors_beside_data_fail_the_sync_and_keep_the_cursor(installed):
    installation = installed(gauge())
    error = {"type": "INTERNAL", "message": "a field is broken", "path": ["nodes", 0, "reviews"]}
    installation.sandbox.faults.add(
        Fault(kind="graphql_error", operation="PullRequests", value=error)
    )
    (failure,) = installation.failing_sync(**REVIEWS)
    assert "github.pull_request_details: GraphQL answered with errors" in str(failure)
    assert "a field is broken" in str(failure)
    assert installation.cursors("github", REPO) == {}
    installation.sync(**REVIEWS)
    assert external_ids(installation, "reviews") == ["PRR_6"]


def test_a_content_type_that_is_switched_on_later_gets_everything_from_the_beginning(installed):
    sources = """
sources:
- {name: github, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, content_types: [%s]}]}
"""
    installation = installed(gauge(), sources=sources % "pull_requests")
    installation.sync()
    assert external_ids(installation, "reviews") == []
    installation.settings.sources_file.write_text(sources % "pull_requests, reviews")
    installation.settings.__dict__.pop("_file", None)
    installation.sync()
    assert external_ids(installation, "reviews") == ["PRR_6"]
    assert external_ids(installation, "pull_requests") == ["PR_3"]
    installation.asked()
    installation.sync()
    assert paths(installation) == ["/pulls"]


def test_pull_requests_and_events_stop_at_the_cursor(installed):
    pulls = [pull_request(n, 120 * n) for n in range(1, 131)]
    events = [issue_event(n, 120 * n) for n in range(1, 131)]
    installation = installed(github(pull_requests=pulls, issue_events=events))
    options = {"resources": ["issue_events"]}
    installation.sync(**options)
    assert paths(installation) == ["/issues/events"] * 2
    for n in range(131, 141):
        repo(installation).issue_events.upsert(issue_event(n, 120 * n))
    (done,) = installation.sync(**options)
    assert (done["rows_added"], paths(installation)) == (10, ["/issues/events"])


def test_rows_whose_author_head_position_or_body_is_null_are_kept(installed):
    pull = pull_request(3)
    pull = {**pull, "user": None, "body": None, "head": {**pull["head"], "repo": None}}
    anonymous = {**commit(8), "author": None, "committer": None}
    installation = installed(
        gauge(
            issues=[issue(1, user=None, body=None)],
            pull_requests=[pull],
            issue_comments=[issue_comment(4, user=None)],
            review_comments=[review_comment(5, pull=3, user=None, position=None, line=None)],
            reviews=[review(6, pull=3, user=None, body="")],
            issue_events=[issue_event(7, actor=None)],
            commits=[anonymous],
        )
    )
    installation.sync()
    for table, record in {
        "issues": issue(1, user=None, body=None),
        "pull_requests": pull,
        "issue_comments": issue_comment(4, user=None),
        "review_comments": review_comment(5, pull=3, user=None, position=None, line=None),
        "issue_events": issue_event(7, actor=None),
        "commits": anonymous,
    }.items():
        assert [json.loads(payload) for payload in payloads(installation, table)] == [record], table
    (payload,) = payloads(installation, "reviews")
    assert (json.loads(payload)["author"], json.loads(payload)["body"]) == (None, "")
    assert installation.column("select count(*) from raw_headwater.dead_letters") == [0]


def test_text_survives_byte_for_byte(installed):
    body = 'NUL \\u0000, tab\t, "quotes", \u2028, emoji 🌊, CRLF\r\n, \x7f'
    installation = installed(github(issues=[issue(1, body=body)]))
    installation.sync(resources=["issues"])
    (payload,) = installation.column("select payload from raw_github.issues")
    assert payload.encode() == repo(installation).issues.raw()[0]
    assert json.loads(payload)["body"] == body


def test_an_empty_repository_is_synced_without_error(installed):
    installation = installed(github())
    (done,) = installation.sync()
    assert done["rows_added"] == 2  # The repository, and its counts.
    assert external_ids(installation, "commits") == []
    assert external_ids(installation, "labels") == ["*"]
    (done,) = installation.sync(mode="full")
    assert done["rows_added"] == 0


def test_commits_of_a_push_arrive_and_a_force_push_keeps_what_was(installed):
    line = [commit(1), commit(2, 1), commit(3, 2)]
    installation = installed(github(commits=line))
    options = {"resources": ["commits"]}
    installation.sync(**options)
    assert paths(installation) == ["/commits"]
    repo(installation).commits.upsert(commit(4, 3))
    installation.sync(**options)
    assert paths(installation) == ["/commits"]
    repo(installation).commits.delete(sha(4))
    repo(installation).commits.upsert(commit(5, 3))
    installation.sync(**options)
    assert paths(installation) == [
        "/commits",
        f"/compare/{sha(4)}...{sha(5)}",
        "/commits",
    ]
    assert external_ids(installation, "commits") == [sha(n) for n in (1, 2, 3, 4, 5)]
    installation.sync(**options)
    assert paths(installation) == ["/commits"]


def test_each_configured_branch_is_walked(installed):
    sources = """
sources:
- {name: github, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, branches: [%s, %s], content_types: [commits]}]}
"""
    rows = [commit(1), commit(2, 1), commit(3, 1), commit(4, 1)]
    installation = installed(github(commits=rows), sources=sources % (sha(2), sha(3)))
    installation.sync()
    assert external_ids(installation, "commits") == [sha(n) for n in (1, 2, 3)]
    installation.asked()
    installation.sync()
    assert paths(installation) == ["/commits", "/commits"]


def test_content_types_limit_what_is_read(installed):
    sources = """
sources:
- {name: github, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, content_types: [issues, milestones]}]}
"""
    installation = installed(gauge(), sources=sources)
    installation.sync()
    assert set(paths(installation)) == {"/issues", "/graphql"}


def test_a_changed_repository_is_a_new_version(installed):
    installation = installed(github())
    installation.sync(resources=["repositories"])
    repo(installation).repository = {
        **repo(installation).repository,
        "description": "New",
        "updated_at": at(9_000),
    }
    installation.sync(resources=["repositories"])
    assert installation.query(
        "select payload ->> 'description' = 'New', _dlt_valid_to is null"
        " from raw_github.repositories order by _dlt_valid_from"
    ) == [(False, False), (True, True)]
