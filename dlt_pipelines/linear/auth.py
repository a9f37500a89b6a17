"""Linear's credentials: a personal key, an OAuth access token, or an application's refresh token.

An access token lives a day. Where the source has a `client_id`, its secret is the first refresh
token; each can be used once and brings the next one along with an access token. The newest pair is
kept in a file below the data folder that only its owner may read, under a lock, so that containers
that are read in parallel share one renewal. It is on disk before the access token is used: a
process that dies in between loses nothing.

https://linear.app/developers/oauth-2-0-authentication
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock

from dlt_pipelines.exceptions import AuthError, PermanentError, register_secret
from dlt_pipelines.http import Client, Meter, RetryPolicy, Token
from dlt_pipelines.pipeline import SyncRequest
from dlt_pipelines.quota import LINEAR_BUDGETS, Quotas

_RENEW_BEFORE_SECONDS: Final = 300
_PERSONAL_KEY: Final = "lin_api_"


def tokens_of(request: SyncRequest) -> Quotas:
    """The token that a request's secret stands for, with what is left of it."""
    client_id = str(request.settings.get("client_id") or "")
    token: Token
    if client_id and request.client_secret:
        register_secret(request.client_secret)
        token = RenewedToken(
            client_id,
            request.base_url,
            request.secret_name,
            request.retry,
            request.data / "credentials",
            request.secret,
            request.client_secret,
        )
    else:
        token = GivenToken(request.secret)
    return Quotas("linear", request.data / "quotas", [token], budgets=LINEAR_BUDGETS)


@dataclass(frozen=True)
class GivenToken:
    """A personal key, or an access token that somebody else renews."""

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        register_secret(self.secret)

    @property
    def identity(self) -> str:
        """A fingerprint that does not tell the token."""
        return _fingerprint(self.secret)

    def authorization(self) -> str:
        """The header's value: a personal key goes bare, an access token needs the scheme."""
        is_oauth = self.secret.startswith("lin_oauth_")
        return f"Bearer {self.secret}" if is_oauth else self.secret


class _Pair(msgspec.Struct):
    """The newest tokens, as they are on disk."""

    refresh_token: str
    access_token: str = ""
    expires_at: float = 0.0


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str


@dataclass(frozen=True)
class RenewedToken:
    """An application's access token, renewed before its day is over or when it is refused."""

    client_id: str
    base_url: str
    secret_name: str
    retry: RetryPolicy
    folder: Path
    given: str = field(repr=False)
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        register_secret(self.given)

    @property
    def identity(self) -> str:
        """The same for every token of the application's grant."""
        return _fingerprint(f"{self.client_id} {self.base_url} {self.given}")

    def authorization(self) -> str:
        """The header's value, valid for some minutes more.

        Raises:
            AuthError: the refresh token is not valid, or was used by somebody else.
        """
        return f"Bearer {self._valid(refused='')}"

    def renew(self, refused: str) -> None:
        """Get another access token, unless another process has already got one.

        Raises:
            AuthError: as above.
        """
        self._valid(refused.removeprefix("Bearer "))

    def _valid(self, refused: str) -> str:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"linear-{self.identity}.json"
        with FileLock(path.with_suffix(".lock")):
            pair = self._read(path)
            is_expired = time.time() >= pair.expires_at - _RENEW_BEFORE_SECONDS
            if is_expired or pair.access_token == refused:
                pair = self._renewed(pair)
                _write_durably(path, msgspec.json.encode(pair))
        register_secret(pair.access_token)
        return pair.access_token

    def _read(self, path: Path) -> _Pair:
        """The newest pair, or the refresh token that was given where there is none yet."""
        try:
            pair = msgspec.json.decode(path.read_bytes(), type=_Pair)
        except FileNotFoundError:
            return _Pair(self.given)
        except msgspec.MsgspecError as error:
            raise AuthError(
                "linear.oauth",
                f"the file {path.name} of the newest refresh token cannot be read: {error}",
                "what was written there",
                f"remove it, authorise the application again and set {self.secret_name}",
            ) from None
        register_secret(pair.refresh_token)
        return pair

    def _renewed(self, pair: _Pair) -> _Pair:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": pair.refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        granted = self._ask(fields)
        register_secret(granted.refresh_token)
        register_secret(granted.access_token)
        expires_at = time.time() + granted.expires_in
        return _Pair(granted.refresh_token, granted.access_token, expires_at)

    def _ask(self, fields: Mapping[str, str]) -> _Granted:
        meter = Meter("oauth")
        try:
            with Client("linear", self.base_url, {}, self.secret_name, self.retry) as client:
                return client.post_form(meter, "/oauth/token", fields, _Granted).data
        except (PermanentError, AuthError) as error:
            raise AuthError(
                "linear.oauth",
                f"the refresh token was refused: {error}",
                "the newest one, not used before",
                f"authorise the application again, set {self.secret_name} to its new refresh token",
            ) from None


def _write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that after a crash it is whole, old or new, and nobody else can read it."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
