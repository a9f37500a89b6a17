"""The root of GitHub's GraphQL schema: what a query begins at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import ApiError
from include.sandbox.github_fields import Asked, field
from include.sandbox.github_nodes import Thing
from include.sandbox.github_objects import to_simple_user

VIEWER = to_simple_user("headwater-sandbox", 1)


@field("Query.node")
def resolve_node(root: Any, info: GraphQLResolveInfo, id: str) -> Thing:
    """One object by its global id."""
    asked: Asked = info.context
    found = asked.nodes.find(id)
    if found is None:
        raise unresolved_node(id)
    return found


@field("Query.nodes")
def resolve_nodes(
    root: Any, info: GraphQLResolveInfo, ids: Sequence[str]
) -> list[Thing | ApiError]:
    """Objects by their global ids; null with an error for each that is unknown."""
    asked: Asked = info.context
    if len(ids) > 100:
        raise ApiError(
            "ARGUMENT_LIMIT",
            f"You may not provide more than 100 node ids; you provided {len(ids)}.",
        )
    return [asked.nodes.find(one) or unresolved_node(one) for one in ids]


def unresolved_node(node_id: str) -> ApiError:
    """The error of an id that nothing visible has."""
    return ApiError("NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id}'.")


@field("Query.viewer")
def viewer(root: Any, info: GraphQLResolveInfo) -> Thing:
    """Who asks."""
    return Thing("User", VIEWER)


@field("Query.rateLimit")
def rate_limit(root: Any, info: GraphQLResolveInfo) -> Json:
    """What this query costs, and what is left of the hour."""
    asked: Asked = info.context
    budget = asked.budget
    return {
        "cost": asked.price.points,
        "limit": budget.limit,
        "nodeCount": asked.price.nodes,
        "remaining": budget.remaining,
        "resetAt": timestamp(math.ceil(budget.reset_at)),
        "used": budget.used,
    }


def timestamp(seconds: float) -> str:
    """A time of the epoch as text."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@field("Query.repository")
def resolve_repository(
    root: Any,
    info: GraphQLResolveInfo,
    owner: str,
    name: str,
    followRenames: bool = True,  # noqa: N803 (the argument's name in the schema)
) -> Thing:
    """A repository by its name, or by one that it had before."""
    asked: Asked = info.context
    found = asked.nodes.repository(f"{owner}/{name}", follow=followRenames)
    if found is None:
        raise ApiError(
            "NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'."
        )
    return Thing("Repository", found.repository, found)


@field("Query.organization")
def resolve_organization(root: Any, info: GraphQLResolveInfo, login: str) -> Thing:
    """An organization by its name."""
    asked: Asked = info.context
    found = asked.nodes.workspace.organizations.get(login.lower())
    if found is None:
        raise ApiError(
            "NOT_FOUND", f"Could not resolve to an Organization with the login of '{login}'."
        )
    return Thing("Organization", found.organization, organization=found)
