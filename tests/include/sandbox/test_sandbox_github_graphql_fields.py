"""Every field of every type that the sandbox serves, on every row of the demo, by the contract."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from include.sandbox import Workspace
from include.sandbox.github_graphql import schema
from tests.include.sandbox import contracts
from tests.include.sandbox.github_queries import ask

ROWS = {
    "PullRequest": "pull_requests",
    "PullRequestReview": "reviews",
    "PullRequestReviewComment": "review_comments",
    "PullRequestReviewThread": "review_threads",
    "IssueComment": "issue_comments",
    "Discussion": "discussions",
    "DiscussionComment": "discussion_comments",
    "WorkflowRun": "workflow_runs",
    "CheckRun": "workflow_jobs",
    "Deployment": "deployments",
    "DeploymentStatus": "deployment_statuses",
    "Release": "releases",
    "Label": "labels",
    "Milestone": "milestones",
    "Commit": "commits",
}


def selection(name: str, field: GraphQLField, depth: int) -> str:
    """A field with all that can be asked for below it, as deep as that."""
    returned: Any = get_named_type(field.type)
    if is_leaf_type(returned):
        return name
    if list(getattr(returned, "fields", {})) == ["totalCount"]:
        return f"{name} {{ totalCount }}"
    if returned.name.endswith("Connection"):
        node = get_named_type(returned.fields["nodes"].type)
        identity = "id" if "id" in getattr(node, "fields", {}) else ""
        nodes = f"nodes {{ __typename {identity} }}"
        return f"{name}(first: 5) {{ totalCount pageInfo {{ endCursor }} {nodes} }}"
    if depth == 0 or not isinstance(returned, GraphQLObjectType):
        return f"{name} {{ __typename }}"
    return f"{name} {{ __typename {' '.join(selections(returned, depth - 1))} }}"


def selections(kind: GraphQLObjectType, depth: int) -> Iterator[str]:
    """Every field of a type that needs no argument."""
    for name, field in kind.fields.items():
        if not any(is_required_argument(argument) for argument in field.args.values()):
            yield selection(name, field, depth)


def ids_of(demo: Workspace, name: str) -> list[str]:
    """The ids of all rows of a type."""
    gauge, owner = demo.github("tidewater-labs/gauge"), demo.organizations["tidewater-labs"]
    others = {
        "Issue": [row for row in gauge.issues if "pull_request" not in row],
        "Repository": [repository.repository for repository in demo.repositories.values()],
        "CheckSuite": [{"id": row["check_suite_node_id"]} for row in gauge.workflow_runs],
        "Organization": [owner.organization],
        "Team": list(owner.teams),
        "User": list(owner.members),
    }
    rows = others[name] if name in others else list(gauge.collection(ROWS[name]))
    return [row.get("node_id") or row["id"] for row in rows][:100]


@contracts.require_contracts
@pytest.mark.parametrize(
    "name", [*ROWS, "Issue", "Repository", "CheckSuite", "Organization", "Team", "User"]
)
def test_every_field_is_answered_as_the_contract_says(serve_judged, name):
    demo = Workspace.demo()
    ids = ids_of(demo, name)
    kind: Any = schema().type_map[name]
    fields = " ".join(selections(kind, depth=1))
    query = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {fields} }} }} }}"
    _, client = serve_judged(demo)
    nodes = ask(client, query, ids=ids)["nodes"]
    assert [node["id"] for node in nodes] == ids
    assert ids


@contracts.require_contracts
def test_the_schema_served_is_a_part_of_the_published_one():
    published = contracts.github_schema().type_map
    for name, kind in schema().type_map.items():
        if name.startswith("__"):
            continue
        assert name in published, name
        values = getattr(kind, "values", {})
        assert set(values) <= set(getattr(published[name], "values", {})), name
        for field, declared in getattr(kind, "fields", {}).items():
            original = published[name].fields[field]
            assert str(declared.type) == str(original.type), f"{name}.{field}"
            for argument, given in getattr(declared, "args", {}).items():
                expected = original.args[argument]
                assert str(given.type) == str(expected.type), f"{name}.{field}({argument})"
                assert given.default_value == expected.default_value, f"{name}.{field}({argument})"
