"""The sandbox answers GitHub's REST API as GitHub does."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from githubkit import GitHub, TokenAuthStrategy

from include.sandbox import Limits, Sandbox, Workspace

REPO = "/github/repos/tide/gauge"


def issue(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": 1000 + number,
        "number": number,
        "state": "open",
        "title": f"Issue {number}",
        "created_at": f"2026-01-{number:02d}T00:00:00Z",
        "updated_at": f"2026-03-{number:02d}T00:00:00Z",
        **changed,
    }


def workspace(**rows: Any) -> Workspace:
    repository = {"id": 77, "full_name": "tide/gauge", "default_branch": "main"}
    return Workspace.from_data({"github": {"tide/gauge": {"repository": repository, **rows}}})


def numbers(response: Any) -> list[int]:
    assert response.status_code == 200, response.text
    return [row["number"] for row in response.json()]


def test_issues_default_to_open_ones_newest_first(serve):
    rows = [issue(1), issue(2, state="closed"), issue(3)]
    _, client = serve(workspace(issues=rows))
    assert client.get(f"{REPO}/issues").json() == [rows[2], rows[0]]
    assert numbers(client.get(f"{REPO}/issues?state=closed")) == [2]
    assert numbers(client.get(f"{REPO}/issues?state=all&direction=asc")) == [1, 2, 3]


def test_issues_page_has_thirty_rows_unless_asked_and_a_hundred_at_most(serve):
    rows = [issue(n) for n in range(1, 151)]
    _, client = serve(workspace(issues=rows))
    assert len(client.get(f"{REPO}/issues").json()) == 30
    assert len(client.get(f"{REPO}/issues?per_page=1000").json()) == 100
    assert len(client.get(f"{REPO}/issues?per_page=x&page=0").json()) == 30


def test_link_header_is_written_as_github_writes_it(serve):
    sandbox, client = serve(workspace(issues=[issue(n) for n in range(1, 6)]))
    base = f"{sandbox.url}/github/repositories/77/issues"
    first = client.get(f"{REPO}/issues?state=all&per_page=2")
    assert first.headers["link"] == (
        f'<{base}?state=all&per_page=2&page=2>; rel="next", '
        f'<{base}?state=all&per_page=2&page=3>; rel="last"'
    )
    middle = client.get(f"{REPO}/issues?per_page=2&page=2")
    assert middle.headers["link"] == (
        f'<{base}?per_page=2&page=1>; rel="prev", <{base}?per_page=2&page=3>; rel="next", '
        f'<{base}?per_page=2&page=3>; rel="last", <{base}?per_page=2&page=1>; rel="first"'
    )
    last = client.get(f"{REPO}/issues?per_page=2&page=3")
    assert last.headers["link"] == (
        f'<{base}?per_page=2&page=2>; rel="prev", <{base}?per_page=2&page=1>; rel="first"'
    )


def test_single_and_empty_pages_have_no_link_header(serve):
    _, client = serve(workspace(issues=[issue(1)]))
    assert "link" not in client.get(f"{REPO}/issues").headers
    empty = client.get(f"{REPO}/pulls")
    assert (empty.json(), "link" in empty.headers) == ([], False)


def test_following_links_reads_every_row_once_and_is_logged_by_name(serve):
    sandbox, client = serve(workspace(issues=[issue(n) for n in range(1, 8)]))
    response = client.get(f"{REPO}/issues?per_page=3&sort=updated&direction=asc")
    found = numbers(response)
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        found += numbers(response)
    assert found == [1, 2, 3, 4, 5, 6, 7]
    assert {exchange.path for exchange in sandbox.requests} == {"/repos/tide/gauge/issues"}


def test_since_is_inclusive_in_either_direction_and_for_any_sort(serve):
    _, client = serve(workspace(issues=[issue(n) for n in range(1, 6)]))
    since = "since=2026-03-04T00:00:00Z"
    assert numbers(client.get(f"{REPO}/issues?{since}&sort=updated&direction=asc")) == [4, 5]
    assert numbers(client.get(f"{REPO}/issues?{since}&sort=updated")) == [5, 4]
    assert numbers(client.get(f"{REPO}/issues?{since}")) == [5, 4]
    assert numbers(client.get(f"{REPO}/issues?since=2026-03-04T01:00:00%2B01:00")) == [5, 4]


def test_since_long_ago_returns_nothing_as_githubs_does(serve):
    _, client = serve(workspace(issues=[issue(1)]))
    assert numbers(client.get(f"{REPO}/issues?since=1970-01-01T00:00:00Z")) == []
    assert numbers(client.get(f"{REPO}/issues?since=2008-01-01T00:00:00Z")) == [1]


@pytest.mark.parametrize(
    "query", ["state=done", "sort=size", "since=yesterday", "since=2026-01-01T00:00:00+00:00"]
)
def test_invalid_parameters_are_refused(serve, query):
    _, client = serve(workspace(issues=[issue(1)]))
    response = client.get(f"{REPO}/issues?{query}")
    name = query.split("=")[0]
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == name


def test_documented_parameters_that_are_not_served_are_refused_and_unknown_ones_ignored(serve):
    _, client = serve(workspace(issues=[issue(1)]))
    assert client.get(f"{REPO}/issues?labels=bug").status_code == 422
    assert client.get(f"{REPO}/pulls?since=2026-01-01T00:00:00Z").status_code == 200


def test_unchanged_listing_is_304_and_costs_nothing_until_a_row_changes(serve):
    sandbox, client = serve(workspace(issues=[issue(1)]))
    first = client.get(f"{REPO}/issues")
    condition = {"If-None-Match": first.headers["etag"]}
    second = client.get(f"{REPO}/issues", headers=condition)
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    sandbox.workspace.github("tide/gauge").upsert("issues", issue(1, title="Changed"))
    third = client.get(f"{REPO}/issues", headers=condition)
    assert (third.status_code, third.json()[0]["title"]) == (200, "Changed")


def test_etag_depends_on_the_token():
    both = workspace(issues=[issue(1)])
    both.tokens = frozenset({"one", "two"})
    with Sandbox(both) as sandbox:
        client = GitHub(TokenAuthStrategy("one"), base_url=f"{sandbox.url}/github")
        other = GitHub(TokenAuthStrategy("two"), base_url=f"{sandbox.url}/github")
        path = "/repos/tide/gauge/issues"
        tags = [c.request("GET", path).headers["etag"] for c in (client, other, client)]
    assert tags[0] == tags[2] != tags[1]


def test_rate_limit_headers_count_down_and_end_in_403(serve):
    _, client = serve(workspace(issues=[issue(1)]), Limits(github_requests_per_hour=2))
    left = [client.get(f"{REPO}/issues").headers["x-ratelimit-remaining"] for _ in range(2)]
    refused = client.get(f"{REPO}/issues")
    assert left == ["1", "0"]
    assert refused.status_code == 403
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > 0
    assert "rate limit exceeded" in refused.json()["message"]
    assert client.get("/github/rate_limit").json()["resources"]["core"]["remaining"] == 0


@pytest.mark.parametrize(
    ("authorization", "message"),
    [("Bearer wrong", "Bad credentials"), ("", "Requires authentication")],
)
def test_wrong_or_missing_token_is_401(serve, authorization, message):
    _, client = serve(workspace())
    response = client.get(REPO, headers={"Authorization": authorization})
    assert response.status_code == 401
    assert response.json() == {
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


def test_repository_of_another_token_is_404_as_is_what_does_not_exist(serve):
    private = workspace(issues=[issue(1)])
    private.github("tide/gauge").required_token = "other"
    _, client = serve(private)
    assert client.get(REPO).status_code == 404
    assert client.get(REPO, headers={"Authorization": "token other"}).status_code == 200
    assert client.get("/github/repos/tide/nothing").status_code == 404
    assert client.get("/github/repos/tide/gauge/stargazers").status_code == 404
    assert client.get(f"{REPO}/issues/99").status_code == 404
    assert client.get("/github/nothing").json()["message"] == "Not Found"


def test_unsupported_api_version_is_refused(serve):
    _, client = serve(workspace())
    assert client.get(REPO, headers={"X-GitHub-Api-Version": "2021-01-01"}).status_code == 400


def test_comments_ignore_direction_without_sort(serve):
    url = "https://api.github.com/repos/tide/gauge/issues/1"
    comments = [
        {"id": 5, "issue_url": url, "updated_at": "2026-01-01T00:00:00Z"},
        {"id": 4, "issue_url": url, "updated_at": "2026-01-02T00:00:00Z"},
    ]
    _, client = serve(workspace(issues=[issue(1)], issue_comments=comments))
    ids = lambda query: [row["id"] for row in client.get(f"{REPO}/issues/{query}").json()]  # noqa: E731
    assert ids("comments?direction=desc") == [4, 5]
    assert ids("comments?sort=updated") == [4, 5]
    assert ids("comments?sort=updated&direction=asc") == [5, 4]
    assert ids("1/comments?since=2026-01-02T00:00:00Z") == [4]
    assert client.get(f"{REPO}/issues/2/comments").status_code == 404


def test_children_of_a_pull_request_are_found_by_its_url(serve):
    url = "https://api.github.com/repos/tide/gauge/pulls/2"
    review = {"id": 8, "pull_request_url": url, "state": "APPROVED", "user": None}
    remark = {"id": 9, "pull_request_url": url, "position": None}
    rows = {"pull_requests": [issue(2), issue(3)], "reviews": [review], "review_comments": [remark]}
    _, client = serve(workspace(**rows))
    assert client.get(f"{REPO}/pulls/2/reviews").json() == [review]
    assert client.get(f"{REPO}/pulls/2/comments").json() == [remark]
    assert client.get(f"{REPO}/pulls/3/reviews").json() == []
    pull = client.get(f"{REPO}/pulls/2").json()
    assert (pull["number"], pull["merged"], pull["review_comments"]) == (2, False, 1)


def test_events_are_listed_newest_first_and_without_their_issue_where_it_is_known(serve):
    events = [{"id": n, "event": "closed", "issue": {"number": 1}} for n in (1, 2)]
    _, client = serve(workspace(issues=[issue(1)], issue_events=events))
    assert client.get(f"{REPO}/issues/events").json() == events[::-1]
    assert client.get(f"{REPO}/issues/1/events").json() == [
        {"id": 1, "event": "closed"},
        {"id": 2, "event": "closed"},
    ]


def test_milestones_default_to_open_ones_by_due_date(serve):
    rows = [
        {"id": 1, "number": 1, "state": "open", "due_on": None},
        {"id": 2, "number": 2, "state": "open", "due_on": "2026-05-01T00:00:00Z"},
        {"id": 3, "number": 3, "state": "closed", "due_on": "2026-04-01T00:00:00Z"},
    ]
    _, client = serve(workspace(milestones=rows))
    assert numbers(client.get(f"{REPO}/milestones")) == [2, 1]
    assert numbers(client.get(f"{REPO}/milestones?state=all")) == [3, 2, 1]


def commit(sha: str, date: str, *parents: str) -> dict[str, Any]:
    return {
        "sha": sha,
        "commit": {"committer": {"date": date}},
        "author": None,
        "parents": [{"sha": parent} for parent in parents],
    }


def test_recorded_commits_are_listed_newest_first_from_a_sha_and_between_dates(serve):
    rows = [
        commit("a", "2026-01-01T00:00:00Z"),
        commit("b", "2026-01-02T00:00:00Z", "a"),
        commit("side", "2026-01-03T00:00:00Z", "a"),
    ]
    _, client = serve(workspace(commits=rows))

    def shas(query):
        return [row["sha"] for row in client.get(f"{REPO}/commits{query}").json()]

    assert shas("") == shas("?sha=main") == ["side", "b", "a"]
    assert shas("?sha=b") == ["b", "a"]
    assert shas("?since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z") == ["b"]
    assert client.get(f"{REPO}/commits?sha=none").status_code == 404


def test_repository_without_commits_is_409(serve):
    _, client = serve(workspace())
    response = client.get(f"{REPO}/commits")
    assert (response.status_code, response.json()["message"]) == (409, "Git Repository is empty.")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ines Duarte", "-c", "user.email=ines@tidewater.example"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_commits_of_a_git_checkout_have_githubs_shape(serve, tmp_path):
    git(tmp_path, "init", "-q", "-b", "trunk")
    for date, message in [
        ("2026-02-01T10:00:00+02:00", "first\n\nbody é"),
        ("2026-02-02", "second"),
    ]:
        git(tmp_path, "commit", "-q", "--allow-empty", f"--date={date}", "-m", message)
    _, client = serve(workspace(git=tmp_path))
    newest, oldest = client.get(f"{REPO}/commits").json()
    assert newest["parents"][0]["sha"] == oldest["sha"]
    assert oldest["commit"]["message"] == "first\n\nbody é"
    assert oldest["commit"]["author"] == {
        "name": "Ines Duarte",
        "email": "ines@tidewater.example",
        "date": "2026-02-01T08:00:00Z",
    }
    assert (oldest["author"], oldest["committer"]) == (None, None)
    one = client.get(f"{REPO}/commits", params={"sha": oldest["sha"]}).json()
    assert [row["sha"] for row in one] == [oldest["sha"]]
    assert client.get(f"{REPO}/commits?sha=--all").status_code == 404


def test_githubkit_pages_through_the_demo_workspace():
    workspace = Workspace.demo()
    repository = workspace.github("tidewater-labs/gauge")
    with Sandbox(workspace) as sandbox:
        client = GitHub(TokenAuthStrategy("sandbox-token"), base_url=f"{sandbox.url}/github")

        def read(listing, **query):
            query |= {"owner": "tidewater-labs", "repo": "gauge", "per_page": 10}
            return list(client.rest.paginate(listing, lambda page: page.json(), **query))

        issues = read(client.rest.issues.list_for_repo, state="all")
        pulls = read(client.rest.pulls.list, state="all")
        comments = read(client.rest.issues.list_comments_for_repo)
    for rows, kind in [(issues, "issues"), (pulls, "pull_requests"), (comments, "issue_comments")]:
        assert sorted(row["id"] for row in rows) == sorted(
            row["id"] for row in repository.collection(kind)
        )
