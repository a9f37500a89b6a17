"""GitHub's REST API over a workspace: what hangs on a repository.

Follows https://docs.github.com/rest (API version 2022-11-28): defaults, sort orders, `Link`, `ETag`
and 304, `x-ratelimit-*` and errors. Query parameters that GitHub documents and the sandbox does not
serve are refused; unknown ones are ignored, as GitHub does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox.collection import Collection
from include.sandbox.github_access import Access, hidden
from include.sandbox.github_actions import GitHubActions
from include.sandbox.github_answers import (
    Answer,
    Endpoint,
    Paged,
    RefusedError,
    Rows,
    bearer_token,
    not_found_response,
)
from include.sandbox.github_apps import GitHubApps
from include.sandbox.github_code import GitHubCode
from include.sandbox.github_graphql import GitHubGraphQL
from include.sandbox.github_listings import (
    COLLABORATORS,
    ISSUE_COMMENTS,
    ISSUE_COMMENTS_OF_ISSUE,
    ISSUE_EVENTS,
    ISSUE_EVENTS_OF_ISSUE,
    ISSUES,
    KEYS,
    LABELS,
    MILESTONES,
    PULL_REQUESTS,
    RELEASES,
    REVIEW_COMMENTS,
    REVIEW_COMMENTS_OF_PULL,
    REVIEWS_OF_PULL,
    InvalidParameterError,
    Listing,
    select,
)
from include.sandbox.github_organizations import GitHubOrganizations
from include.sandbox.github_pulls import GitHubPulls
from include.sandbox.limits import Limits
from include.sandbox.replies import GITHUB_DOCS, JSON_UTF8, github_error, json_response
from include.sandbox.workspace import GitHubRepository, Workspace

ISSUE_URL = re.compile(r"/?([^/]+/[^/]+)/issues/(\d+)$")
DEFAULT_PER_PAGE = 30
MAXIMUM_PER_PAGE = 100


class GitHub:
    """The endpoints, and how often each token has used them."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self.access = Access(workspace, limits)
        self._code = GitHubCode(limits, self._repository, self.access.is_known)
        self._actions = GitHubActions(self._repository)
        self._pulls = GitHubPulls(self._pull_request)
        self._organizations = GitHubOrganizations(workspace, self.access)
        self._apps = GitHubApps(workspace, self.access.install)
        self._graphql = GitHubGraphQL(workspace, self.access)

    def routes(self) -> list[BaseRoute]:
        """Every route served; anything else is 404."""
        repo = "/repos/{owner}/{repo}"
        listings: dict[str, Listing] = {
            "/issues": ISSUES,
            "/issues/comments": ISSUE_COMMENTS,
            "/issues/events": ISSUE_EVENTS,
            "/issues/{number:int}/comments": ISSUE_COMMENTS_OF_ISSUE,
            "/issues/{number:int}/events": ISSUE_EVENTS_OF_ISSUE,
            "/pulls": PULL_REQUESTS,
            "/pulls/comments": REVIEW_COMMENTS,
            "/pulls/{number:int}/comments": REVIEW_COMMENTS_OF_PULL,
            "/pulls/{number:int}/reviews": REVIEWS_OF_PULL,
            "/labels": LABELS,
            "/milestones": MILESTONES,
        }
        endpoints: dict[str, Endpoint] = {
            "/rate_limit": self.access.rate_limit,
            repo: lambda request: self._repository(request).repository,
            f"{repo}/issues/{{number:int}}": self._issue,
            f"{repo}/issues/comments/{{id:int}}": self._one("issue_comments"),
            f"{repo}/pulls/comments/{{id:int}}": self._one("review_comments"),
            f"{repo}/releases": self._releases,
            f"{repo}/collaborators": self._collaborators,
            **{f"{repo}{path}": self._listing(listing) for path, listing in listings.items()},
            **self._code.endpoints(repo),
            **self._actions.endpoints(repo),
            **self._pulls.endpoints(repo),
            **self._organizations.endpoints(),
        }
        return [
            *(Route(path, self._served(call), methods=["GET"]) for path, call in endpoints.items()),
            *self._code.routes(),
            *self._graphql.routes(),
            *self._app_routes(),
            Route("/{path:path}", self._served(not_found)),
        ]

    def _app_routes(self) -> list[BaseRoute]:
        def served(endpoint: Endpoint) -> Callable[[Request], Any]:
            return self._served(endpoint, self._apps.authorise)

        installations = "/app/installations"
        tokens = f"{installations}/{{installation_id:int}}/access_tokens"
        return [
            Route(installations, served(self._apps.installations), methods=["GET"]),
            Route(tokens, served(self._apps.access_token), methods=["POST"]),
        ]

    def path_of_id(self, repository_id: str) -> str | None:
        """`/repos/{owner}/{repo}` of a repository's number, which `Link` headers use."""
        for repository in self._workspace.repositories.values():
            if str(repository.repository["id"]) == repository_id:
                return f"/repos/{repository.name}"
        return None

    def _served(
        self, endpoint: Endpoint, authorise: Callable[[Request], str] | None = None
    ) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            try:
                token = (authorise or self.access.authorise)(request)
                self.access.check_secondary_limits(request, token)
                response = self._answer(request, endpoint(request), token)
            except RefusedError as refused:
                token, response = bearer_token(request), refused.response
            except InvalidParameterError as invalid:
                token, response = bearer_token(request), validation_failed(invalid)
            self.access.account(request, response, token)
            return response

        return serve

    def _answer(self, request: Request, answer: Answer, token: str) -> Response:
        if isinstance(answer, Response):
            return answer
        headers = {
            "cache-control": "private, max-age=60, s-maxage=60",
            "vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding",
        }
        total = 0
        rows = answer.rows if isinstance(answer, Paged) else answer
        if isinstance(rows, Rows):
            page, per_page = page_parameters(request, rows.per_page)
            total = len(rows.rows)
            body = b"[" + b",".join(rows.rows[(page - 1) * per_page : page * per_page]) + b"]"
            link = self._link(request, page, per_page, total)
            headers |= {"link": link} if link else {}
            if isinstance(answer, Paged):
                body = msgspec.json.encode({**answer.summary, answer.field: msgspec.Raw(body)})
        else:
            body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        headers["etag"] = etag_of(body, total, token)
        if has_seen(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=JSON_UTF8)

    def _repository(self, request: Request) -> GitHubRepository:
        name = f"{request.path_params['owner']}/{request.path_params['repo']}"
        repository = self._workspace.find_github(name)
        if repository is None or not self.access.sees(bearer_token(request), repository):
            raise hidden()
        if repository.name.lower() != name.lower():
            raise RefusedError(moved(request, repository, name))
        return repository

    def _listing(self, listing: Listing) -> Endpoint:
        def serve(request: Request) -> Rows:
            repository = self._repository(request)
            number = request.path_params.get("number")
            if number is not None:
                self._numbered(repository, listing.parents, number)
            return Rows(
                select(repository.collection(listing.kind), listing, request.query_params, number)
            )

        return serve

    def _releases(self, request: Request) -> Rows:
        """Releases; drafts are shown to those who may push."""
        rows = select(self._repository(request).releases, RELEASES, request.query_params)
        if self.access.may_push(bearer_token(request)):
            return Rows(rows)
        return Rows([raw for raw in rows if not msgspec.json.decode(raw)["draft"]])

    def _collaborators(self, request: Request) -> Rows:
        repository = self._repository(request)
        if not self.access.may_push(bearer_token(request)):
            message = "Must have push access to view repository collaborators."
            raise RefusedError(github_error(403, message))
        return Rows(select(repository.collaborators, COLLABORATORS, request.query_params))

    def _one(self, kind: str) -> Endpoint:
        def serve(request: Request) -> bytes:
            collection = self._repository(request).collection(kind)
            raw = collection.raw_of(request.path_params["id"])
            if raw is None:
                raise hidden()
            return raw

        return serve

    def _issue(self, request: Request) -> bytes:
        repository, number = self._repository(request), request.path_params["number"]
        if number in repository.deleted_issues:
            raise RefusedError(github_error(410, "This issue was deleted"))
        if number in repository.transferred_issues:
            url = repository.transferred_issues[number]
            raise RefusedError(moved_permanently(request, self._path_of_issue(request, url)))
        return self._numbered(repository, ("issues",), number)

    def _path_of_issue(self, request: Request, url: str) -> str:
        """Where this server has an issue, or the address as it is if it has not."""
        found = ISSUE_URL.search(url)
        repository = self._workspace.find_github(found[1]) if found else None
        if found is None or repository is None:
            return url
        prefix = request.url.path.split("/repos/", 1)[0]
        return f"{prefix}/repositories/{repository.repository['id']}/issues/{found[2]}"

    def _pull_request(self, request: Request) -> tuple[GitHubRepository, bytes]:
        repository, number = self._repository(request), request.path_params["number"]
        return repository, self._numbered(repository, ("pull_requests",), number)

    def _numbered(self, repository: GitHubRepository, kinds: Iterable[str], number: int) -> bytes:
        for kind in kinds:
            raw = by_number(repository.collection(kind)).get(number)
            if raw is not None:
                return raw
        raise RefusedError(not_found_response())

    def _link(self, request: Request, page: int, per_page: int, total: int) -> str:
        """`Link` as GitHub writes it: a repository by its number; prev, next, last, first."""
        last = max(1, -(-total // per_page))
        pages = {}
        if page > 1:
            pages["prev"] = min(page - 1, last)
        if page < last:
            pages |= {"next": page + 1, "last": last}
        if page > 1:
            pages["first"] = 1
        path = request.url.path
        if "repo" in request.path_params:
            prefix, rest = path.split("/repos/", 1)
            repository_id = self._repository(request).repository["id"]
            path = f"{prefix}/repositories/{repository_id}/{rest.split('/', 2)[2]}"
        base = f"{request.url.scheme}://{request.url.netloc}{path}"
        return ", ".join(
            f'<{base}?{query_with_page(request, number)}>; rel="{rel}"'
            for rel, number in pages.items()
        )


def page_parameters(request: Request, size: int | None = None) -> tuple[int, int]:
    """Page and page size; GitHub corrects what is out of range instead of refusing it."""
    page = to_integer(request.query_params.get("page"), 1)
    per_page = to_integer(request.query_params.get("per_page"), size or DEFAULT_PER_PAGE)
    return page, min(per_page, size or MAXIMUM_PER_PAGE)


def to_integer(text: str | None, default: int) -> int:
    """A positive number, or the default for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else default


def query_with_page(request: Request, page: int) -> str:
    """The request's own query string with another page."""
    parts = [part for part in request.url.query.split("&") if part]
    kept = [f"page={page}" if part.startswith("page=") else part for part in parts]
    return "&".join(kept if f"page={page}" in kept else [*kept, f"page={page}"])


def etag_of(body: bytes, total: int, token: str) -> str:
    """A weak ETag of a page, its listing's length and, as GitHub's, the token."""
    digest = hashlib.sha256(body)
    digest.update(f"\0{total}\0{token}".encode())
    return f'W/"{digest.hexdigest()}"'


def has_seen(request: Request, etag: str) -> bool:
    """Whether the client says that it has this version."""
    known = request.headers.get("if-none-match", "").split(",")
    return etag.removeprefix("W/") in [tag.strip().removeprefix("W/") for tag in known]


def by_number(collection: Collection) -> dict[int | None, bytes]:
    """Objects by their number."""
    return collection.derived(
        "by number", lambda: {KEYS.decode(raw).number: raw for raw in collection.raw()}
    )


def moved(request: Request, repository: GitHubRepository, name: str) -> Response:
    """The 301 of a repository's former name, to where it is by number."""
    prefix, rest = request.url.path.split(f"/repos/{name}", 1)
    path = f"{prefix}/repositories/{repository.repository['id']}{rest}"
    return moved_permanently(request, path)


def moved_permanently(request: Request, path: str) -> Response:
    """GitHub's 301 to a path of this server, or to an address elsewhere."""
    query = f"?{request.url.query}" if request.url.query else ""
    base = f"{request.url.scheme}://{request.url.netloc}" if path.startswith("/") else ""
    url = f"{base}{path}{query}"
    body = {"message": "Moved Permanently", "url": url, "documentation_url": GITHUB_DOCS}
    return json_response(body, 301, {"location": url})


def not_found(request: Request) -> Answer:
    """Refuse a path that is not served."""
    raise RefusedError(not_found_response())


def validation_failed(invalid: InvalidParameterError) -> Response:
    """GitHub's 422 for a query parameter."""
    return github_error(
        422,
        f"Validation Failed: {invalid}",
        errors=[
            {
                "resource": "Search",
                "field": invalid.name,
                "code": "invalid",
                "value": invalid.value,
            }
        ],
    )
