"""Who may ask GitHub what, and how often: tokens, App installations, permissions and limits.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import math
import re
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from include.sandbox.github_answers import RefusedError, bearer_token, not_found_response
from include.sandbox.limits import Budget, Limits, SlidingMinute
from include.sandbox.replies import GITHUB_DOCS, github_error
from include.sandbox.workspace import GitHubRepository, Workspace

API_VERSIONS: Final = ("2022-11-28", "2026-03-10")
LIMITS_DOCS: Final = f"{GITHUB_DOCS}/overview/rate-limits-for-the-rest-api"
IS_ONE_TOO_MANY: Final = "sandbox.is_one_too_many"
SECONDARY_DOCS: Final = f"{LIMITS_DOCS}#about-secondary-rate-limits"


class Access:
    """What every request passes: is its token good, may it see this, has it asked too much."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._minutes: dict[str, SlidingMinute] = {}
        self._open: Counter[str] = Counter()
        self._installed: dict[str, tuple[str, float]] = {}

    def is_known(self, token: str) -> bool:
        """Whether a token opens anything at all, now."""
        required = {
            repository.required_token for repository in self._workspace.repositories.values()
        }
        return token in self._workspace.tokens | required or self.owner_of(token) is not None

    def owner_of(self, token: str) -> str | None:
        """The owner that an installation's token is good for, until it expires."""
        owner, expires_at = self._installed.get(token, (None, 0.0))
        return owner if time.time() < expires_at else None

    def sees(self, token: str, repository: GitHubRepository) -> bool:
        """Whether a token may see a repository."""
        if token in self._installed:
            owner = repository.name.split("/")[0]
            return (self.owner_of(token) or "").lower() == owner.lower()
        return repository.required_token in (None, token)

    def install(self, owner: str) -> tuple[str, float]:
        """A new token of an App's installation at an owner, and when it expires."""
        token = f"ghs_{secrets.token_urlsafe(27)}"
        self._installed[token] = owner, time.time() + self._limits.github_app_token_seconds
        return token, self._installed[token][1]

    def authorise(self, request: Request) -> str:
        """The token of a request to the REST API.

        Raises:
            RefusedError: it is none, may not do this, or has used up its hour.
        """
        check_client(request)
        token = bearer_token(request)
        if not token:
            raise RefusedError(github_error(401, "Requires authentication"))
        if not self.is_known(token):
            raise RefusedError(github_error(401, "Bad credentials"))
        if not is_free(request) and not self.budget(token).remaining:
            raise RefusedError(primary_limit_exceeded())
        self.check_permission(request.url.path.removeprefix(request.scope["root_path"]), token)
        return token

    def check_permission(self, path: str, token: str) -> None:
        """Refuse what the token has no permission for.

        Raises:
            RefusedError: `Workspace.forbid` named this path.
        """
        for pattern, permission in self._workspace.forbidden.items():
            if re.search(pattern, path):
                kind = "integration" if token in self._installed else "personal access token"
                raise RefusedError(
                    github_error(
                        403,
                        f"Resource not accessible by {kind}",
                        headers={"x-accepted-github-permissions": permission},
                    )
                )

    def may_push(self, token: str) -> bool:
        """Whether a token may do more than read."""
        return token not in self._workspace.read_only_tokens

    @contextmanager
    def being_answered(self, request: Request) -> Iterator[None]:
        """Count a request among those being answered; it says itself whether it is one too many.

        A request is let in when it arrives, whatever arrives while it is answered.
        """
        token, most = bearer_token(request), self._limits.github_concurrent
        request.scope[IS_ONE_TOO_MANY] = most is not None and self._open[token] >= most
        self._open[token] += 1
        try:
            yield
        finally:
            self._open[token] -= 1

    def check_secondary_limits(self, request: Request, token: str) -> None:
        """Refuse a request beyond those of one minute, or of one moment.

        Raises:
            RefusedError: it is.
        """
        if request.scope.get(IS_ONE_TOO_MANY):
            raise RefusedError(secondary_limit_exceeded(60))
        if self._limits.github_points_per_minute is None:
            return
        minute = self._minutes.setdefault(
            token, SlidingMinute(self._limits.github_points_per_minute)
        )
        wait = minute.spend(1)
        if wait:
            raise RefusedError(secondary_limit_exceeded(math.ceil(wait)))

    def account(self, request: Request, response: Response, token: str) -> None:
        """Count an answered request of the REST API and say so in its headers."""
        budget = self.budget(token)
        if response.status_code not in (304, 401) and not is_free(request):
            budget.spend()
        response.headers.update(rate_limit_headers(budget, "core"))
        response.headers.update(common_headers(request))

    def budget(self, token: str, resource: str = "core") -> Budget:
        """What a token has left of a resource: `core` or `graphql`."""
        limit = {
            "core": self._limits.github_requests_per_hour,
            "graphql": self._limits.github_graphql_points_per_hour,
            "search": 30,
        }[resource]
        return self._budgets.setdefault(
            (token, resource), Budget(limit, self._limits.github_window_seconds)
        )

    def rate_limit(self, request: Request) -> dict[str, Any]:
        """`GET /rate_limit`."""
        token = bearer_token(request)
        resources = {
            name: to_status(self.budget(token, name)) for name in ("core", "graphql", "search")
        }
        return {"resources": resources, "rate": resources["core"]}


def is_free(request: Request) -> bool:
    """Whether a request is outside of the primary limit."""
    return request.url.path.endswith("/rate_limit")


def check_client(request: Request) -> None:
    """Refuse a client that does not name itself, or wants another version of the API.

    Raises:
        RefusedError: it does.
    """
    if not request.headers.get("user-agent"):
        raise RefusedError(github_error(403, "Request forbidden by administrative rules."))
    version = request.headers.get("x-github-api-version", API_VERSIONS[0])
    if version not in API_VERSIONS:
        raise RefusedError(github_error(400, f"The API version {version!r} is not supported."))


def to_status(budget: Budget) -> dict[str, int]:
    """A budget as `/rate_limit` shows it."""
    return {
        "limit": budget.limit,
        "used": budget.limit - budget.remaining,
        "remaining": budget.remaining,
        "reset": math.ceil(budget.reset_at),  # Whole seconds, and not before there is quota.
    }


def rate_limit_headers(budget: Budget, resource: str) -> dict[str, str]:
    """`x-ratelimit-*` of one resource."""
    return {
        **{f"x-ratelimit-{name}": str(value) for name, value in to_status(budget).items()},
        "x-ratelimit-resource": resource,
    }


def common_headers(request: Request) -> dict[str, str]:
    """What every response of the REST API carries."""
    return {
        "x-github-request-id": str(uuid.uuid4()).upper(),
        "x-github-media-type": "github.v3; format=json",
        "x-github-api-version-selected": request.headers.get(
            "x-github-api-version", API_VERSIONS[0]
        ),
    }


def primary_limit_exceeded() -> Response:
    """The 403 of a token that has used its hour."""
    return github_error(403, "API rate limit exceeded for user ID 1.", docs=LIMITS_DOCS)


def secondary_limit_exceeded(seconds: int) -> Response:
    """The 403 of a token that asks too much at once."""
    return github_error(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        docs=SECONDARY_DOCS,
        headers={"retry-after": str(seconds)},
    )


def hidden() -> RefusedError:
    """What a token may not see does not exist."""
    return RefusedError(not_found_response())
