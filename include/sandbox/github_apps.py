"""GitHub Apps: a signed assertion in, the token of one installation out.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from include.sandbox.collection import Json
from include.sandbox.github_access import check_client
from include.sandbox.github_answers import RefusedError, Rows, bearer_token, not_found_response
from include.sandbox.github_objects import API_URL, HTML_URL, MADE_AT, owner_of
from include.sandbox.replies import github_error, json_response
from include.sandbox.workspace import App, Workspace

LONGEST_SECONDS: Final = 600
PERMISSIONS: Final = {
    "actions": "read",
    "contents": "read",
    "deployments": "read",
    "discussions": "read",
    "issues": "read",
    "members": "read",
    "metadata": "read",
    "pull_requests": "read",
}

Install = Callable[[str], tuple[str, float]]
"""Makes a token for an owner; returns it and when it expires."""


class GitHubApps:
    """The endpoints that an App asks as itself; `install` makes a token for an owner."""

    def __init__(self, workspace: Workspace, install: Install) -> None:
        self._workspace = workspace
        self._install = install

    def authorise(self, request: Request) -> str:
        """A name for the App that a request's assertion is of.

        Raises:
            RefusedError: the assertion is not one that GitHub accepts.
        """
        check_client(request)
        return f"app {self._app(request)[0]}"

    def installations(self, request: Request) -> Rows:
        """`GET /app/installations`."""
        app_id, app = self._app(request)
        return Rows(
            [
                msgspec.json.encode(self._to_installation(app_id, number, owner))
                for number, owner in sorted(app.installations.items())
            ]
        )

    def access_token(self, request: Request) -> Response:
        """`POST /app/installations/{installation_id}/access_tokens`."""
        _, app = self._app(request)
        owner = app.installations.get(request.path_params["installation_id"])
        if owner is None:
            raise RefusedError(not_found_response())
        token, expires_at = self._install(owner)
        body = {
            "token": token,
            "expires_at": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": PERMISSIONS,
            "repository_selection": "all",
        }
        return json_response(body, 201)

    def _app(self, request: Request) -> tuple[int, App]:
        token = bearer_token(request)
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False})["iss"])
        except (jwt.PyJWTError, KeyError):
            raise refused("A JSON web token could not be decoded") from None
        app = self._workspace.apps.get(int(issuer)) if issuer.isdecimal() else None
        if app is None:
            raise RefusedError(github_error(404, "Integration not found"))
        try:
            options: Any = {"verify_exp": False, "verify_iat": False, "verify_iss": False}
            claims = jwt.decode(token, app.public_key_pem, algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            raise refused("A JSON web token could not be decoded") from None
        check_times(claims)
        return int(issuer), app

    def _to_installation(self, app_id: int, number: int, owner: str) -> Json:
        organization = self._workspace.organizations.get(owner.lower())
        account = owner_of(owner, organization.organization if organization else {})
        return {
            "id": number,
            "account": account,
            "repository_selection": "all",
            "access_tokens_url": f"{API_URL}/app/installations/{number}/access_tokens",
            "repositories_url": f"{API_URL}/installation/repositories",
            "html_url": f"{HTML_URL}/organizations/{owner}/settings/installations/{number}",
            "app_id": app_id,
            "app_slug": f"app-{app_id}",
            "client_id": f"Iv1.{app_id:016x}",
            "target_id": account["id"],
            "target_type": account["type"],
            "permissions": PERMISSIONS,
            "events": [],
            "created_at": MADE_AT,
            "updated_at": MADE_AT,
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": None,
        }


def check_times(claims: Json) -> None:
    """Refuse an assertion that is not of now, or of too long.

    Raises:
        RefusedError: it is one.
    """
    now = time.time()
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > now:
        raise refused(
            "'Issued at' claim ('iat') must be an Integer representing the time that the "
            "assertion was issued"
        )
    if not isinstance(expires, int) or expires <= now:
        raise refused(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires"
        )
    if expires - min(issued, now) > LONGEST_SECONDS:
        raise refused("'Expiration time' claim ('exp') is too far in the future")


def refused(message: str) -> RefusedError:
    """The 401 of an assertion that is not accepted."""
    return RefusedError(github_error(401, message))
