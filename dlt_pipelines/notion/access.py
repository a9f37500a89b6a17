"""How Notion is asked: its version, its one token, and no faster than its limit allows.

https://developers.notion.com/reference/request-limits: 180 requests a minute for each connection,
on average; bursts are allowed. Several containers and processes share them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

import httpx

from dlt_pipelines.http import Client
from dlt_pipelines.pipeline import SyncRequest
from dlt_pipelines.quota import Quotas

API_VERSION: Final = "2025-09-03"
REQUESTS_PER_MINUTE: Final = 180
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class IntegrationToken:
    """The secret of an internal integration."""

    secret: str = field(repr=False)

    @property
    def identity(self) -> str:
        """A fingerprint that does not tell the token."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:16]

    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.secret}"


def open_client(request: SyncRequest) -> Client:
    """A client for one workspace; a server on this machine is not spared unless told so."""
    limit = request.settings.get("requests_per_minute")
    if limit is None and httpx.URL(request.base_url).host not in _THIS_MACHINE:
        limit = REQUESTS_PER_MINUTE
    token = IntegrationToken(request.secret)
    tokens = None
    if limit:
        tokens = Quotas("notion", request.data / "quotas", [token], per_minute={"core": limit})
    headers = {"Notion-Version": request.settings.get("api_version") or API_VERSION}
    if tokens is None:
        headers["Authorization"] = token.authorization()
    return Client("notion", request.base_url, headers, request.secret_name, request.retry, tokens)
