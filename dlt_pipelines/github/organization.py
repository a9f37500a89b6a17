"""The organization that owns repositories: itself, its teams, and who is in them.

    GraphQL, teams.graphql → raw_github.organizations   complete, versioned
                           → raw_github.teams           complete, versioned
                           → raw_github.team_members    complete, versioned

All three are one GraphQL request; who left a team is retired. Where teams are not wanted, or a
token may not read them, `GET /orgs/{org}` shows the organization.
https://docs.github.com/rest/orgs, https://docs.github.com/graphql/reference/objects#team
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from dlt.extract import DltResource

from dlt_pipelines.exceptions import HiddenError, NotFoundError
from dlt_pipelines.github.graphql import GraphQL, Json
from dlt_pipelines.github.listings import node_keys
from dlt_pipelines.github.rest import Repository, State, forget, listed, news
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import SyncRequest

# Each team carries up to a hundred members: a page is 51 requests by GitHub's count.
TEAMS_PAGE = 50


def open_organization(client: Client, request: SyncRequest, sync: SyncRun) -> list[DltResource]:
    """The resources of an organization."""
    owner = Repository(client, request.container, f"/orgs/{request.container}")
    wants_teams = {"teams", "team_members"} & sync.resources.keys()
    teams = _Teams(GraphQL(client), request.container)

    def organization(run: ResourceRun, state: State | None) -> Iterator[Any] | None:
        try:
            if wants_teams:
                with suppress(HiddenError):  # Teams need more than the organization itself does.
                    return news([teams.organization(sync.account("teams"))], state)
            if "digest" in (state or {}):  # No ETag says what is known since.
                forget(state)
            page = owner.get_if_changed(
                run, "", msgspec.Raw, None, state if state is not None else {}
            )
        except NotFoundError:
            raise NotFoundError(
                "github.organizations",
                f"{request.container} is no organization that the token may see",
                "an organization",
                "for a personal account set `organization: []` in sources.yml",
            ) from None
        return None if page is None else iter([page.data])

    emptiness = f"organization(login: {request.container}): no teams"
    return [
        listed("organizations", request, sync, organization, node_keys, "never empty"),
        listed("teams", request, sync, lambda run, _: teams.rows(run), _id_keys, emptiness),
        listed(
            "team_members", request, sync, lambda run, _: teams.members(run), _id_keys, emptiness
        ),
    ]


class _Teams:
    """All teams with their members, read once for both resources."""

    def __init__(self, graphql: GraphQL, owner: str) -> None:
        self._graphql = graphql
        self._owner = owner
        self._found: list[Json] | None = None
        self._organization: Json | None = None

    def organization(self, run: ResourceRun) -> bytes:
        """The organization itself."""
        self._read(run)
        return msgspec.json.encode(self._organization)

    def rows(self, run: ResourceRun) -> Iterator[bytes]:
        for team in self._read(run):
            yield msgspec.json.encode({k: v for k, v in team.items() if k != "members"})

    def members(self, run: ResourceRun) -> Iterator[bytes]:
        for team in self._read(run):
            identity = {"id": team["id"], "slug": team["slug"]}
            for edge in team["members"]:
                member = {"team": identity, "role": edge["role"], "member": edge["node"]}
                member["id"] = f"{team['id']}:{edge['node']['id']}"
                yield msgspec.json.encode(member)

    def _read(self, run: ResourceRun) -> list[Json]:
        if self._found is None:
            pages = self._graphql.walk(
                run, "teams", "Teams", {"owner": self._owner}, self._teams_in, TEAMS_PAGE
            )
            self._found = [
                {**team, "members": self._members_of(run, team)} for page in pages for team in page
            ]
        return self._found

    def _teams_in(self, data: Json) -> Json:
        """The teams of an answer, which also says what the organization is."""
        teams: Json = data["organization"].pop("teams")
        self._organization = data["organization"]
        return teams

    def _members_of(self, run: ResourceRun, team: Json) -> list[Json]:
        return self._graphql.complete(
            run,
            team["members"],
            "teams",
            "TeamPage",
            {"id": team["id"]},
            lambda node: node["members"],
            items="edges",
        )


class _Id(msgspec.Struct):
    id: str


def _id_keys(record: bytes) -> tuple[str, datetime | None]:
    return msgspec.json.decode(record, type=_Id).id, None
