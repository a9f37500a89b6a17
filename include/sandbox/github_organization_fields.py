"""Organizations and their teams in GitHub's GraphQL schema."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import Items, sorted_items
from include.sandbox.github_fields import field, listed, to_time
from include.sandbox.github_nodes import Thing, grouped
from include.sandbox.github_objects import HTML_URL, stable_number, to_simple_user
from include.sandbox.workspace import GitHubOrganization

PRIVACY: Final = {"closed": "VISIBLE", "secret": "SECRET"}


def organization_of(thing: Thing) -> GitHubOrganization:
    """The organization that a team or an organization is.

    Raises:
        LookupError: the workspace does not have it.
    """
    if thing.organization is None:
        raise LookupError(f"sandbox.github: a {thing.type} without organization")
    return thing.organization


@listed("Organization.teams")
def teams(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Teams by name."""
    rows = list(organization_of(thing).teams)
    return sorted_items(rows, lambda row: (row["slug"],), lambda row: thing.of("Team", row))


@field("Organization.team")
def team(thing: Thing, info: GraphQLResolveInfo, slug: str) -> Thing | None:
    """A team by its name in addresses."""
    return team_by_slug(thing, slug)


def team_by_slug(thing: Thing, slug: str) -> Thing | None:
    """A team; none if there is none of that name."""
    row = organization_of(thing).teams.find(slug=slug)
    return thing.of("Team", row) if row else None


@field("Organization.isVerified")
def is_verified(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether its domain was proved to be its own."""
    return bool(thing.row.get("is_verified"))


@field("Organization.websiteUrl")
def website_url(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """Its website."""
    return thing.row.get("blog") or None


@field("Team.organization")
def organization_of_team(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The organization of a team."""
    return thing.of("Organization", organization_of(thing).organization)


@field("Team.combinedSlug")
def combined_slug(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Organization and team, as they are mentioned."""
    return f"{organization_of(thing).login}/{thing.row['slug']}"


@field("Team.privacy")
def privacy(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Who sees it."""
    return PRIVACY[thing.row.get("privacy") or "closed"]


@field("Team.parentTeam")
def parent_team(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The team it is part of."""
    parent = thing.row.get("parent")
    return team_by_slug(thing, parent["slug"]) if parent else None


@field("Team.url")
def team_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A team's page."""
    return f"{HTML_URL}/orgs/{organization_of(thing).login}/teams/{thing.row['slug']}"


@field("Team.resourcePath")
def team_path(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The path of a team's page."""
    return f"/orgs/{organization_of(thing).login}/teams/{thing.row['slug']}"


@field("Team.createdAt", "Team.updatedAt")
def team_time(thing: Thing, info: GraphQLResolveInfo) -> str:
    """When a team was made or last changed."""
    name = "created_at" if info.field_name == "createdAt" else "updated_at"
    return to_time(thing.row.get(name) or organization_of(thing).organization["created_at"])


@listed("Team.members")
def members(
    thing: Thing,
    info: GraphQLResolveInfo,
    membership: str = "ALL",
    role: str | None = None,
    **page: Any,
) -> Items:
    """Members by name: the team's own, those of the teams below it, or both."""
    own = memberships(thing, [thing.row["slug"]])
    below = memberships(thing, slugs_below(thing, thing.row["slug"]))
    chosen = {
        "IMMEDIATE": own,
        "CHILD_TEAM": {login: row for login, row in below.items() if login not in own},
        "ALL": below | own,
    }[membership]
    rows = [row for row in chosen.values() if role in (None, row["role"])]
    return sorted_items(
        rows,
        lambda row: (row["login"].lower(),),
        lambda row: thing.of("User", account(thing, row["login"])),
    )


def memberships(thing: Thing, slugs: list[str]) -> dict[str, Json]:
    """Memberships of some teams by the member's name."""
    groups = grouped(organization_of(thing).team_members, "team", lambda links: links.team)
    rows = [msgspec.json.decode(raw) for slug in slugs for _, raw in groups.get(slug, [])]
    return {row["login"]: row for row in rows}


def slugs_below(thing: Thing, slug: str) -> list[str]:
    """The teams that are part of a team, and of those."""
    found = []
    for row in organization_of(thing).teams:
        if (row.get("parent") or {}).get("slug") == slug:
            found += [row["slug"], *slugs_below(thing, row["slug"])]
    return found


def account(thing: Thing, login: str) -> Json:
    """The account of a member."""
    known = organization_of(thing).members.find(login=login)
    return known or to_simple_user(login, stable_number(login))


@field("TeamMemberEdge.role")
def member_role(edge: Json, info: GraphQLResolveInfo) -> str:
    """What a member may do."""
    return str(edge["value"]["role"])
