"""GitHub's credentials: personal tokens, one or several, or a GitHub App's installation.

An App signs a JWT (RS256, at most 10 minutes) with its private key, finds the installation of the
owner, and gets tokens that live an hour; they are renewed before they end. Every owner has one
installation, so that each has a quota of its own.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import jwt
import msgspec

from dlt_pipelines.exceptions import AuthError, register_secret
from dlt_pipelines.http import Client, Meter, RetryPolicy, Token
from dlt_pipelines.pipeline import SyncRequest
from dlt_pipelines.quota import Quotas

API_HEADERS: Final = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
}
_JWT_SECONDS: Final = 540
_CLOCK_DRIFT_SECONDS: Final = 60
_RENEW_BEFORE_SECONDS: Final = 300


def tokens_of(request: SyncRequest) -> Quotas:
    """The tokens that a request's secret stands for, with what is left of them.

    The secret is one token, several separated by blanks or commas, or, where the source has an
    `app_id`, the App's private key in PEM.
    """
    app_id = request.settings.get("app_id")
    tokens: list[Token]
    if app_id:
        tokens = [_installation(app_id, request)]
    else:
        tokens = [PersonalToken(text) for text in re.split(r"[\s,]+", request.secret) if text]
    return Quotas("github", request.data / "quotas", tokens)


@dataclass(frozen=True)
class PersonalToken:
    """A fine-grained or classic token."""

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        register_secret(self.secret)

    @property
    def identity(self) -> str:
        """A fingerprint that does not tell the token."""
        return _fingerprint(self.secret)

    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.secret}"


@dataclass
class InstallationToken:
    """The token of an App's installation at one owner, renewed before its hour is over."""

    app_id: int
    owner: str
    base_url: str
    secret_name: str
    retry: RetryPolicy
    key: str = field(repr=False)
    _token: str = field(default="", repr=False)
    _expires_at: float = 0.0
    _installation_id: int | None = None

    @property
    def identity(self) -> str:
        """The same for every token of the installation."""
        return _fingerprint(f"app {self.app_id} {self.base_url} {self.owner.lower()}")

    def authorization(self) -> str:
        """The header's value, valid for some minutes more.

        Raises:
            AuthError: the key is wrong, or the App is not installed at the owner.
        """
        if time.time() >= self._expires_at - _RENEW_BEFORE_SECONDS:
            self._renew()
        return f"Bearer {self._token}"

    def _renew(self) -> None:
        meter = Meter("installations")
        headers = {**API_HEADERS, "Authorization": f"Bearer {self._jwt()}"}
        with Client("github", self.base_url, headers, self.secret_name, self.retry) as client:
            if self._installation_id is None:
                self._installation_id = self._find(client, meter)
            path = f"/app/installations/{self._installation_id}/access_tokens"
            made = client.post(meter, path, {}, _AccessToken).data
        register_secret(made.token)
        self._token, self._expires_at = made.token, made.expires_at.timestamp()

    def _find(self, client: Client, meter: Meter) -> int:
        page = client.get(meter, "/app/installations", {"per_page": 100}, list[_Installation])
        while True:
            for installation in page.data:
                if installation.account.get("login", "").lower() == self.owner.lower():
                    return installation.id
            if "next" not in page.links:
                break
            page = client.get(meter, page.links["next"], None, list[_Installation])
        raise AuthError(
            f"github.{self.owner}",
            f"App {self.app_id} is not installed at {self.owner}",
            "one installation per owner",
            "install the App there, and give it the repositories",
            code="not_installed",
        )

    def _jwt(self) -> str:
        now = int(time.time())
        claims = {
            "iat": now - _CLOCK_DRIFT_SECONDS,
            "exp": now + _JWT_SECONDS,
            "iss": str(self.app_id),
        }
        try:
            return jwt.encode(claims, self.key.replace("\\n", "\n"), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise AuthError(
                f"github.{self.owner}",
                f"the private key of App {self.app_id} cannot be read: {type(error).__name__}",
                "a private key in PEM",
                f"set {self.secret_name} to the text of the App's .pem file",
            ) from None


class _AccessToken(msgspec.Struct):
    token: str
    expires_at: datetime


class _Installation(msgspec.Struct):
    id: int
    account: Mapping[str, Any]


def _installation(app_id: int, request: SyncRequest) -> InstallationToken:
    register_secret(request.secret)
    return _installation_of(
        app_id,
        request.owner,
        request.base_url,
        request.secret_name,
        request.retry,
        request.secret,
    )


@lru_cache(maxsize=64)
def _installation_of(
    app_id: int, owner: str, base_url: str, secret_name: str, retry: RetryPolicy, key: str
) -> InstallationToken:
    """One per process: its token serves every container of the owner."""
    return InstallationToken(app_id, owner, base_url, secret_name, retry, key)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
