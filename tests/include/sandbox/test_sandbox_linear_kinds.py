"""Every kind of Linear's objects is served whole, and is found from what it hangs on."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from include.sandbox import Workspace
from include.sandbox.linear_schema import COLLECTIONS, schema
from tests.workspaces import linear_issue, many_issues

ROOTS = {
    get_named_type(field.type).name.removesuffix("Connection"): name
    for name, field in schema().query_type.fields.items()
    if get_named_type(field.type).name.endswith("Connection")
}


@pytest.fixture
def client(sandbox_of) -> Iterator[httpx.Client]:
    """A client of the demo; every answer is judged by Linear's whole schema."""
    headers = {"Authorization": "sandbox-token"}
    with httpx.Client(base_url=sandbox_of(Workspace.demo()).url, headers=headers) as client:
        yield client


def selection(type_name: str) -> str:
    """Every field of a type, of other objects the id, of nested lists two."""
    parts = []
    declared = schema().type_map[type_name]
    assert isinstance(declared, GraphQLObjectType)
    for name, field in declared.fields.items():
        found = get_named_type(field.type)
        if is_leaf_type(found):
            parts.append(name)
        elif found.name.endswith("Connection"):
            parts.append(f"{name}(first: 2) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }}")
        else:
            inner = "type" if found.name in ("ActorBot", "IssueRelationHistoryPayload") else "id"
            parts.append(f"{name} {{ {inner} }}")
    return " ".join(parts)


def ask(client: httpx.Client, query: str, **variables: Any) -> Any:
    response = client.post("/linear/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    document = response.json()
    assert "errors" not in document, document["errors"]
    return document["data"]


@pytest.mark.parametrize("type_name", sorted(ROOTS))
def test_every_field_of_every_object_of_the_demo_can_be_asked_for(client, type_name):
    everyone = ", includeDisabled: true" if type_name == "User" else ""
    query = f"""query ($after: String) {{ page: {ROOTS[type_name]}(first: 9, after: $after,
        includeArchived: true{everyone}) {{ nodes {{ {selection(type_name)} }}
        pageInfo {{ hasNextPage endCursor }} }} }}"""
    found, after = [], None
    while True:
        page = ask(client, query, after=after)["page"]
        found += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    rows = Workspace.demo().linear.collection(COLLECTIONS[type_name])
    assert sorted(found) == sorted(row["id"] for row in rows)


def test_history_is_read_by_its_issue_newest_first(client):
    query = f"""{{ issue(id: "ENG-12") {{ history(first: 50) {{ nodes {{
        {selection("IssueHistory")} }} }} }} }}"""
    nodes = ask(client, query)["issue"]["history"]["nodes"]
    own = [row for row in Workspace.demo().linear.issue_history if row["issue"]["id"] == ENG_12]
    assert len(nodes) == len(own) == 4
    assert [node["createdAt"] for node in nodes] == sorted(
        (row["createdAt"] for row in own), reverse=True
    )
    renamed = next(node for node in nodes if node["fromTitle"])
    assert renamed["toTitle"] == "Late readings overwrite newer ones"
    labelled = next(node for node in nodes if node["addedLabels"])
    assert labelled["addedLabelIds"] == [label["id"] for label in labelled["addedLabels"]]
    done = next(node for node in nodes if node["toState"] and node["fromState"])
    assert done["toStateId"] == done["toState"]["id"]


def test_nested_lists_are_those_that_refer_to_the_parent(client):
    query = """{ issue(id: "ENG-15") {
            relations(first: 5) { nodes { type relatedIssue { identifier } } }
            inverseRelations(first: 5) { nodes { id } }
            attachments(first: 5) { nodes { url sourceType } }
            children(first: 5) { nodes { identifier } } cycle { number team { key } }
            projectMilestone { name project { name } } }
        blocked: issue(id: "ENG-16") { inverseRelations(first: 5) { nodes { issue { identifier } } }
            needs(first: 5) { nodes { customer { name } } } documents(first: 5) { nodes { title
            comments(first: 5) { nodes {
            body documentContent { content document { title } } } } } } }
        team(id: "OPS") { memberships(first: 5) { nodes { owner user { displayName } } }
            members(first: 5) { nodes { displayName } } cycles(first: 5) { nodes { number } }
            projects(first: 5) { nodes { name } }
            displayName visibility }
        initiatives(first: 5) { nodes { name projects(first: 5) { nodes { name } } lastUpdate {
            health }
            initiativeUpdates(first: 5) { nodes { health commentCount } } } }
        customers(first: 5) { nodes { name approximateNeedCount needs { priority } } }
        organization { userCount projectStatuses { name } } }"""
    data = ask(client, query)
    assert data["issue"] == {
        "relations": {"nodes": [{"type": "blocks", "relatedIssue": {"identifier": "ENG-16"}}]},
        "inverseRelations": {"nodes": []},
        "attachments": {
            "nodes": [
                {
                    "url": "https://github.com/tidewater-labs/gauge/pull/27",
                    "sourceType": "github",
                }
            ]
        },
        "children": {"nodes": [{"identifier": "ENG-16"}]},
        "cycle": {"number": 19, "team": {"key": "ENG"}},
        "projectMilestone": {"name": "Public preview", "project": {"name": "Public dashboard"}},
    }
    blocked = data["blocked"]
    assert blocked["inverseRelations"]["nodes"] == [{"issue": {"identifier": "ENG-15"}}]
    assert blocked["needs"]["nodes"] == [{"customer": {"name": "Mill Weir Rowing Club"}}]
    document = blocked["documents"]["nodes"][0]
    content = document["comments"]["nodes"][0]["documentContent"]
    assert (
        content["document"] == {"title": document["title"]} == {"title": "Seasons and thresholds"}
    )
    assert content["content"].startswith("| season |")
    team = data["team"]
    assert {node["user"]["displayName"] for node in team["memberships"]["nodes"]} == {
        node["displayName"] for node in team["members"]["nodes"]
    }
    assert sorted(node["number"] for node in team["cycles"]["nodes"]) == [8, 9]
    assert team["projects"]["nodes"] == [{"name": "Spring flood readiness"}]
    assert (team["displayName"], team["visibility"]) == ("Operations", "private")
    active = data["initiatives"]["nodes"][1]
    assert active["lastUpdate"] == {"health": "onTrack"}
    assert [node["commentCount"] for node in active["initiativeUpdates"]["nodes"]] == [0, 1]
    assert {node["name"] for node in active["projects"]["nodes"]} == {
        "Spring flood readiness",
        "Station onboarding",
    }
    counts = {
        c["name"]: (c["approximateNeedCount"], len(c["needs"])) for c in data["customers"]["nodes"]
    }
    assert counts == {"Town of Aller": (2, 2), "Mill Weir Rowing Club": (2, 2)}
    assert data["organization"]["userCount"] == 6
    assert len(data["organization"]["projectStatuses"]) == 6


ENG_12 = next(row["id"] for row in Workspace.demo().linear.issues if row["identifier"] == "ENG-12")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("comments(filter: {issue: {null: true}}) { nodes { user { displayName } } }", 4),
        ("comments(filter: {parent: {null: false}}) { nodes { id } }", 9),
        ("comments(filter: {projectUpdate: {null: false}}) { nodes { id } }", 2),
        (
            """comments(filter: {projectUpdate: {project: {name: {eq: "Station onboarding"}}}})
            { nodes { id } }""",
            2,
        ),
        ('projects(filter: {accessibleTeams: {some: {key: {eq: "OPS"}}}}) { nodes { id } }', 1),
        ('projects(filter: {accessibleTeams: {every: {key: {eq: "ENG"}}}}) { nodes { id } }', 2),
        ("projects(filter: {accessibleTeams: {length: {gt: 1}}}) { nodes { id } }", 1),
        (
            """projectMilestones(filter: {project: {accessibleTeams: {some: {key: {eq: "OPS"}}}}})
            { nodes { id } }""",
            2,
        ),
        ('issues(filter: {labels: {some: {name: {eq: "Cost"}}}}) { nodes { id } }', 3),
        ("issues(filter: {children: {some: {priority: {eq: 2}}}}) { nodes { id } }", 2),
        ('issues(filter: {title: {startsWith: "Re"}}) { nodes { id } }', 3),
        ("issues(filter: {assignee: {null: true}, dueDate: {null: true}}) { nodes { id } }", 4),
        ("issueLabels(filter: {team: {null: false}}) { nodes { id } }", 3),
        ('cycles(filter: {team: {key: {eq: "ENG"}}, isActive: {eq: true}}) { nodes { id } }', 1),
        ('documents(filter: {initiative: {name: {contains: "reads"}}}) { nodes { id } }', 1),
        ('attachments(filter: {url: {endsWith: "/pull/27"}}) { nodes { id } }', 1),
        ('customerNeeds(filter: {issue: {team: {key: {in: ["ENG"]}}}}) { nodes { id } }', 2),
        ("users(filter: {admin: {eq: true}}) { nodes { id } }", 2),
    ],
)
def test_filters_follow_references_and_nested_lists(client, query, expected):
    (connection,) = ask(client, f"{{ {query} }}").values()
    assert len(connection["nodes"]) == expected


def test_last_and_before_page_backwards(client):
    query = """query ($before: String) { teams: issues(last: 2, before: $before, orderBy: updatedAt)
        { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor } } }"""
    whole = ask(client, "{ issues(first: 99, orderBy: updatedAt) { nodes { id } } }")
    expected = [node["id"] for node in whole["issues"]["nodes"]]
    last = ask(client, query)["teams"]
    assert [node["id"] for node in last["nodes"]] == expected[-2:]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    page = ask(client, query, before=last["pageInfo"]["startCursor"])["teams"]
    assert [node["id"] for node in page["nodes"]] == expected[-4:-2]
    assert page["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize("key", ["ENG-19", "OPS-5"])
def test_issue_is_found_by_its_key_and_by_a_former_one(client, key):
    issue = ask(client, f'{{ issue(id: "{key}") {{ identifier previousIdentifiers }} }}')["issue"]
    assert issue == {"identifier": "ENG-19", "previousIdentifiers": ["OPS-5"]}


@pytest.mark.parametrize(
    ("field", "name"), [("issue", "Issue"), ("projectUpdate", "ProjectUpdate")]
)
def test_what_is_not_there_is_entity_not_found(client, field, name):
    query = f'{{ {field}(id: "ENG-999") {{ id }} }}'
    response = client.post("/linear/graphql", json={"query": query})
    (error,) = response.json()["errors"]
    assert (error["message"], error["path"]) == (f"Entity not found: {name}", [field])
    assert error["extensions"]["code"] == "INPUT_ERROR"
    presentable = error["extensions"]["userPresentableMessage"]
    assert presentable == f"Could not find referenced {name}."


def test_many_issues_are_built_and_read_with_what_hangs_on_them(sandbox_of):
    workspace = many_issues(600, comments=2, history=1, attachments=1)
    query = """query ($after: String) { issues(first: 250, after: $after, orderBy: updatedAt,
        filter: {team: {key: {eq: "ENG"}}}) { nodes { id comments(first: 2) { nodes { id } }
        history(first: 2) { nodes { toTitle } } attachments(first: 2) { nodes { url } } }
        pageInfo { hasNextPage endCursor } } }"""
    found, after = [], None
    headers = {"Authorization": "sandbox-token"}
    with httpx.Client(base_url=sandbox_of(workspace).url, headers=headers) as client:
        while True:
            page = ask(client, query, after=after)["issues"]
            found += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
    assert [node["id"] for node in found] == [linear_issue(n)["id"] for n in range(600, 0, -1)]
    assert len({c["id"] for node in found for c in node["comments"]["nodes"]}) == 1_200
    assert [node["history"]["nodes"] for node in found[:2]] == [
        [{"toTitle": "Issue ENG-600"}],
        [{"toTitle": "Issue ENG-599"}],
    ]
    assert all(len(node["attachments"]["nodes"]) == 1 for node in found)
