"""GitHub's REST listings beside issues: runs, releases, organizations; what is gone or forbidden.

Every exchange is judged by the contracts, or by githubkit's models where the published contract
lacks the path.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import githubkit_schemas.latest.models as models
import httpx
import pytest
from pydantic import TypeAdapter

from include.sandbox import Fault, Limits, Workspace
from include.sandbox.workspace import GitHubRepository

REPO = "/repos/tidewater-labs/gauge"
RERUN = 16790455127
DEPLOYMENT = 2596610458


@pytest.fixture
def demo() -> Workspace:
    return Workspace.demo()


@pytest.fixture
def gauge(demo: Workspace) -> GitHubRepository:
    return demo.github("tidewater-labs/gauge")


@pytest.fixture
def client(serve_judged, demo) -> httpx.Client:
    return serve_judged(demo)[1]


@pytest.fixture
def beyond_contract(serve, demo) -> httpx.Client:
    """A client of paths that the published contract lacks."""
    sandbox, unjudged = serve(demo)
    unjudged.base_url = f"{sandbox.url}/github"
    return unjudged


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["message"]


def newest_first(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)


@pytest.mark.parametrize("kind", ["releases", "deployments"])
def test_releases_and_deployments_come_newest_first(client, gauge, kind):
    assert client.get(f"{REPO}/{kind}").json() == newest_first(gauge.collection(kind))


def test_collaborators_are_whole(client, gauge):
    assert client.get(f"{REPO}/collaborators").json() == list(gauge.collaborators)


def test_runs_come_newest_first_with_their_number(client, gauge):
    rows = newest_first(gauge.workflow_runs)
    assert client.get(f"{REPO}/actions/runs").json() == {"total_count": 8, "workflow_runs": rows}


def test_pages_inside_an_object_are_linked_like_others(client, gauge):
    response = client.get(f"{REPO}/actions/runs?per_page=3")
    found = ids(response.json()["workflow_runs"])
    while "next" in response.links:
        response = client.get(response.links["next"]["url"])
        found += ids(response.json()["workflow_runs"])
    assert found == ids(newest_first(gauge.workflow_runs))


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (">=2026-10-08T16:30:15Z", [18614550239, 18356240120]),
        ("<=2026-07-30T09:00:13Z", [16630218841]),
        ("2026-08-06", [RERUN]),
        ("2026-08-06T17:58:20Z..2026-09-22T06:02:08Z", [17904417730, RERUN]),
        ("*..2026-07-30", [16630218841]),
        (">=2027-01-01", []),
    ],
)
def test_runs_are_chosen_by_when_they_were_created(client, created, expected):
    answer = client.get(f"{REPO}/actions/runs", params={"created": created}).json()
    assert (answer["total_count"], ids(answer["workflow_runs"])) == (len(expected), expected)


@pytest.mark.parametrize(
    "path",
    [
        "/actions/runs?status=failure",
        "/actions/runs?branch=main",
        "/actions/runs?created=yesterday",
        f"/actions/runs/{RERUN}/jobs?filter=newest",
        "/deployments?ref=main",
        "/collaborators?affiliation=direct",
    ],
)
def test_what_a_listing_does_not_filter_by_is_refused(client, path):
    assert client.get(REPO + path).status_code == 422


def test_jobs_are_those_of_the_latest_attempt_unless_all_are_asked_for(client, gauge):
    jobs = sorted((job for job in gauge.workflow_jobs if job["run_id"] == RERUN), key=by_id)
    assert [job["run_attempt"] for job in jobs] == [1, 2]
    path = f"{REPO}/actions/runs/{RERUN}/jobs"
    assert client.get(path).json() == {"total_count": 1, "jobs": jobs[1:]}
    assert client.get(f"{path}?filter=all").json() == {"total_count": 2, "jobs": jobs}
    assert refusal(client.get(f"{REPO}/actions/runs/1/jobs")) == (404, "Not Found")


def by_id(row: dict[str, Any]) -> int:
    return int(row["id"])


def test_statuses_of_a_deployment_come_newest_first(beyond_contract, gauge):
    url = gauge.find("deployments", id=DEPLOYMENT)["url"]
    own = [status for status in gauge.deployment_statuses if status["deployment_url"] == url]
    found = beyond_contract.get(f"{REPO}/deployments/{DEPLOYMENT}/statuses").json()
    assert (len(own), found) == (2, sorted(own, key=by_id, reverse=True))
    TypeAdapter(list[models.DeploymentStatus]).validate_python(found)
    missing = beyond_contract.get(f"{REPO}/deployments/1/statuses")
    assert refusal(missing) == (404, "Not Found")


@pytest.mark.parametrize(
    ("kind", "path", "model"),
    [
        ("issue_comments", "issues/comments", models.IssueComment),
        ("review_comments", "pulls/comments", models.PullRequestReviewComment),
    ],
)
def test_a_single_comment_is_served_until_it_is_gone(beyond_contract, gauge, kind, path, model):
    comment = next(iter(gauge.collection(kind)))
    url = f"{REPO}/{path}/{comment['id']}"
    assert beyond_contract.get(url).json() == comment
    TypeAdapter(model).validate_python(comment)
    gauge.delete(kind, comment["id"])
    assert refusal(beyond_contract.get(url)) == (404, "Not Found")


def test_an_organization_shows_itself_its_members_and_its_repositories(client, demo):
    organization = demo.organizations["tidewater-labs"]
    assert client.get("/orgs/tidewater-labs").json() == organization.organization
    assert client.get("/orgs/tidewater-labs/members").json() == list(organization.members)
    names = [row["full_name"] for row in client.get("/orgs/tidewater-labs/repos").json()]
    assert sorted(names) == sorted(
        repository.name
        for repository in demo.repositories.values()
        if repository.name.startswith("tidewater-labs/") and repository.required_token is None
    )
    assert refusal(client.get("/orgs/nobody")) == (404, "Not Found")


def test_a_team_has_members_of_either_role(beyond_contract, demo):
    teams = beyond_contract.get("/orgs/tidewater-labs/teams").json()
    assert teams == list(demo.organizations["tidewater-labs"].teams)
    TypeAdapter(list[models.Team]).validate_python(teams)
    path = "/orgs/tidewater-labs/teams/on-call/members"

    def logins(query: str) -> list[str]:
        return sorted(row["login"] for row in beyond_contract.get(path + query).json())

    assert logins("") == ["inescalder", "maloseidev"]
    assert logins("?role=maintainer") == ["maloseidev"]
    missing = beyond_contract.get("/orgs/tidewater-labs/teams/none/members")
    assert refusal(missing) == (404, "Not Found")


def test_accounts_are_known_by_what_they_did(client):
    account = client.get("/users/kestrel-gis").json()
    assert (account["login"], account["type"]) == ("kestrel-gis", "User")
    assert client.get("/users/tidewater-labs").json()["type"] == "Organization"
    assert refusal(client.get("/users/nobody-at-all")) == (404, "Not Found")


@pytest.mark.parametrize(
    "path",
    [
        "/user",
        "/user/repos",
        "/users/twrona",
        "/orgs/tidewater-labs",
        "/orgs/tidewater-labs/members",
        f"{REPO}/releases",
        f"{REPO}/collaborators",
        f"{REPO}/actions/runs",
        f"{REPO}/actions/runs/{RERUN}/jobs",
        f"{REPO}/deployments",
    ],
)
def test_what_has_not_changed_is_not_sent_again_and_costs_nothing(client, path):
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"] == "1"


def test_a_renamed_repository_is_found_by_its_number(client, demo, gauge):
    demo.transfer("tidewater-labs/gauge", "tidewater-labs/level")
    old = client.get(f"{REPO}/issues?state=all&per_page=1")
    number = gauge.repository["id"]
    location = f"{client.base_url}repositories/{number}/issues?state=all&per_page=1"
    assert (old.status_code, old.headers["location"]) == (301, location)
    moved = client.get("/repos/tidewater-labs/level/issues?state=all&per_page=1").json()
    assert client.get(location).json() == moved
    newest = max(row["created_at"] for row in gauge.issues)
    assert [row["created_at"] for row in moved] == [newest]
    assert moved[0]["url"].startswith("https://api.github.com/repos/tidewater-labs/level/issues/")
    assert client.get("/repos/tidewater-labs/level").json()["full_name"] == "tidewater-labs/level"


def test_a_deleted_issue_is_gone_with_its_comments(client, gauge):
    commented = next(row for row in gauge.issues if row["comments"] and "pull_request" not in row)
    url = f"{REPO}/issues/{commented['number']}"
    comments = ids(client.get(f"{url}/comments").json())
    gauge.delete_issue(commented["number"])
    assert refusal(client.get(url)) == (410, "This issue was deleted")
    assert commented["id"] not in ids(client.get(f"{REPO}/issues?state=all&per_page=100").json())
    left = ids(client.get(f"{REPO}/issues/comments?per_page=100").json())
    assert comments
    assert set(comments).isdisjoint(left)


def test_a_transferred_issue_leads_to_where_it_is(client, gauge):
    there = "https://github.com/elsewhere/other/issues/9"
    number = next(row["number"] for row in gauge.issues if "pull_request" not in row)
    gauge.transfer_issue(number, there)
    response = client.get(f"{REPO}/issues/{number}")
    assert (response.status_code, response.headers["location"]) == (301, there)


def test_a_deleted_comment_lowers_the_count_and_no_time(client, gauge):
    comment = next(iter(gauge.issue_comments))
    url = f"{REPO}/issues/{comment['issue_url'].rsplit('/', 1)[1]}"
    before = client.get(url).json()
    gauge.delete_comment(comment["id"])
    assert client.get(url).json() == before | {"comments": before["comments"] - 1}


def test_what_a_deleted_account_wrote_stays_by_nobody(client, gauge):
    def authors() -> list[str | None]:
        rows = client.get(f"{REPO}/issues?state=all&per_page=100&direction=asc").json()
        return [row["user"]["login"] if row["user"] else None for row in rows]

    before = authors()
    gauge.forget_account("inescalder")
    expected = [None if login == "inescalder" else login for login in before]
    assert "inescalder" in before
    assert authors() == expected


def test_a_missing_permission_is_named(client, demo):
    demo.forbid(r"^/repos/[^/]+/[^/]+/actions/", "actions=read")
    refused = client.get(f"{REPO}/actions/runs")
    assert refusal(refused) == (403, "Resource not accessible by personal access token")
    assert refused.headers["x-accepted-github-permissions"] == "actions=read"
    assert client.get(f"{REPO}/issues").status_code == 200


def test_who_only_reads_sees_no_collaborators_and_no_drafts(client, demo):
    drafts = [row["draft"] for row in client.get(f"{REPO}/releases").json()]
    demo.read_only_tokens = frozenset({"sandbox-token"})
    assert refusal(client.get(f"{REPO}/collaborators")) == (
        403,
        "Must have push access to view repository collaborators.",
    )
    assert sorted(drafts) == [False, False, False, True]
    assert [row["draft"] for row in client.get(f"{REPO}/releases").json()] == [False] * 3


def test_rest_and_graphql_have_budgets_of_their_own(serve_judged, demo):
    limits = Limits(github_requests_per_hour=2, github_window_seconds=60)
    _, client = serve_judged(demo, limits)
    answers = [client.get("/user") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert [answer.headers["x-ratelimit-resource"] for answer in answers] == ["core"] * 3
    query = client.post("/graphql", json={"query": "{ viewer { login } }"})
    assert (query.status_code, query.headers["x-ratelimit-resource"]) == (200, "graphql")
    resources = client.get("/rate_limit").json()["resources"]
    assert [(name, row["remaining"]) for name, row in resources.items()] == [
        ("core", 0),
        ("graphql", 4_999),
        ("search", 30),
    ]


def test_a_minute_has_so_many_points_for_both_apis(serve_judged, demo):
    _, client = serve_judged(demo, Limits(github_points_per_minute=2))
    assert client.get("/user").status_code == 200
    assert client.post("/graphql", json={"query": "{ viewer { login } }"}).status_code == 200
    refused = client.get("/user")
    assert refusal(refused) == (
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    )
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-remaining"] != "0"


def test_a_token_has_so_many_requests_at_a_time(serve_judged, demo):
    demo.tokens |= {"other-token"}
    sandbox, client = serve_judged(demo, Limits(github_concurrent=1))
    sandbox.faults.add(Fault(provider="github", kind="slow", seconds=1))
    authorizations = ["Bearer sandbox-token"] * 3 + ["Bearer other-token"]

    def ask(authorization: str) -> httpx.Response:
        return client.get("/user", headers={"Authorization": authorization})

    with ThreadPoolExecutor(4) as pool:
        *same, other = pool.map(ask, authorizations)
    assert sorted(answer.status_code for answer in same) == [200, 403, 403]
    waits = {answer.headers.get("retry-after") for answer in same}
    assert (waits, other.status_code) == ({None, "60"}, 200)
    sandbox.faults.clear()
    assert client.get("/user").status_code == 200


def test_a_pull_request_lists_its_commits_oldest_first_and_its_files(client, gauge):
    commits = client.get(f"{REPO}/pulls/13/commits").json()
    files = client.get(f"{REPO}/pulls/13/files").json()

    recorded = [row for row in gauge.pull_request_commits if row["number"] == 13]
    assert [(row["sha"], row["commit"]["committer"]["date"]) for row in commits] == [
        (row["oid"], row["committedDate"]) for row in recorded
    ]
    assert [
        (row["filename"], row["additions"], row["deletions"], row["status"]) for row in files[:2]
    ] == [
        ("web/src/map/layers.ts", 61, 38, "modified"),
        ("web/src/map/style.json", 212, 0, "added"),
    ]


def test_a_pull_request_lists_at_most_250_commits(client, gauge):
    for number in range(300):
        gauge.upsert(
            "pull_request_commits",
            {
                "id": f"PURC_{number}",
                "number": 3,
                "oid": f"{number:040x}",
                "committedDate": "2026-01-09T17:41:30Z",
                "messageHeadline": "more",
            },
        )

    pages = [
        client.get(f"{REPO}/pulls/3/commits", params={"per_page": 100, "page": page}).json()
        for page in (1, 2, 3, 4)
    ]

    assert [len(page) for page in pages] == [100, 100, 50, 0]


def test_parts_of_an_unknown_pull_request_are_not_found(client):
    answers = [client.get(f"{REPO}/pulls/9999/{part}") for part in ("commits", "files")]

    assert [refusal(answer) for answer in answers] == [(404, "Not Found")] * 2


def test_milestones_are_sorted_by_completeness_or_in_the_default_order(client, gauge):
    def titles(**params: str) -> list[str]:
        query = {"state": "all", **params}
        return [row["title"] for row in client.get(f"{REPO}/milestones", params=query).json()]

    def done(row: dict[str, Any]) -> float:
        return row["closed_issues"] / max(1, row["open_issues"] + row["closed_issues"])

    by_completeness = sorted(gauge.milestones, key=lambda row: (done(row), row["id"]))
    assert titles(sort="completeness") == [row["title"] for row in by_completeness]
    assert titles(sort="completeness", direction="desc") == [
        row["title"] for row in reversed(by_completeness)
    ]
    assert titles(sort="updated") == titles()


def test_a_release_says_who_is_mentioned_and_how_people_reacted(client, gauge):
    release = {
        **(gauge.releases.find(id=284190337) or {}),
        "body": "Thanks <all>, @Twrona and @nobody",
        "reactions": {"+1": 3, "heart": 1},
    }
    gauge.upsert("releases", release)
    query = """query Of($id: ID!) { node(id: $id) { ... on Release {
        descriptionHTML mentions(first: 0) { totalCount }
        reactionGroups { content reactors { totalCount } }
    } } }"""

    answer = client.post("/graphql", json={"query": query, "variables": {"id": release["node_id"]}})

    found = answer.json()["data"]["node"]
    groups = {row["content"]: row["reactors"]["totalCount"] for row in found["reactionGroups"]}
    assert found["descriptionHTML"] == "<p>Thanks &lt;all&gt;, @Twrona and @nobody</p>"
    assert found["mentions"] == {"totalCount": 1}
    assert groups == dict.fromkeys(
        ["LAUGH", "HOORAY", "CONFUSED", "ROCKET", "EYES", "THUMBS_DOWN"], 0
    ) | {"THUMBS_UP": 3, "HEART": 1}
