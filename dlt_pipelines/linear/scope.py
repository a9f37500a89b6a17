"""Which objects belong to the configured teams: nothing of another team may be stored.

Linear filters most connections by team itself, documents and comments by what they hang on. It
cannot filter memberships, relations and attachments; of these, every object is read with the keys
of the teams behind it, and kept where one of them is configured. What belongs to the workspace as a
whole (people, customers, initiatives and what hangs on them) is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from dlt_pipelines.exceptions import PermanentError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.linear.graphql import PageInfo, Workspace
from dlt_pipelines.pipeline import SyncRequest

# What Linear cannot filter: read whole, and kept or left here.
_CHECKED_HERE: Final = {
    "team_memberships",
    "issue_relations",
    "initiative_to_projects",
    "attachments",
}
_UNFILTERED: Final = _CHECKED_HERE - {"attachments"} | {
    "organizations",
    "users",
    "project_statuses",
}
# The references that lead from an object to its teams. Others (`metadata`, say) may hold anything.
FOLLOWED: Final = {"issue", "relatedIssue", "project", "team", "teams"}
# What every initiative fulfils; there is no filter for just being there.
_EXISTS: Final = {"createdAt": {"gte": "2008-01-01T00:00:00.000Z"}}


@dataclass(frozen=True)
class Scope:
    """The teams that a container stands for: the configured ones, or just one."""

    kind: str
    keys: tuple[str, ...]

    def filters(self, resource: str) -> Mapping[str, Any] | None:
        """What Linear itself filters by; None where its connection takes no filter."""
        if resource in _UNFILTERED:
            return None
        keys = {"key": {"in": list(self.keys)}}
        team = {"team": keys}
        if self.kind == "team":
            return {"issue": team} if resource == "comments" else team
        shared = {"accessibleTeams": {"some": keys}}
        of_project = {"project": shared}
        documents = {
            "or": [team, {"cycle": team}, {"issue": team}, of_project, {"initiative": _EXISTS}]
        }
        filters: dict[str, Mapping[str, Any]] = {
            "teams": keys,
            "labels": {"or": [{"team": {"null": True}}, team]},
            "cycles": team,
            "projects": shared,
            "project_milestones": of_project,
            "project_updates": of_project,
            "documents": documents,
            "customer_needs": {
                "or": [
                    {"issue": team},
                    of_project,
                    {"issue": {"null": True}, "project": {"null": True}},
                ]
            },
            "comments": {
                "issue": {"null": True},
                "or": [
                    of_project,
                    {"projectUpdate": of_project},
                    {"initiative": _EXISTS},
                    {"initiativeUpdate": _EXISTS},
                    *(
                        {"documentContent": content}
                        for content in (
                            {"document": documents},
                            {"issue": team},
                            of_project,
                            {"projectMilestone": of_project},
                            {"initiative": _EXISTS},
                        )
                    ),
                ],
            },
        }
        return filters.get(resource, {})

    def is_checked_here(self, resource: str) -> bool:
        """Whether Linear sends objects of other teams too."""
        return resource in _CHECKED_HERE

    def of_these_teams(
        self, workspace: Workspace, run: ResourceRun, records: Iterable[bytes]
    ) -> Iterator[bytes]:
        """The records of these teams; dead letters where that cannot be told."""
        for record in records:
            try:
                places = Places.of(msgspec.json.decode(record))
                if not places.keys:
                    raise msgspec.ValidationError("the object has no team")
                is_ours = self.has(workspace, run, places)
            except msgspec.MsgspecError as error:
                run.dead_letter(record, error)
                continue
            if is_ours:
                yield record

    def has(self, workspace: Workspace, run: ResourceRun, places: Places) -> bool:
        """Whether an object belongs to one of these teams."""
        if places.keys & {*self.keys}:
            return True
        for project_id, info in places.unread:
            for team in workspace.read_on(run, "project_teams", project_id, info):
                if msgspec.json.decode(team)["key"] in self.keys:
                    return True
        return False


@dataclass
class Places:
    """The teams behind an object: their keys, and the projects that have more of them."""

    keys: set[str] = field(default_factory=set)
    unread: list[tuple[str, PageInfo]] = field(default_factory=list)

    @classmethod
    def of(cls, record: Any) -> Places:
        """The teams that a record's references lead to.

        Raises:
            msgspec.ValidationError: it is not in the documented shape.
        """
        places = cls()
        places._follow(msgspec.convert(record, dict[str, Any]))
        return places

    def _follow(self, record: dict[str, Any]) -> None:
        for name, value in record.items():
            if value is None or name not in FOLLOWED:
                continue
            found = msgspec.convert(value, dict[str, Any])
            if name == "team":
                self.keys.add(msgspec.convert(found, _Team).key)
            elif name == "teams":
                teams = msgspec.convert(found, _Teams)
                self.keys |= {team.key for team in teams.nodes}
                if teams.page_info.has_next_page:
                    self.unread.append((str(record["id"]), teams.page_info))
            else:
                self._follow(found)


class _Team(msgspec.Struct):
    key: str


class _Teams(msgspec.Struct, rename="camel"):
    nodes: list[_Team]
    page_info: PageInfo


def scope_of(request: SyncRequest) -> Scope:
    """The teams that a container stands for."""
    is_workspace = request.kind == "workspace"
    return Scope(request.kind, request.siblings if is_workspace else (request.container,))


def unknown_team(key: str) -> PermanentError:
    """The error for a team that is not there, or hidden."""
    return PermanentError(
        "linear.teams",
        f"the team {key!r} does not exist, or the credential may not see it",
        "a team key",
        "correct `teams` in sources.yml",
        code="not_found",
    )
