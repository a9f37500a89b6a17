"""The sandbox answers Linear's GraphQL API as Linear does."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema

from include.sandbox import Limits, Workspace
from include.sandbox.linear import SCHEMA_PATH
from tests.include.sandbox import contracts

TEAMS = [{"id": "t-eng", "key": "ENG", "name": "Engineering"}, {"id": "t-ops", "key": "OPS"}]


def issue(number: int, team: str = "eng", **changed: Any) -> dict[str, Any]:
    return {
        "id": f"i-{number}",
        "identifier": f"{team.upper()}-{number}",
        "number": number,
        "title": f"Issue {number}",
        "priority": 2,
        "createdAt": f"2026-02-{20 - number:02d}T00:00:00.000Z",
        "updatedAt": f"2026-03-{number:02d}T00:00:00.000Z",
        "team": {"id": f"t-{team}", "key": team.upper()},
        **changed,
    }


def workspace(**rows: Any) -> Workspace:
    return Workspace.from_data({"linear": {"teams": TEAMS, **rows}})


def ask(client: Any, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return client.post("/linear/graphql", json=body, headers=headers)


def identifiers(client: Any, arguments: str) -> list[str]:
    response = ask(client, f"{{ issues({arguments}) {{ nodes {{ identifier }} }} }}")
    assert response.status_code == 200, response.text
    return [node["identifier"] for node in response.json()["data"]["issues"]["nodes"]]


@contracts.require_contracts
def test_every_type_field_and_argument_served_is_linears():
    ours, theirs = (
        build_schema(SCHEMA_PATH.read_text()).type_map,
        contracts.linear_schema().type_map,
    )
    for name, declared in ours.items():
        assert name in theirs
        if not isinstance(declared, GraphQLObjectType | GraphQLInputObjectType):
            continue
        for field_name, field in declared.fields.items():
            original = theirs[name].fields[field_name]
            assert str(field.type) == str(original.type), f"{name}.{field_name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                assert str(argument.type) == str(original.args[argument_name].type)


def test_issues_are_listed_newest_first_by_creation_or_change(serve):
    _, client = serve(workspace(issues=[issue(n) for n in (1, 2, 3)]))
    assert identifiers(client, "first: 9") == ["ENG-1", "ENG-2", "ENG-3"]
    assert identifiers(client, "orderBy: updatedAt") == ["ENG-3", "ENG-2", "ENG-1"]


def test_following_cursors_reads_every_issue_once(serve):
    _, client = serve(workspace(issues=[issue(n) for n in range(1, 6)]))
    query = """query Issues($after: String) { issues(first: 2, after: $after) {
        nodes { number } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    found, pages, after = [], [], None
    while True:
        page = ask(client, query, after=after).json()["data"]["issues"]
        found += [node["number"] for node in page["nodes"]]
        pages.append((page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]))
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == [1, 2, 3, 4, 5]
    assert pages == [(False, True), (True, True), (True, False)]


def test_empty_connection_has_no_cursor(serve):
    _, client = serve(workspace())
    query = "{ issues { nodes { id } pageInfo { hasNextPage endCursor } } }"
    assert ask(client, query).json() == {
        "data": {"issues": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
    }


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('{updatedAt: {gte: "2026-03-03T00:00:00Z"}}', ["ENG-3", "OPS-4"]),
        ('{updatedAt: {gt: "2026-03-03T00:00:00.000Z"}}', ["OPS-4"]),
        (
            '{updatedAt: {gte: "2026-03-02T00:00:00Z", lt: "2026-03-04T00:00:00Z"}}',
            ["ENG-2", "ENG-3"],
        ),
        ('{team: {key: {eq: "OPS"}}}', ["OPS-4"]),
        ('{team: {key: {in: ["OPS", "ENG"]}}, number: {lte: 1}}', ["ENG-1"]),
        ('{team: {name: {eq: "Engineering"}}}', ["ENG-1", "ENG-2", "ENG-3"]),
        ('{or: [{id: {in: ["i-1"]}}, {id: {eq: "i-4"}}]}', ["ENG-1", "OPS-4"]),
        ('{team: {key: {eq: "NONE"}}}', []),
    ],
)
def test_issues_are_filtered(serve, condition, expected):
    issues = [issue(n) for n in (1, 2, 3)] + [issue(4, "ops")]
    _, client = serve(workspace(issues=issues))
    assert identifiers(client, f"filter: {condition}") == expected


def test_comments_are_filtered_by_the_team_of_their_issue(serve):
    comments = [
        {"id": "c-1", "body": "x", "issue": {"id": "i-1"}, "createdAt": "2026-01-01T00:00:00Z"},
        {"id": "c-2", "body": "y", "issue": {"id": "i-4"}, "createdAt": "2026-01-01T00:00:00Z"},
        {"id": "c-3", "body": "z", "issue": None, "createdAt": "2026-01-01T00:00:00Z"},
    ]
    _, client = serve(workspace(issues=[issue(1), issue(4, "ops")], comments=comments))
    query = (
        '{ comments(filter: {issue: {team: {key: {eq: "OPS"}}}}) { nodes { id issue { title } } } }'
    )
    assert ask(client, query).json()["data"]["comments"]["nodes"] == [
        {"id": "c-2", "issue": {"title": "Issue 4"}}
    ]


def test_archived_issues_and_disabled_users_are_listed_only_if_asked_for(serve):
    issues = [issue(1), issue(2, archivedAt="2026-04-01T00:00:00.000Z")]
    users = [{"id": "u-1", "active": True}, {"id": "u-2", "active": False}]
    _, client = serve(workspace(issues=issues, users=users))
    assert identifiers(client, "first: 5") == ["ENG-1"]
    assert identifiers(client, "includeArchived: true") == ["ENG-1", "ENG-2"]
    query = "{ active: users { nodes { id } } all: users(includeDisabled: true) { nodes { id } } }"
    data = ask(client, query).json()["data"]
    assert data["active"]["nodes"] == [{"id": "u-1"}]
    assert data["all"]["nodes"] == [{"id": "u-2"}, {"id": "u-1"}]


def test_references_are_followed_and_derived_fields_filled(serve):
    state = {"id": "s", "name": "Done", "type": "completed", "position": 1.5, "color": "#000"}
    rows = [issue(1, state={"id": "s"}), issue(2, parent={"id": "i-1"}, estimate=3)]
    _, client = serve(workspace(issues=rows, workflow_states=[state]))
    query = """{ issue(id: "ENG-1") { number priority priorityLabel branchName previousIdentifiers
        team { name } state { type position } children { nodes { identifier estimate } } } }"""
    response = ask(client, query)
    assert response.json()["data"]["issue"] == {
        "number": 1,
        "priority": 2,
        "priorityLabel": "High",
        "branchName": "eng-1",
        "previousIdentifiers": [],
        "team": {"name": "Engineering"},
        "state": {"type": "completed", "position": 1.5},
        "children": {"nodes": [{"identifier": "ENG-2", "estimate": 3}]},
    }
    assert "3.0" not in response.text


@pytest.mark.parametrize("authorization", ["sandbox-token", "Bearer sandbox-token"])
def test_key_is_taken_bare_and_as_bearer(serve, authorization):
    _, client = serve(workspace())
    headers = {"Authorization": authorization}
    assert ask(client, "{ viewer { id name } }", headers).status_code == 200


def test_wrong_key_is_an_authentication_error(serve):
    _, client = serve(workspace())
    response = ask(client, "{ viewer { id } }", {"Authorization": "wrong"})
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"


@pytest.mark.parametrize(
    "query",
    [
        "{ issues { nodes { titel } } }",
        "{ issues(limit: 3) { nodes { id } } }",
        "{ favorites { nodes { id } } }",
        "{ issues { nodes { id }",
    ],
)
def test_what_the_schema_does_not_have_is_a_validation_error(serve, query):
    _, client = serve(workspace())
    response = ask(client, query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "arguments", ["first: 251", "first: 0", 'after: "nobody"', 'filter: {updatedAt: {gte: "now"}}']
)
def test_arguments_out_of_range_are_refused(serve, arguments):
    _, client = serve(workspace(issues=[issue(1)]))
    response = ask(client, f"{{ issues({arguments}) {{ nodes {{ id }} }} }}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "INPUT_ERROR"


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ issues { nodes { id title } } }", 60),
        ("{ issues(first: 10) { nodes { id team { key } } } }", 22),
        ("query ($n: Int) { issues(first: $n) { nodes { ...F } } } fragment F on Issue { id }", 11),
        ("{ viewer { id } }", 2),
    ],
)
def test_complexity_follows_linears_rule(serve, query, points):
    _, client = serve(workspace())
    response = ask(client, query, n=10)
    assert response.headers["x-complexity"] == str(points)
    assert response.headers["x-ratelimit-complexity-remaining"] == str(3_000_000 - points)


def test_query_above_ten_thousand_points_is_refused(serve):
    _, client = serve(workspace())
    response = ask(client, "{ issues(first: 250) { nodes { id labels { nodes { id } } } } }")
    error = response.json()["errors"][0]
    assert (response.status_code, error["message"]) == (400, "Query too complex")
    assert "Maximum allowed complexity: 10000" in error["extensions"]["userPresentableMessage"]


def test_used_up_hour_is_a_400_that_says_when_it_ends(serve):
    _, client = serve(workspace(), Limits(linear_requests_per_hour=1))
    assert ask(client, "{ viewer { id } }").headers["x-ratelimit-requests-remaining"] == "0"
    refused = ask(client, "{ viewer { id } }")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATELIMITED"
    assert int(refused.headers["x-ratelimit-requests-reset"]) > 1_700_000_000_000
