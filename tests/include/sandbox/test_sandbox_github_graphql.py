"""Every query of the project on GitHub's GraphQL API, and lists longer than one page."""

from typing import Any

import pytest

from include.sandbox import Workspace
from tests.include.sandbox.github_queries import ALL, GAUGE, QUERIES, ask, post, rest_of


@pytest.fixture
def demo() -> Workspace:
    return Workspace.demo()


@pytest.fixture
def gauge(demo: Workspace) -> Any:
    return demo.github("tidewater-labs/gauge")


def test_probe_shows_what_moves_in_a_repository(serve_judged, demo):
    _, client = serve_judged(demo)
    found = ask(client, "probe.graphql", **GAUGE)["repository"]
    heads, tags = found.pop("heads"), found.pop("tags")
    assert (heads["totalCount"], [ref["name"] for ref in tags["nodes"]]) == (4, ["v0.9.0-rc.1"])
    assert {"name": "main", **found.pop("defaultBranchRef")} in heads["nodes"]
    assert {name: found[name] for name in ("labels", "milestones")} == {
        "labels": {"totalCount": 12},
        "milestones": {"totalCount": 3},
    }


def test_probe_reads_a_repository_under_many_aliases(serve_judged, demo):
    _, client = serve_judged(demo)
    fragment = "fragment" + (QUERIES / "probe.graphql").read_text().split("fragment", 1)[1]
    fields = 'repository(owner: "tidewater-labs", name: "gauge") { ...Fingerprint }'
    text = "query Probe { " + " ".join(f"r{n}: {fields}" for n in range(100)) + " } " + fragment
    data = ask(client, text)
    assert list(data) == [f"r{number}" for number in range(100)]
    assert all(found == data["r0"] for found in data.values())


def test_issues_of_the_graph_are_no_pull_requests(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    issues = ask(client, "census.graphql", "CensusIssues", **GAUGE, first=100)["repository"]
    numbers = [node["number"] for node in issues["issues"]["nodes"]]
    assert numbers == [row["number"] for row in gauge.issues if "pull_request" not in row]
    assert issues["issues"]["totalCount"] == len(numbers) == 24


def test_census_counts_what_hangs_on_each_pull_request(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    pulls = ask(client, "census.graphql", "CensusPullRequests", **GAUGE, first=100)
    nodes = pulls["repository"]["pullRequests"]["nodes"]
    assert len(nodes) == len(gauge.pull_requests)
    assert sum(node["reviews"]["totalCount"] for node in nodes) == len(gauge.reviews)
    threads = [thread for node in nodes for thread in node["reviewThreads"]["nodes"]]
    assert sorted(thread["id"] for thread in threads) == sorted(
        row["id"] for row in gauge.review_threads
    )
    assert sum(thread["comments"]["totalCount"] for thread in threads) == len(gauge.review_comments)


def test_census_says_which_objects_are_still_there(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    kept, gone = (row["node_id"] for row in list(gauge.issue_comments)[:2])
    gauge.delete("issue_comments", gauge.issue_comments.find(node_id=gone)["id"])
    response = post(client, "census.graphql", "Exists", ids=[kept, gone]).json()
    assert response["data"]["nodes"] == [{"__typename": "IssueComment", "id": kept}, None]
    (error,) = response["errors"]
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["nodes", 1])


def test_discussion_comments_are_read_by_discussion(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    found = []
    for discussion in gauge.discussions:
        node = ask(client, "census.graphql", "DiscussionComments", id=discussion["id"])["node"]
        for comment in node["comments"]["nodes"]:
            found += [comment["id"], *(reply["id"] for reply in comment["replies"]["nodes"])]
    assert sorted(found) == sorted(row["id"] for row in gauge.discussion_comments)


def test_page_reads_on_in_every_list_of_a_pull_request(serve_judged, demo, gauge):
    pull = gauge.find("pull_requests", number=3)
    home = "https://api.github.com/repos/tidewater-labs/gauge/pulls/3"
    comment = next(iter(gauge.review_comments))
    review = next(iter(gauge.reviews))
    reviewers = [review["user"] | {"id": n, "node_id": f"U_{n}"} for n in range(1, 24)]
    gauge.upsert("pull_requests", pull | {"requested_reviewers": reviewers})
    for n in range(1, 131):
        gauge.upsert("reviews", review | {"id": n, "node_id": f"PRR_{n}", "pull_request_url": home})
        gauge.upsert("review_comments", comment | {"id": n, "node_id": f"PRRC_{n}"})
        file = {"path": f"{n}.py", "changeType": "ADDED", "additions": n, "deletions": 0}
        gauge.upsert("pull_request_files", {"id": f"3:{n}", "number": 3, **file})
        commit = {"oid": f"{n:040x}", "committedDate": "2026-01-01T00:00:00Z"}
        row = {"id": f"PURC_{n}", "number": 3, "messageHeadline": f"{n}", **commit}
        gauge.upsert("pull_request_commits", row)
    for issue in [row for row in gauge.issues if "pull_request" not in row]:
        number = issue["number"]
        gauge.upsert("closing_issues", {"id": f"3:{number}", "number": 3, "issue": number})
    _, client = serve_judged(demo)
    (node,) = ask(client, "pull_requests.graphql", "PullRequests", ids=[pull["node_id"]], **ALL)[
        "nodes"
    ]
    short = {"reviewRequests": 23, "closingIssuesReferences": 24}
    for path in ("reviews", "reviewThreads", "files", "commits", *short):
        asked = {path: True}
        read = [
            *node[path]["nodes"],
            *rest_of(client, "pull_requests.graphql", "Page", node, path, **asked),
        ]
        unique = {str(one) for one in read}
        assert node[path]["pageInfo"]["hasNextPage"], path
        assert len(unique) == len(read) == node[path]["totalCount"], path
        assert len(read) >= short.get(path, 130), path


def test_thread_page_reads_on_in_the_comments_of_a_thread(serve_judged, demo, gauge):
    comment = gauge.find("review_comments", id=2257878384)
    replies = {"in_reply_to_id": comment["id"], "created_at": "2026-02-01T00:00:00Z"}
    for n in range(1, 121):
        gauge.upsert("review_comments", comment | {"id": n, "node_id": f"PRRC_{n}", **replies})
    _, client = serve_judged(demo)
    ids = [gauge.find("pull_requests", number=3)["node_id"]]
    (pull,) = ask(client, "pull_requests.graphql", "PullRequests", ids=ids, **ALL)["nodes"]
    thread = next(one for one in pull["reviewThreads"]["nodes"] if one["comments"]["nodes"])
    assert thread["comments"]["pageInfo"]["hasNextPage"]
    rest = rest_of(client, "pull_requests.graphql", "ThreadPage", thread, "comments")
    found = [one["id"] for one in [*thread["comments"]["nodes"], *rest]]
    assert found[0] == comment["node_id"]
    assert set(found) >= {f"PRRC_{n}" for n in range(1, 121)}


LATEST_JOBS = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on WorkflowRun { id checkSuite {
  checkRuns(first: 50, filterBy: { checkType: LATEST }) { nodes { databaseId } } } } } }"""


def test_jobs_of_every_attempt_or_of_the_latest(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    runs = {row["node_id"]: row["id"] for row in gauge.workflow_runs}
    jobs = list(gauge.workflow_jobs)

    def found(query: str, operation: str | None = None) -> dict[str, list[int]]:
        nodes = ask(client, query, operation, ids=list(runs))["nodes"]
        listed = {runs[node["id"]]: node["checkSuite"]["checkRuns"]["nodes"] for node in nodes}
        return {run: [job["databaseId"] for job in listed[run]] for run in listed}

    every = {run: [j["id"] for j in jobs if j["run_id"] == run] for run in runs.values()}
    attempt = {job["id"]: job["run_attempt"] for job in jobs}
    latest = {
        run: [j for j in every[run] if attempt[j] == max(attempt[i] for i in every[run])]
        for run in every
    }
    assert found("workflow_jobs.graphql", "WorkflowJobs") == every
    assert found(LATEST_JOBS) == latest != every


def test_job_page_reads_on_in_a_run_of_many_jobs(serve_judged, demo, gauge):
    run, job = next(iter(gauge.workflow_runs)), next(iter(gauge.workflow_jobs))
    for n in range(1, 121):
        gauge.upsert("workflow_jobs", job | {"id": n, "node_id": f"CR_{n}", "run_id": run["id"]})
    _, client = serve_judged(demo)
    (node,) = ask(client, "workflow_jobs.graphql", "WorkflowJobs", ids=[run["node_id"]])["nodes"]
    suite = node["checkSuite"]
    rest = rest_of(client, "workflow_jobs.graphql", "JobPage", suite, "checkRuns")
    found = [one["id"] for one in [*suite["checkRuns"]["nodes"], *rest]]
    assert len(found) == len(set(found)) == suite["checkRuns"]["totalCount"]
    assert set(found) >= {f"CR_{n}" for n in range(1, 121)}


def test_deployment_statuses_are_read_with_their_deployments(serve_judged, demo, gauge):
    status = next(iter(gauge.deployment_statuses))
    for n in range(1, 41):
        gauge.upsert("deployment_statuses", status | {"id": n, "node_id": f"DES_{n}"})
    _, client = serve_judged(demo)
    ids = [row["node_id"] for row in gauge.deployments]
    found = []
    for node in ask(client, "deployment_statuses.graphql", "DeploymentStatuses", ids=ids)["nodes"]:
        found += node["statuses"]["nodes"]
        found += rest_of(client, "deployment_statuses.graphql", "StatusPage", node, "statuses")
    assert sorted(one["id"] for one in found) == sorted(
        row["node_id"] for row in gauge.deployment_statuses
    )


def test_team_page_reads_on_in_a_team_of_many(serve_judged, demo):
    owner = demo.organizations["tidewater-labs"]
    member, slug = next(iter(owner.members)), next(iter(owner.teams))["slug"]
    for n in range(1, 121):
        login = f"keeper-{n}"
        row = {"id": f"{slug}:{login}", "team": slug, "login": login, "role": "MEMBER"}
        owner.upsert("members", member | {"id": n, "node_id": f"U_{n}", "login": login})
        owner.upsert("team_members", row)
    _, client = serve_judged(demo)
    teams = ask(client, "teams.graphql", "Teams", owner=owner.login, first=100)["organization"]
    (team,) = [one for one in teams["teams"]["nodes"] if one["slug"] == slug]
    rest = rest_of(client, "teams.graphql", "TeamPage", team, "members")
    found = [(one["node"]["login"], one["role"]) for one in [*team["members"]["edges"], *rest]]
    assert sorted(found) == sorted(
        (row["login"], row["role"]) for row in owner.team_members if row["team"] == slug
    )


def test_a_walk_by_change_loses_nothing_that_changes_meanwhile(serve_judged, demo, gauge):
    _, client = serve_judged(demo)
    first, second, *others = sorted(gauge.discussions, key=lambda row: row["updatedAt"])[::-1]
    page = ask(client, "discussions.graphql", "Discussions", **GAUGE, first=2)["repository"]
    assert [one["id"] for one in page["discussions"]["nodes"]] == [first["id"], second["id"]]
    gauge.upsert("discussions", second | {"updatedAt": "2026-12-01T00:00:00Z"})
    after = page["discussions"]["pageInfo"]["endCursor"]
    rest = ask(client, "discussions.graphql", "Discussions", **GAUGE, first=2, after=after)
    nodes = rest["repository"]["discussions"]["nodes"]
    assert [one["id"] for one in nodes] == [row["id"] for row in others]


def test_discussion_pages_read_on_in_comments_and_replies(serve_judged, demo, gauge):
    discussion = next(iter(gauge.discussions))
    comment = next(row for row in gauge.discussion_comments if row["replyTo"] is None)
    place = {"discussion": {"id": discussion["id"], "number": discussion["number"]}}
    for n in range(1, 61):
        gauge.upsert("discussion_comments", comment | place | {"id": f"DC_{n}"})
        reply = {"id": f"DC_r{n}", "replyTo": {"id": "DC_1"}}
        gauge.upsert("discussion_comments", comment | place | reply)
    _, client = serve_judged(demo)
    nodes = ask(client, "discussions.graphql", "Discussions", **GAUGE, first=100)["repository"]
    (node,) = [one for one in nodes["discussions"]["nodes"] if one["id"] == discussion["id"]]
    rest = rest_of(client, "discussions.graphql", "DiscussionPage", node, "comments", comments=True)
    found = []
    for one in [*node["comments"]["nodes"], *rest]:
        more = rest_of(client, "discussions.graphql", "CommentPage", one, "replies")
        found += [one["id"], *(reply["id"] for reply in [*one["replies"]["nodes"], *more])]
    of_it = [r for r in gauge.discussion_comments if r["discussion"]["id"] == discussion["id"]]
    assert sorted(found) == sorted(row["id"] for row in of_it)
