"""History is read of issues that changed, for many of them at once, and to its end."""

from __future__ import annotations

import pytest

from dlt_pipelines.linear.complexity import plan_of
from dlt_pipelines.linear.graphql import query_text
from include.sandbox.faults import Fault
from tests.dlt_pipelines.linear import objects as make
from tests.workspaces import TEAM, linear, linear_issue

SOURCES_YML = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [ENG]}
"""
BATCH = plan_of(query_text("issue_history")).page_size


@pytest.fixture
def installed(sandbox_of, install):
    def start(issues, entries, **options):
        served = linear(issues=issues, issue_history=entries)
        return install(sandbox_of(served, **options), sources=SOURCES_YML), served

    return start


def stored(installation) -> list[str]:
    return installation.column("select external_id from raw_linear.issue_history order by 1")


def operations(installation) -> list[str]:
    return [exchange.operations[0] for exchange in installation.asked()]


def test_the_history_of_many_issues_is_read_in_few_requests(installed):
    issues = [linear_issue(n, n) for n in range(1, 2 * BATCH + 2)]
    entries = [make.history(1, issue, 10) for issue in issues]
    installation, _ = installed(issues, entries)
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    assert stored(installation) == sorted(entry["id"] for entry in entries)
    assert operations(installation) == ["Issues", *["IssueHistory"] * 3]


@pytest.mark.parametrize("count, pages", [(15, 0), (16, 1), (300, 2)])
def test_a_history_that_does_not_fit_beside_its_issue_is_read_on(installed, count, pages):
    issue = linear_issue(1, 5)
    entries = [make.history(n, issue, n) for n in range(count)]
    installation, _ = installed([issue, linear_issue(2, 6)], entries)
    installation.sync("linear", containers=[TEAM], resources=["issue_history"])
    assert stored(installation) == sorted(entry["id"] for entry in entries)
    assert operations(installation) == ["Issues", "IssueHistory", *["IssueHistoryPage"] * pages]


def test_only_an_issue_that_changed_is_asked_for_again(installed):
    issues = [linear_issue(n, 1_000 * n) for n in range(1, 4)]
    installation, served = installed(issues, [make.history(1, issue, 10) for issue in issues])
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    installation.asked()
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    assert operations(installation) == ["Issues"]
    served.linear.issues.upsert(linear_issue(1, 9_000))
    served.linear.issue_history.upsert(make.history(2, issues[0], 9_000))
    installation.sync("linear", containers=[TEAM], resources=["issues"])
    asked = installation.asked()
    assert [exchange.operations[0] for exchange in asked] == ["Issues", "IssueHistory"]
    assert issues[0]["id"] in asked[1].request_body.decode()
    assert issues[1]["id"] not in asked[1].request_body.decode()
    assert len(stored(installation)) == 4


def test_an_issue_that_goes_between_listing_and_history_is_a_dead_letter_and_not_the_end(installed):
    issues = [linear_issue(n, n) for n in (1, 2)]
    deleted: list[str] = []

    def after(exchange) -> None:
        if not deleted:
            deleted.append(issues[0]["id"])
            served.linear.issues.delete(issues[0]["id"])

    installation, served = installed(issues, [make.history(1, issues[1], 10)], after=after)
    (done,) = installation.sync("linear", containers=[TEAM], resources=["issues"])
    assert done["items_failed"] == 1
    assert len(stored(installation)) == 1
    (message,) = installation.column("select error_message from raw_headwater.dead_letters")
    assert "is gone since it was listed" in message


def test_an_entry_that_cannot_be_read_is_a_dead_letter(installed):
    issue = linear_issue(1, 5)
    installation, _ = installed([issue], [make.history(n, issue, n) for n in range(3)])
    fault = Fault(kind="null", operation="IssueHistory", key="history")
    installation.sandbox.faults.add(fault)
    (done,) = installation.sync("linear", containers=[TEAM], resources=["issues"])
    assert done["items_failed"] == 2  # The unreadable answer, and the issue it was for.
    assert stored(installation) == []
