"""Who may do what, in GitHub's GraphQL schema: collaborators, protected refs, an owner's work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import ApiError, Items, ordered
from include.sandbox.github_fields import Asked, field, listed
from include.sandbox.github_nodes import Thing
from include.sandbox.github_repository_fields import OLDEST_FIRST, all_of, narrowed

PERMISSIONS: Final = {
    "admin": "ADMIN",
    "maintain": "MAINTAIN",
    "push": "WRITE",
    "triage": "TRIAGE",
    "pull": "READ",
}
"""REST's name of a permission to GraphQL's, the highest first."""
BASE_PERMISSIONS: Final = {"MAINTAIN": "WRITE", "TRIAGE": "READ"}


@listed("Repository.collaborators")
def collaborators(
    thing: Thing, info: GraphQLResolveInfo, login: str | None = None, **page: Any
) -> Items:
    """Who may work on a repository, shown to those who may push.

    Raises:
        ApiError: the token may not.
    """
    asked: Asked = info.context
    if not asked.may_push:
        message = "Must have push access to view repository collaborators."
        raise ApiError("FORBIDDEN", message)
    asked.check_permission(f"/repos/{thing.home.name}/collaborators")
    rows = [row for row in thing.home.collaborators if login in (None, row["login"])]
    return ordered(rows, lambda row: thing.of("User", row))


@field("RepositoryCollaboratorEdge.permission")
def permission(edge: Json, info: GraphQLResolveInfo) -> str:
    """The most that somebody may do."""
    return permission_of(edge["value"])


def permission_of(row: Json) -> str:
    """The same of a row of REST."""
    known = row.get("permissions") or {}
    return next((name for key, name in PERMISSIONS.items() if known.get(key)), "READ")


@field("RepositoryCollaboratorEdge.permissionSources")
def permission_sources(edge: Json, info: GraphQLResolveInfo) -> list[Thing]:
    """What gives it: one role, since no more is known."""
    highest = permission_of(edge["value"])
    source = {
        "permission": BASE_PERMISSIONS.get(highest, highest),
        "role_name": edge["value"].get("role_name"),
    }
    return [edge["node"].of("PermissionSource", source)]


@field("Ref.refUpdateRule")
def update_rule(thing: Thing, info: GraphQLResolveInfo) -> None:
    """What protects a branch: nothing, as REST says too."""


@listed("Ref.rules")
def rules(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The rules that apply to a ref: none."""
    return ordered([], lambda row: row)


@listed("Milestone.issues")
def milestone_issues(
    thing: Thing, info: GraphQLResolveInfo, states: Sequence[str] | None = None, **page: Any
) -> Items:
    """Issues of a milestone that are no pull requests."""
    found = all_of(
        thing,
        thing.home.issues,
        "Issue",
        OLDEST_FIRST,
        name="no pull requests",
        keep=lambda links: links.pull_request is None,
    )
    return narrowed(
        found,
        lambda row: is_of(thing, row) and (not states or str(row["state"]).upper() in states),
    )


@listed("Milestone.pullRequests")
def milestone_pulls(
    thing: Thing, info: GraphQLResolveInfo, states: Sequence[str] | None = None, **page: Any
) -> Items:
    """Pull requests of a milestone."""
    found = all_of(thing, thing.home.pull_requests, "PullRequest", OLDEST_FIRST)

    def keep(row: Json) -> bool:
        state = "MERGED" if row.get("merged_at") else str(row["state"]).upper()
        return is_of(thing, row) and (not states or state in states)

    return narrowed(found, keep)


def is_of(milestone: Thing, row: Json) -> bool:
    """Whether a row belongs to a milestone."""
    return bool((row.get("milestone") or {}).get("number") == milestone.row["number"])


@listed("Organization.repositories")
def owned(thing: Thing, info: GraphQLResolveInfo, privacy: str | None = None, **page: Any) -> Items:
    """The repositories of an organization that the token may see."""
    asked: Asked = info.context
    wanted = {None: (True, False), "PRIVATE": (True,), "PUBLIC": (False,)}[privacy]
    rows = [
        Thing("Repository", one.repository, one)
        for one in asked.nodes.repositories()
        if one.name.split("/")[0].lower() == thing.row["login"].lower()
        and bool(one.repository.get("private")) in wanted
    ]
    return ordered(rows, lambda one: one)
