"""Walking GitHub's listings loses nothing, however they change under the walk.

These tests read through the real client without a pipeline; changes are made in the sandbox between
two pages, just before the answer to the first of them leaves.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dlt_pipelines.exceptions import NotFoundError, PermanentError
from dlt_pipelines.github.code import Head
from dlt_pipelines.github.commits import Heads, commits_within, walk_commits
from dlt_pipelines.github.rest import Repository, to_text
from dlt_pipelines.pipeline import EARLIEST
from include.sandbox import Exchange
from include.sandbox.faults import Fault
from tests.workspaces import REPO, START, at, commit, github, issue, issue_event, label, sha

NOW = datetime.now(UTC)


@pytest.fixture
def reader(sandbox_of, client_of, resource_run):
    """A repository served from a workspace, and the account of one resource."""

    def start(workspace, resource: str = "issues", **options):
        sandbox = sandbox_of(workspace, **options)
        repository = Repository(client_of(sandbox), REPO, f"/repos/{REPO}")
        return repository, resource_run("github", REPO, resource), sandbox

    return start


def numbers(records: Iterable[bytes]) -> list[int]:
    return [json.loads(bytes(record))["number"] for record in records]


def queries(sandbox) -> list[str]:
    return [exchange.query for exchange in sandbox.requests]


def everything(repository, run, *, since=EARLIEST, until=None) -> list[int]:
    return numbers(repository.fetch_changed(run, "/issues", since, until, {"state": "all"}))


def on_page(number: int, change: Callable[[], None]) -> Callable[[Exchange], None]:
    """Make a change once, when the walk has been answered page `number` of the issues."""
    done: list[int] = []

    def after(exchange: Exchange) -> None:
        page = int(found[1]) if (found := re.search(r"(?<!per_)page=(\d+)", exchange.query)) else 1
        if page == number and "per_page=100" in exchange.query and not done:
            done.append(number)
            change()

    return after


# Listings by last change


@pytest.mark.parametrize(
    "count, requests", [(0, 1), (1, 2), (100, 2), (101, 3), (200, 3), (201, 4)]
)
def test_a_first_read_costs_its_pages_and_one_count(reader, count, requests):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, count + 1)])
    repository, run, sandbox = reader(workspace)
    assert everything(repository, run) == list(range(1, count + 1))
    assert run.meter.requests_made == len(sandbox.requests) == requests
    assert run.expected_items == count


def test_a_first_read_asks_for_all_states_oldest_change_first_since_2008(reader):
    repository, run, sandbox = reader(github(issues=[issue(1, state="closed")]))
    assert everything(repository, run) == [1]
    common = "state=all&sort=updated&direction=asc"
    since = "since=2008-01-01T00%3A00%3A00Z"
    assert queries(sandbox) == [f"{common}&per_page=1&{since}", f"per_page=100&{common}&{since}"]


def test_a_read_from_a_cursor_costs_one_request_when_little_changed(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 11)])
    repository, run, sandbox = reader(workspace)
    since = START + timedelta(minutes=8)
    assert everything(repository, run, since=since) == [8, 9, 10]
    (query,) = queries(sandbox)
    assert "since=2026-03-01T00%3A08%3A00Z" in query


def test_a_read_from_a_cursor_moves_on_by_time_and_never_by_page(reader):
    workspace = github(issues=[issue(n, 10 * n) for n in range(1, 251)])
    repository, run, sandbox = reader(workspace)
    found = everything(repository, run, since=START)
    assert sorted(set(found)) == list(range(1, 251))
    assert Counter(found).most_common(1)[0][1] == 2  # Each request begins where the last ended.
    assert len(found) == 252
    assert not any(re.search(r"(?<!per_)page=", query) for query in queries(sandbox))
    assert [query.rsplit("since=")[1] for query in queries(sandbox)] == [
        "2026-03-01T00%3A00%3A00Z",
        "2026-03-01T00%3A16%3A40Z",
        "2026-03-01T00%3A33%3A10Z",
    ]


def test_a_window_ends_before_its_end(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 11)])
    repository, run, sandbox = reader(workspace)
    since, until = START + timedelta(minutes=3), START + timedelta(minutes=6)
    assert everything(repository, run, since=since, until=until) == [3, 4, 5]
    assert len(sandbox.requests) == 1


def test_a_window_that_ends_on_the_first_page_asks_for_no_other(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 251)])
    repository, run, sandbox = reader(workspace)
    assert len(everything(repository, run, until=START + timedelta(minutes=50))) == 49
    assert len(sandbox.requests) == 1


def test_more_changes_in_a_second_than_a_page_holds_are_an_error_and_not_a_gap(reader):
    same = [issue(n, 60) for n in range(1, 102)]
    repository, run, _ = reader(github(issues=[*same, issue(200, 120)]))
    with pytest.raises(PermanentError) as caught:
        everything(repository, run, since=START)
    assert caught.value.code == "incomplete"
    assert str(caught.value) == (
        "github.issues: more than 100 records changed in the second 2026-03-01T00:01:00Z;"
        " expected at most one page a second in an incremental read; read it whole with --full"
    )


def test_exactly_a_page_of_changes_in_a_second_is_read(reader):
    workspace = github(issues=[issue(n, 60) for n in range(1, 101)])
    repository, run, _ = reader(workspace)
    assert everything(repository, run, since=START) == list(range(1, 101))


def test_a_whole_read_takes_any_number_of_changes_in_a_second(reader):
    workspace = github(issues=[issue(n, 60) for n in range(1, 251)])
    repository, run, _ = reader(workspace)
    assert sorted(everything(repository, run)) == list(range(1, 251))


def test_an_unreadable_record_at_a_pages_end_does_not_end_the_walk(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 131)])
    repository, run, sandbox = reader(workspace)
    sandbox.faults.add(Fault(kind="remove", key="updated_at", record=99, path="/issues$"))
    found = everything(repository, run, since=START)
    assert set(found) == set(range(1, 131))


def late_changes(workspace, *changed: int) -> Callable[[], None]:
    """Issues that change now, which moves them to the listing's end."""

    def change() -> None:
        for number in changed:
            row = issue(number, 60 * number, updated_at=to_text(datetime.now(UTC)))
            workspace.github(REPO).issues.upsert(row)

    return change


@pytest.mark.parametrize("page", [1, 2])
def test_issues_that_change_while_they_are_listed_push_none_past_the_walk(reader, page):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])
    change = late_changes(workspace, 10, 20, 30)
    repository, run, _ = reader(workspace, after=on_page(page, change))
    found = everything(repository, run)
    assert set(found) == set(range(1, 271))


def test_issues_that_change_when_the_last_page_was_read_cost_nothing(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])
    change = late_changes(workspace, 10)
    repository, run, sandbox = reader(workspace, after=on_page(3, change))
    assert everything(repository, run) == list(range(1, 271))
    assert len(sandbox.requests) == 4


@pytest.mark.parametrize("gone", [1, 5, 100])
def test_issues_deleted_while_they_are_listed_pull_none_past_the_walk(reader, gone):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])

    def change() -> None:
        workspace.github(REPO).issues.delete(gone)

    repository, run, _ = reader(workspace, after=on_page(1, change))
    found = everything(repository, run)
    assert set(found) >= set(range(1, 271)) - {gone}


def test_deleted_and_new_issues_do_not_hide_each_other(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])

    def change() -> None:
        later = (datetime.now(UTC) - START).total_seconds() + 2
        workspace.github(REPO).issues.delete(50)
        workspace.github(REPO).issues.upsert(issue(900, later))

    repository, run, _ = reader(workspace, after=on_page(1, change))
    found = everything(repository, run)
    assert set(found) >= set(range(1, 271)) - {50}


def test_a_change_and_a_deletion_together_lose_nothing(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])

    def change() -> None:
        late_changes(workspace, 10, 150)()
        workspace.github(REPO).issues.delete(60)

    repository, run, _ = reader(workspace, after=on_page(1, change))
    found = everything(repository, run)
    assert set(found) >= set(range(1, 271)) - {60}


def test_an_issue_that_changes_twice_while_it_is_listed_hides_nothing(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])

    def touch(seconds: int) -> Callable[[], None]:
        moment = to_text(datetime.now(UTC) + timedelta(seconds=seconds))
        return lambda: workspace.github(REPO).issues.upsert(issue(10, 600, updated_at=moment))

    first, second = on_page(1, touch(1)), on_page(2, touch(100))

    def after(exchange: Exchange) -> None:
        first(exchange)
        second(exchange)

    repository, run, _ = reader(workspace, after=after)
    found = everything(repository, run)
    assert set(found) == set(range(1, 271))


def test_repair_reads_only_what_lies_behind_the_page_that_lost_a_record(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 371)])
    change = late_changes(workspace, 110)  # It was on page 2, so page 3 began one too late.
    repository, run, sandbox = reader(workspace, after=on_page(2, change))
    assert set(everything(repository, run)) == set(range(1, 371))
    count_and_pages = 5
    assert [query.rsplit("since=")[1] for query in queries(sandbox)[count_and_pages:]] == [
        to_text(START + timedelta(minutes=minutes)).replace(":", "%3A") for minutes in (200, 299)
    ]


def test_an_issue_that_moves_before_the_walk_comes_to_it_costs_no_repair(reader):
    workspace = github(issues=[issue(n, 60 * n) for n in range(1, 271)])
    change = late_changes(workspace, 250)
    repository, run, sandbox = reader(workspace, after=on_page(1, change))
    assert set(everything(repository, run)) == set(range(1, 271))
    assert len(sandbox.requests) == 4


# Listings newest first


def test_a_newest_first_listing_stops_at_the_first_old_record(reader):
    events = [issue_event(n, 60 * n) for n in range(1, 251)]
    repository, run, sandbox = reader(github(issue_events=events), "issue_events")
    limit = at(60 * 240)

    def is_old(record: bytes) -> bool:
        return json.loads(record)["created_at"] < limit

    found = repository.fetch_until(run, "/issues/events", {}, is_old)
    assert [json.loads(bytes(e))["id"] for e in found] == list(range(250, 239, -1))
    assert len(sandbox.requests) == 1


def test_a_newest_first_listing_that_grows_during_the_walk_loses_none(reader):
    workspace = github(issue_events=[issue_event(n, 60 * n) for n in range(1, 251)])

    def change() -> None:
        for n in range(251, 261):
            workspace.github(REPO).issue_events.upsert(issue_event(n, 60 * n))

    def after(exchange: Exchange) -> None:
        if exchange.query == "per_page=100":
            change()

    repository, run, _ = reader(workspace, "issue_events", after=after)
    found = repository.fetch_until(run, "/issues/events", {}, lambda _: False)
    assert {json.loads(bytes(e))["id"] for e in found} >= set(range(1, 251))


def test_a_complete_listing_follows_every_page(reader):
    workspace = github(labels=[label(n) for n in range(1, 231)])
    repository, run, sandbox = reader(workspace, "labels")
    found = [json.loads(bytes(row))["id"] for row in repository.fetch_all(run, "/labels")]
    assert (sorted(found), len(sandbox.requests)) == (list(range(1, 231)), 3)


# Commits


def shas(walked: tuple[str | None, Iterable[Any]]) -> tuple[str | None, set[int]]:
    head, records = walked
    known = {sha(n): n for n in range(400)}
    return head, {known[json.loads(bytes(record))["sha"]] for record in records}


def walk(repository, run, branch, known, window=None):
    """The head of a branch, and what is new since the known one, or all in a window."""
    if window:
        return None, commits_within(repository, run, branch, window)
    heads = Heads(repository, is_live=False)
    head = heads.of(run, branch)
    if head is None:
        return None, ()
    return head.commit, walk_commits(repository, run, head, known, heads.newest(branch))


LINE = [commit(1), *(commit(n, n - 1) for n in range(2, 6))]


def test_a_first_walk_reads_every_commit_of_the_head(reader):
    repository, run, sandbox = reader(github(commits=LINE), "commits")
    assert shas(walk(repository, run, "", None)) == (sha(5), {1, 2, 3, 4, 5})
    assert queries(sandbox) == ["per_page=100"]


def test_a_walk_from_the_known_head_costs_one_request(reader):
    repository, run, sandbox = reader(github(commits=LINE), "commits")
    assert shas(walk(repository, run, "", sha(5))) == (sha(5), set())
    assert queries(sandbox) == ["per_page=100"]


def test_a_push_of_a_few_commits_comes_with_the_head(reader):
    repository, run, sandbox = reader(github(commits=LINE), "commits")
    assert shas(walk(repository, run, "", sha(3))) == (sha(5), {4, 5})
    assert queries(sandbox) == ["per_page=100"]
    assert run.expected_items == 2


def test_a_push_of_a_merge_is_read_by_comparison_with_the_known_head(reader):
    merge = [commit(10, 2, seconds=150), commit(6, 5, 10)]
    repository, run, sandbox = reader(github(commits=[*LINE, *merge]), "commits")
    assert shas(walk(repository, run, "", sha(3))) == (sha(6), {4, 5, 6, 10})
    assert [e.path for e in sandbox.requests] == [
        f"/repos/{REPO}/commits",
        f"/repos/{REPO}/compare/{sha(3)}...{sha(6)}",
    ]
    assert run.expected_items == 4


def test_an_old_branch_that_is_merged_late_arrives_with_all_its_commits(reader):
    old = [commit(20, 1, seconds=30), commit(21, 20, seconds=40)]
    merge = commit(6, 5, 21)
    repository, run, _ = reader(github(commits=[*LINE, *old, merge]), "commits")
    assert shas(walk(repository, run, "", sha(5))) == (sha(6), {20, 21, 6})


def test_a_long_push_is_read_page_by_page(reader):
    history = [commit(1), *(commit(n, n - 1) for n in range(2, 252))]
    repository, run, sandbox = reader(github(commits=history), "commits")
    assert shas(walk(repository, run, "", sha(1))) == (sha(251), set(range(2, 252)))
    assert [e.query for e in sandbox.requests[1:]] == [
        f"per_page=100&page={page}" for page in (1, 2, 3)
    ]


def test_a_force_push_reads_what_is_new_when_the_old_head_is_still_known(reader):
    other = [commit(30, 3), commit(31, 30)]
    repository, run, _ = reader(github(commits=[*LINE, *other]), "commits")
    assert shas(walk(repository, run, sha(31), sha(5))) == (sha(31), {30, 31})


def test_a_force_push_that_lost_the_old_head_reads_everything_again(reader):
    other = [*LINE[:3], commit(30, 3), commit(31, 30)]
    repository, run, sandbox = reader(github(commits=other), "commits")
    assert shas(walk(repository, run, "", sha(5))) == (sha(31), {1, 2, 3, 30, 31})
    assert [e.status for e in sandbox.requests] == [200, 404, 200]


def test_a_comparison_that_gives_fewer_commits_than_it_says_is_an_error(reader):
    repository, run, sandbox = reader(github(commits=LINE), "commits")
    sandbox.faults.add(Fault(kind="replace", key="total_commits", value=7, path="/compare/"))
    with pytest.raises(PermanentError, match="gave 2 of 7 commits; expected all of them") as caught:
        shas((None, walk_commits(repository, run, Head(sha(5), ""), sha(3))))
    assert caught.value.code == "incomplete"


def test_pushes_during_a_walk_do_not_move_its_pages(reader):
    history = [commit(1), *(commit(n, n - 1) for n in range(2, 252))]
    workspace = github(commits=history)

    def after(exchange: Exchange) -> None:
        if exchange.query == "per_page=100":
            for n in range(252, 302):
                workspace.github(REPO).commits.upsert(commit(n, n - 1))

    repository, run, sandbox = reader(workspace, "commits", after=after)
    assert shas(walk(repository, run, "", None)) == (sha(251), set(range(1, 252)))
    assert [f"sha={sha(251)}" in query for query in queries(sandbox)] == [False, True, True]


def test_an_empty_repository_has_no_head_and_no_commits(reader):
    repository, run, sandbox = reader(github(), "commits")
    assert shas(walk(repository, run, "", None)) == (None, set())
    assert [e.status for e in sandbox.requests] == [409]


@pytest.mark.parametrize("window", [(None, None), (START, START + timedelta(days=1))])
def test_an_empty_repository_read_whole_or_in_a_window_has_no_commits(reader, window):
    repository, run, _ = reader(github(), "commits")
    assert shas(walk(repository, run, "", None, window)) == (None, set())


def test_a_window_reads_commits_by_their_date_and_moves_no_head(reader):
    repository, run, _ = reader(github(commits=LINE), "commits")
    window = (START + timedelta(minutes=2), START + timedelta(minutes=4))
    assert shas(walk(repository, run, "", sha(1), window)) == (None, {2, 3, 4})


def test_a_branch_that_does_not_exist_is_an_error(reader):
    repository, run, _ = reader(github(commits=LINE), "commits")
    with pytest.raises(NotFoundError, match="No commit found for SHA: nope"):
        walk(repository, run, "nope", None)


def test_a_checkout_is_compared_like_any_repository(reader, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@tidewater.example"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    heads = []
    for number in range(4):
        message = f"--message=commit {number}"
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", message], check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True)
        heads.append(head.stdout.decode().strip())
    repository, run, _ = reader(github({REPO: {"git": tmp_path}}), "commits")
    records = walk_commits(repository, run, Head(heads[3], ""), heads[1])
    assert [json.loads(bytes(record))["sha"] for record in records] == heads[2:]
