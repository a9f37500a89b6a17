"""What an endpoint of GitHub's REST API answers, before pages, headers and ETags are made of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.sandbox.replies import github_error


class RefusedError(Exception):
    """A request that ends in an error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True)
class Rows:
    """A listing to be cut into pages, of `per_page` rows where GitHub has a size of its own."""

    rows: list[bytes]
    per_page: int | None = None


@dataclass(frozen=True)
class Paged:
    """An object one of whose fields is a listing: `/compare` and its commits."""

    summary: dict[str, Any]
    field: str
    rows: Rows


Answer = Rows | Paged | dict[str, Any] | bytes | Response
Endpoint = Callable[[Request], Answer]


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer …`, `token …` or, as the password, `Basic …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return basic_password(token)
    return token.strip() if scheme.lower() in ("bearer", "token") else ""


def basic_password(credentials: str) -> str:
    """The password of basic authentication; empty if it cannot be read."""
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        return ""
    return text.partition(":")[2]


def not_found_response() -> Response:
    """GitHub's 404, also for what a token may not see."""
    return github_error(404, "Not Found")
