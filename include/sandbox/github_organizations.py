"""GitHub's endpoints over owners: organizations, their teams, accounts, and which repositories.

https://docs.github.com/rest/orgs, /rest/teams, /rest/users, /rest/repos
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from include.sandbox.collection import Json
from include.sandbox.github_access import Access, hidden
from include.sandbox.github_answers import Answer, Endpoint, Paged, RefusedError, Rows, bearer_token
from include.sandbox.github_listings import one_of, refuse
from include.sandbox.github_objects import to_user
from include.sandbox.replies import github_error
from include.sandbox.workspace import GitHubOrganization, GitHubRepository, Workspace

VIEWER: Final = ("headwater-sandbox", 1)
SORTS: Final = {
    "created": "created_at",
    "updated": "updated_at",
    "pushed": "pushed_at",
    "full_name": "full_name",
}
ACCOUNT_FIELDS: Final = {
    "issues": "user",
    "pull_requests": "user",
    "issue_comments": "user",
    "review_comments": "user",
    "reviews": "user",
    "issue_events": "actor",
}


class GitHubOrganizations:
    """Endpoints of organizations, accounts and lists of repositories."""

    def __init__(self, workspace: Workspace, access: Access) -> None:
        self._workspace = workspace
        self._access = access

    def endpoints(self) -> dict[str, Endpoint]:
        """Endpoints of the REST API by path."""
        return {
            "/user": self._viewer,
            "/user/repos": self._repositories_of_viewer,
            "/users/{username}": self._account,
            "/installation/repositories": self._repositories_of_installation,
            "/orgs/{org}": lambda request: self._organization(request).organization,
            "/orgs/{org}/members": self._members,
            "/orgs/{org}/repos": self._repositories_of_organization,
            "/orgs/{org}/teams": lambda request: Rows(self._organization(request).teams.raw()),
            "/orgs/{org}/teams/{slug}/members": self._team_members,
        }

    def _organization(self, request: Request) -> GitHubOrganization:
        organization = self._workspace.organizations.get(request.path_params["org"].lower())
        if organization is None:
            raise hidden()
        return organization

    def _members(self, request: Request) -> Rows:
        refuse(("filter", "role"), request.query_params)
        return Rows(self._organization(request).members.raw())

    def _team_members(self, request: Request) -> Rows:
        organization, slug = self._organization(request), request.path_params["slug"]
        if organization.find("teams", slug=slug) is None:
            raise hidden()
        role = one_of("role", request.query_params, ("member", "maintainer", "all")) or "all"
        logins = {
            row["login"]
            for row in organization.team_members
            if row["team"] == slug and role in ("all", row["role"].lower())
        }
        return encoded(row for row in organization.members if row["login"] in logins)

    def _viewer(self, request: Request) -> Json:
        self._refuse_installation(request)
        return to_user(*VIEWER)

    def _account(self, request: Request) -> Json:
        login = request.path_params["username"].lower()
        for account in self._accounts():
            if account["login"].lower() == login:
                known = to_user(account["login"], account["id"])
                return {name: account.get(name, value) for name, value in known.items()}
        raise hidden()

    def _accounts(self) -> Iterable[Json]:
        """Every account that something names, some of them again and again."""
        yield to_user(*VIEWER)
        for organization in self._workspace.organizations.values():
            yield {**organization.organization, "type": "Organization"}
            yield from organization.members
        for repository in self._workspace.repositories.values():
            yield repository.repository["owner"]
            for kind, field in ACCOUNT_FIELDS.items():
                yield from accounts_in(repository, kind, field)

    def _refuse_installation(self, request: Request) -> None:
        if self._access.owner_of(bearer_token(request)) is not None:
            raise RefusedError(github_error(403, "Resource not accessible by integration"))

    def _repositories_of_viewer(self, request: Request) -> Rows:
        self._refuse_installation(request)
        refuse(("visibility", "affiliation", "type", "since", "before"), request.query_params)
        return encoded(self._visible(request, "full_name"))

    def _repositories_of_organization(self, request: Request) -> Rows:
        refuse(("type",), request.query_params)
        login = self._organization(request).login.lower()
        return encoded(
            row
            for row in self._visible(request, "created")
            if row["owner"]["login"].lower() == login
        )

    def _repositories_of_installation(self, request: Request) -> Answer:
        if self._access.owner_of(bearer_token(request)) is None:
            message = (
                "You must authenticate with an installation access token in order to list "
                "repositories for an installation."
            )
            raise RefusedError(github_error(403, message))
        rows = encoded(sorted(self._visible(request, "created"), key=lambda row: row["id"]))
        summary: dict[str, Any] = {"total_count": len(rows.rows), "repository_selection": "all"}
        return Paged(summary, "repositories", rows)

    def _visible(self, request: Request, default: str) -> list[Json]:
        """The repositories that a token sees, in the order asked for."""
        token = bearer_token(request)
        rows = [
            repository.repository
            for repository in self._workspace.repositories.values()
            if self._access.sees(token, repository)
        ]
        return in_order(rows, request.query_params, default)


def in_order(rows: list[Json], query: Mapping[str, str], default: str) -> list[Json]:
    """Repositories sorted as asked for; by name ascending, by time newest first."""
    sort = one_of("sort", query, tuple(SORTS)) or default
    direction = one_of("direction", query, ("asc", "desc"))
    descending = direction == "desc" if direction else sort != "full_name"
    key: Callable[[Json], Any] = lambda row: (row.get(SORTS[sort]) or "", row["id"])  # noqa: E731
    return sorted(rows, key=key, reverse=descending)


def accounts_in(repository: GitHubRepository, kind: str, field: str) -> list[Json]:
    """The accounts that rows of a kind are by, each once."""
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def build() -> list[Json]:
        found = {}
        for raw in repository.collection(kind).raw():
            account = msgspec.json.decode(decoder.decode(raw).get(field, b"null"))
            if account:
                found[account["login"]] = account
        return list(found.values())

    return repository.collection(kind).derived(("accounts", field), build)


def encoded(rows: Iterable[Json]) -> Rows:
    """A listing of plain dicts."""
    return Rows([msgspec.json.encode(row) for row in rows])
