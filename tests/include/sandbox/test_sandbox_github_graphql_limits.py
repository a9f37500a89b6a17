"""What GitHub's GraphQL API refuses, what a query costs, and how it fails."""

from typing import Any

import httpx
import pytest

from include.sandbox import Limits, Workspace
from tests.include.sandbox.github_queries import GAUGE, ask, errors, post

REPOSITORY = 'repository(owner: "tidewater-labs", name: "gauge")'


@pytest.fixture
def demo() -> Workspace:
    return Workspace.demo()


def cost(client: httpx.Client, query: str) -> dict[str, Any]:
    return ask(client, f"{{ rateLimit {{ cost nodeCount }} {query} }}")["rateLimit"]


def test_a_list_needs_a_page_size(serve_judged, demo):
    _, client = serve_judged(demo)
    response = post(client, f"{{ {REPOSITORY} {{ id issues {{ nodes {{ id }} }} }} }}")
    assert response.json() == {
        "data": {"repository": None},
        "errors": [
            {
                "type": "MISSING_PAGINATION_BOUNDARIES",
                "path": ["repository", "issues"],
                "locations": [{"line": 1, "column": 59}],
                "message": "You must provide a `first` or `last` value to properly paginate the "
                "`issues` connection.",
            }
        ],
    }


def test_a_count_needs_no_page_size(serve_judged, demo):
    _, client = serve_judged(demo)
    found = ask(client, f"{{ {REPOSITORY} {{ issues {{ totalCount }} }} }}")
    assert found == {"repository": {"issues": {"totalCount": 24}}}


@pytest.mark.parametrize("side", ["first", "last"])
def test_a_page_holds_at_most_a_hundred(serve_judged, demo, side):
    _, client = serve_judged(demo)
    assert errors(client, f"{{ {REPOSITORY} {{ issues({side}: 101) {{ nodes {{ id }} }} }} }}") == [
        {
            "type": "EXCESSIVE_PAGINATION",
            "path": ["repository", "issues"],
            "message": f"Requesting 101 records on the `issues` connection exceeds the `{side}` "
            "limit of 100 records.",
        }
    ]


def test_pages_can_be_read_from_either_end(serve_judged, demo):
    _, client = serve_judged(demo)
    body = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor } nodes { number }"
    every = ask(client, f"{{ {REPOSITORY} {{ issues(first: 100) {{ {body} }} }} }}")["repository"]
    numbers = [node["number"] for node in every["issues"]["nodes"]]
    last = ask(client, f"{{ {REPOSITORY} {{ issues(last: 2) {{ {body} }} }} }}")["repository"]
    assert [node["number"] for node in last["issues"]["nodes"]] == numbers[-2:]
    before = last["issues"]["pageInfo"]["startCursor"]
    arguments = f'last: 3, before: "{before}"'
    page = ask(client, f"{{ {REPOSITORY} {{ issues({arguments}) {{ {body} }} }} }}")["repository"]
    assert [node["number"] for node in page["issues"]["nodes"]] == numbers[-5:-2]


def test_a_cursor_of_nothing_is_refused(serve_judged, demo):
    _, client = serve_judged(demo)
    query = f'{{ {REPOSITORY} {{ issues(first: 1, after: "x") {{ nodes {{ id }} }} }} }}'
    assert [error["type"] for error in errors(client, query)] == ["INVALID_CURSOR_ARGUMENTS"]


def test_a_query_costs_the_requests_that_its_lists_take(serve_judged, demo):
    _, client = serve_judged(demo)
    issues = f"{REPOSITORY} {{ issues(first: 100) {{ nodes {{ %s }} }} }}"
    labels = issues % "labels(first: 50) { nodes { id } }"
    assert [
        cost(client, "viewer { login }"),
        cost(client, issues % "id"),
        cost(client, labels),
        cost(client, f"{labels} second: {issues % 'comments(first: 100) { nodes { id } }'}"),
        cost(client, issues % "labels(first: 50) @skip(if: true) { nodes { id } }  id"),
    ] == [
        {"cost": 1, "nodeCount": 0},
        {"cost": 1, "nodeCount": 100},
        {"cost": 1, "nodeCount": 5_100},
        {"cost": 2, "nodeCount": 15_200},
        {"cost": 1, "nodeCount": 100},
    ]


def test_a_query_may_ask_for_half_a_million_nodes(serve_judged, demo):
    _, client = serve_judged(demo)
    nested = "pullRequests(first: %d) { nodes { comments(first: 100) { nodes { id } } "
    nested += "reviewThreads(first: 50) { nodes { comments(first: 97) { nodes { id } } } } } }"
    assert cost(client, f"{REPOSITORY} {{ {nested % 99} }}")["nodeCount"] == 495_099
    assert errors(client, f"{{ {REPOSITORY} {{ {nested % 100} }} }}") == [
        {
            "type": "MAX_NODE_LIMIT_EXCEEDED",
            "message": "This query requests up to 500,100 possible nodes which exceeds the maximum "
            "limit of 500,000.",
        }
    ]


def test_an_hour_has_so_many_points(serve_judged, demo):
    limits = Limits(github_graphql_points_per_hour=3)
    _, client = serve_judged(demo, limits)
    query = f"{{ rateLimit {{ remaining used limit }} {REPOSITORY} {{ id }} }}"
    left = [ask(client, query)["rateLimit"]["remaining"] for _ in range(3)]
    refused = post(client, query)
    assert (left, refused.status_code, refused.json()) == (
        [2, 1, 0],
        200,
        {
            "errors": [
                {
                    "type": "RATE_LIMITED",
                    "message": "API rate limit already exceeded for user ID 1.",
                }
            ]
        },
    )
    names = ("limit", "remaining", "used", "resource")
    assert [refused.headers[f"x-ratelimit-{name}"] for name in names] == ["3", "0", "3", "graphql"]
    assert client.get("/user").headers["x-ratelimit-resource"] == "core"
    assert client.get("/rate_limit").json()["resources"]["graphql"]["remaining"] == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"query": "{ viewer { nothing } }"}, "Cannot query field 'nothing' on type 'User'."),
        ({"query": "{ viewer {"}, "Syntax Error: Expected Name, found <EOF>."),
        (
            {"query": "query A { viewer { id } } query B { viewer { id } }"},
            "An operation name is required",
        ),
        (
            {"query": "query A { viewer { id } }", "operationName": "C"},
            'No operation named "C"',
        ),
        (
            {"query": "query A($id: ID!) { node(id: $id) { id } }"},
            "Variable '$id' of required type 'ID!' was not provided.",
        ),
    ],
)
def test_what_is_no_query_has_no_data(serve_judged, demo, body, message):
    _, client = serve_judged(demo)
    response = client.post("/graphql", json=body)
    assert (response.status_code, "data" in response.json()) == (200, False)
    assert [error["message"] for error in response.json()["errors"]] == [message]


def test_who_is_unknown_is_refused_as_by_rest(serve_judged, demo):
    _, client = serve_judged(demo)
    query = {"query": "{ viewer { login } }"}
    for token, message in (
        ("Bearer wrong", "Bad credentials"),
        ("", "This endpoint requires you to be authenticated."),
    ):
        response = client.post("/graphql", json=query, headers={"Authorization": token})
        assert (response.status_code, response.json()["message"]) == (401, message)
    response = client.post("/graphql", content=b"{")
    assert (response.status_code, response.json()["message"]) == (400, "Problems parsing JSON")


def test_an_unknown_repository_is_an_error_beside_the_data(serve_judged, demo):
    _, client = serve_judged(demo)
    query = '{ repository(owner: "tidewater-labs", name: "none") { id } viewer { login } }'
    response = post(client, query).json()
    assert response["data"] == {"repository": None, "viewer": {"login": "headwater-sandbox"}}
    assert errors(client, query) == [
        {
            "type": "NOT_FOUND",
            "path": ["repository"],
            "message": "Could not resolve to a Repository with the name 'tidewater-labs/none'.",
        }
    ]


def test_what_a_token_may_not_see_does_not_exist(serve_judged, demo):
    gauge = demo.github("tidewater-labs/gauge")
    gauge.required_token = "another"
    _, client = serve_judged(demo)
    ids = [gauge.repository["node_id"], next(iter(gauge.issues))["node_id"]]
    assert [error["type"] for error in errors(client, "probe.graphql", **GAUGE)] == ["NOT_FOUND"]
    found = post(client, "census.graphql", "Exists", ids=ids).json()
    assert found["data"]["nodes"] == [None, None]
    client.headers["Authorization"] = "Bearer another"
    assert ask(client, "probe.graphql", **GAUGE)["repository"]["id"] == ids[0]


def test_a_transferred_repository_is_found_under_its_old_name(serve_judged, demo):
    _, client = serve_judged(demo)
    demo.transfer("tidewater-labs/gauge", "tidewater-labs/level")
    assert ask(client, "probe.graphql", **GAUGE)["repository"]["nameWithOwner"] == (
        "tidewater-labs/level"
    )
    strict = REPOSITORY.replace(")", ", followRenames: false)")
    assert [error["type"] for error in errors(client, f"{{ {strict} {{ id }} }}")] == ["NOT_FOUND"]


def test_an_account_that_is_gone_is_nobody(serve_judged, demo):
    gauge = demo.github("tidewater-labs/gauge")
    review = next(iter(gauge.reviews))
    gauge.upsert("reviews", review | {"user": None})
    _, client = serve_judged(demo)
    query = "query ($id: ID!) { node(id: $id) { ... on PullRequestReview { author { login } } } }"
    assert ask(client, query, id=review["node_id"]) == {"node": {"author": None}}
