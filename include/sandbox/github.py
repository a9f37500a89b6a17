"""GitHub's REST API over a workspace: what hangs on a repository.

Follows https://docs.github.com/rest (API version 2022-11-28): defaults, sort orders, `Link`, `ETag`
and 304, `x-ratelimit-*` and errors. Query parameters that GitHub documents and the sandbox does not
serve are refused; unknown ones are ignored, as GitHub does.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox.collection import Collection
from include.sandbox.github_answers import (
    Answer,
    Endpoint,
    Paged,
    RefusedError,
    Rows,
    bearer_token,
    not_found_response,
)
from include.sandbox.github_code import GitHubCode
from include.sandbox.github_listings import (
    ISSUE_COMMENTS,
    ISSUE_COMMENTS_OF_ISSUE,
    ISSUE_EVENTS,
    ISSUE_EVENTS_OF_ISSUE,
    ISSUES,
    KEYS,
    LABELS,
    MILESTONES,
    PULL_REQUESTS,
    REVIEW_COMMENTS,
    REVIEW_COMMENTS_OF_PULL,
    REVIEWS_OF_PULL,
    InvalidParameterError,
    Listing,
    select,
)
from include.sandbox.github_objects import to_full_pull_request, to_user
from include.sandbox.limits import Budget, Limits
from include.sandbox.replies import GITHUB_DOCS, JSON_UTF8, github_error
from include.sandbox.workspace import GitHubRepository, Workspace

API_VERSIONS = ("2022-11-28", "2026-03-10")
DEFAULT_PER_PAGE = 30
MAXIMUM_PER_PAGE = 100


class GitHub:
    """The endpoints, and how often each token has used them."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._budgets: dict[str, Budget] = {}
        self._code = GitHubCode(limits, self._repository, self._is_known)

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
            "/user": lambda request: to_user("headwater-sandbox", 1),
            "/rate_limit": self._rate_limit,
            repo: lambda request: self._repository(request).repository,
            f"{repo}/issues/{{number:int}}": self._issue,
            f"{repo}/pulls/{{number:int}}": self._pull_request,
            **{f"{repo}{path}": self._listing(listing) for path, listing in listings.items()},
            **self._code.endpoints(repo),
        }
        return [
            *(Route(path, self._served(call), methods=["GET"]) for path, call in endpoints.items()),
            *self._code.routes(),
            Route("/{path:path}", self._served(not_found)),
        ]

    def path_of_id(self, repository_id: str) -> str | None:
        """`/repos/{owner}/{repo}` of a repository's number, which `Link` headers use."""
        for repository in self._workspace.repositories.values():
            if str(repository.repository["id"]) == repository_id:
                return f"/repos/{repository.name}"
        return None

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            try:
                token = self._authorise(request)
                response = self._answer(request, endpoint(request), token)
            except RefusedError as refused:
                token, response = bearer_token(request), refused.response
            except InvalidParameterError as invalid:
                token, response = bearer_token(request), validation_failed(invalid)
            self._account(request, response, token)
            return response

        return serve

    def _authorise(self, request: Request) -> str:
        if not request.headers.get("user-agent"):
            raise RefusedError(github_error(403, "Request forbidden by administrative rules."))
        version = request.headers.get("x-github-api-version", API_VERSIONS[0])
        if version not in API_VERSIONS:
            raise RefusedError(github_error(400, f"The API version {version!r} is not supported."))
        token = bearer_token(request)
        if not token:
            raise RefusedError(github_error(401, "Requires authentication"))
        if not self._is_known(token):
            raise RefusedError(github_error(401, "Bad credentials"))
        if request.url.path.endswith("/rate_limit") or self._budget(token).remaining:
            return token
        raise RefusedError(primary_limit_exceeded())

    def _is_known(self, token: str) -> bool:
        required = {
            repository.required_token for repository in self._workspace.repositories.values()
        }
        return token in self._workspace.tokens | required

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

    def _account(self, request: Request, response: Response, token: str) -> None:
        budget = self._budget(token)
        counted = response.status_code != 304 and not request.url.path.endswith("/rate_limit")
        if counted and response.status_code != 401:
            budget.spend()
        response.headers.update(rate_limit_headers(budget))
        response.headers["x-github-request-id"] = str(uuid.uuid4()).upper()
        response.headers["x-github-media-type"] = "github.v3; format=json"
        response.headers["x-github-api-version-selected"] = request.headers.get(
            "x-github-api-version", API_VERSIONS[0]
        )

    def _budget(self, token: str) -> Budget:
        return self._budgets.setdefault(token, Budget(self._limits.github_requests_per_hour))

    def _rate_limit(self, request: Request) -> dict[str, Any]:
        budget = self._budget(bearer_token(request))
        core = {
            "limit": budget.limit,
            "used": budget.used,
            "remaining": budget.remaining,
            "reset": int(budget.reset_at),
        }
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": int(budget.reset_at)}
        return {"resources": {"core": core, "search": search}, "rate": core}

    def _repository(self, request: Request) -> GitHubRepository:
        name = f"{request.path_params['owner']}/{request.path_params['repo']}"
        repository = self._workspace.repositories.get(name.lower())
        if repository is None or (repository.required_token not in (None, bearer_token(request))):
            raise RefusedError(not_found_response())
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

    def _issue(self, request: Request) -> bytes:
        return self._numbered(self._repository(request), ("issues",), request.path_params["number"])

    def _pull_request(self, request: Request) -> dict[str, Any]:
        repository = self._repository(request)
        number = request.path_params["number"]
        pull: dict[str, Any] = msgspec.json.decode(
            self._numbered(repository, ("pull_requests",), number)
        )
        return to_full_pull_request(
            pull,
            comments=len(select(repository.issue_comments, ISSUE_COMMENTS_OF_ISSUE, {}, number)),
            review_comments=len(
                select(repository.review_comments, REVIEW_COMMENTS_OF_PULL, {}, number)
            ),
        )

    def _numbered(self, repository: GitHubRepository, kinds: Iterable[str], number: int) -> bytes:
        for kind in kinds:
            raw = by_number(repository.collection(kind)).get(number)
            if raw is not None:
                return raw
        raise RefusedError(not_found_response())

    def _link(self, request: Request, page: int, per_page: int, total: int) -> str:
        """`Link` as GitHub writes it: by the repository's number; prev, next, last, first."""
        last = max(1, -(-total // per_page))
        pages = {}
        if page > 1:
            pages["prev"] = min(page - 1, last)
        if page < last:
            pages |= {"next": page + 1, "last": last}
        if page > 1:
            pages["first"] = 1
        prefix, rest = request.url.path.split("/repos/", 1)
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


def rate_limit_headers(budget: Budget) -> dict[str, str]:
    """`x-ratelimit-*` of the core resource."""
    return {
        "x-ratelimit-limit": str(budget.limit),
        "x-ratelimit-remaining": str(budget.remaining),
        "x-ratelimit-used": str(budget.used),
        "x-ratelimit-reset": str(int(budget.reset_at)),
        "x-ratelimit-resource": "core",
    }


def primary_limit_exceeded() -> Response:
    """The 403 of a token that has used its hour."""
    return github_error(
        403,
        "API rate limit exceeded for user ID 1.",
        docs=f"{GITHUB_DOCS}/overview/rate-limits-for-the-rest-api",
    )


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
