"""Linear's OAuth: applications, their refresh tokens and the access tokens these bring.

A refresh token can be used once and brings the next one. An access token lives a day; `expire`
ends those that are out. See https://linear.app/developers/oauth-2-0-authentication.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from threading import Lock
from urllib.parse import parse_qsl

from starlette.responses import Response

from include.sandbox.replies import json_response

FORM = "application/x-www-form-urlencoded"
OAUTH_PREFIX = "lin_oauth_"


class LinearOAuth:
    """What was granted to which application, and what of it was used."""

    def __init__(self) -> None:
        self.lifetime_seconds = 86_400
        self.used: list[str] = []
        self._secrets: dict[str, str] = {}
        self._refresh_tokens: dict[str, str] = {}
        self._expiry: dict[str, float] = {}
        self._lock = Lock()

    def authorize(self, client_id: str, client_secret: str) -> str:
        """Let an application in; returns its first refresh token."""
        with self._lock:
            self._secrets[client_id] = client_secret
            return self._new_refresh_token(client_id)

    def is_valid(self, access_token: str) -> bool:
        """Whether an access token was granted and has not expired."""
        return self._expiry.get(access_token, 0) > time.time()

    def expire(self) -> None:
        """End all access tokens at once; refresh tokens stay valid."""
        with self._lock:
            self._expiry = dict.fromkeys(self._expiry, 0.0)

    def answer(self, content_type: str, body: bytes) -> Response:
        """The answer to `POST /oauth/token`."""
        if content_type.split(";")[0].strip().lower() != FORM:
            return refused("invalid_request", f"expected a body of type {FORM}")
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        if form.get("grant_type") != "refresh_token":
            return refused("unsupported_grant_type", "only refresh_token is served")
        with self._lock:
            return self._grant(form)

    def _grant(self, form: Mapping[str, str]) -> Response:
        client_id = form.get("client_id", "")
        secret = self._secrets.get(client_id)
        if secret is None or not secrets.compare_digest(
            secret.encode(), form.get("client_secret", "").encode()
        ):
            return refused("invalid_client", "no such application, or another secret", 401)
        refresh_token = form.get("refresh_token", "")
        if self._refresh_tokens.get(refresh_token) != client_id:
            return refused("invalid_grant", "the refresh token is unknown or was used")
        del self._refresh_tokens[refresh_token]
        self.used.append(refresh_token)
        access_token = OAUTH_PREFIX + secrets.token_hex(32)
        self._expiry[access_token] = time.time() + self.lifetime_seconds
        return json_response(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": self.lifetime_seconds,
                "scope": "read",
                "refresh_token": self._new_refresh_token(client_id),
            }
        )

    def _new_refresh_token(self, client_id: str) -> str:
        token = "lin_refresh_" + secrets.token_hex(32)
        self._refresh_tokens[token] = client_id
        return token


def refused(error: str, description: str, status: int = 400) -> Response:
    """An error in the form of OAuth 2.0."""
    return json_response({"error": error, "error_description": description}, status)
