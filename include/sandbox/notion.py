"""Notion's REST API over a workspace.

Follows https://developers.notion.com for versions 2025-09-03 and 2026-03-11 (which drops
`archived` and renames `transcription`). What is in trash can be retrieved but is not found, listed
or returned by queries that do not ask for it; what is not shared is nowhere. File URLs are signed
anew at every read, and pages show at most 25 references of a property.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox import notion_blocks, notion_pages, notion_queries
from include.sandbox.collection import Json
from include.sandbox.limits import Limits, TokenBucket
from include.sandbox.notion_requests import (
    Call,
    InvalidRequestError,
    NotFoundError,
    read_body,
)
from include.sandbox.replies import json_response, notion_error
from include.sandbox.workspace import Workspace

VERSIONS = ("2025-09-03", "2026-03-11")

Endpoint = Callable[[Call], Json]


def users(call: Call) -> Json:
    """`GET /v1/users`: everybody, guests left out."""
    rows = call.store.users.decoded()
    return call.listing(list(rows), rows.get, "user")


def user(call: Call) -> Json:
    """`GET /v1/users/{id}`."""
    return call.shown(call.find("users"))


def me(call: Call) -> Json:
    """`GET /v1/users/me`: the integration's own bot."""
    for row in call.store.users.decoded().values():
        if row["type"] == "bot":
            return dict(row)
    raise NotFoundError("Could not find user of this token.")


GET: dict[str, Endpoint] = {
    "/v1/users": users,
    "/v1/users/me": me,
    "/v1/users/{id}": user,
    "/v1/data_sources/{id}": notion_pages.data_source,
    "/v1/databases/{id}": notion_pages.database,
    "/v1/pages/{id}": notion_pages.page,
    "/v1/pages/{id}/properties/{property_id}": notion_pages.page_property,
    "/v1/pages/{id}/markdown": notion_blocks.markdown,
    "/v1/blocks/{id}": notion_blocks.block,
    "/v1/blocks/{id}/children": notion_blocks.children,
    "/v1/comments": notion_blocks.comments,
}
POST: dict[str, Endpoint] = {
    "/v1/search": notion_queries.search,
    "/v1/data_sources/{id}/query": notion_queries.query,
}


class Notion:
    """The endpoints, and how often each token has used them."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._buckets: dict[str, TokenBucket] = {}

    def routes(self) -> list[BaseRoute]:
        """Every route served; anything else is an invalid request URL."""
        return [
            *(Route(path, self._served(call), methods=["GET"]) for path, call in GET.items()),
            *(Route(path, self._served(call), methods=["POST"]) for path, call in POST.items()),
            Route("/{path:path}", invalid_url, methods=["GET", "POST", "PATCH", "DELETE"]),
        ]

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            refused = self._refusal(request)
            if refused is not None:
                return refused
            try:
                answer = endpoint(await self._call(request))
            except InvalidRequestError as error:
                return notion_error(400, "validation_error", str(error))
            except NotFoundError as error:
                return notion_error(404, "object_not_found", str(error))
            answer["request_id"] = str(uuid.uuid4())
            return json_response(answer, headers={"x-notion-request-id": answer["request_id"]})

        return serve

    async def _call(self, request: Request) -> Call:
        return Call(
            store=self._workspace.notion,
            limits=self._limits,
            version=request.headers["notion-version"],
            path=request.url.path.removeprefix("/notion"),
            names=request.path_params,
            query=request.query_params,
            body=read_body(await request.body()),
        )

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self._workspace.tokens:
            return notion_error(401, "unauthorized", "API token is invalid.")
        version = request.headers.get("notion-version")
        if version not in VERSIONS:
            shown = f'"{version}"' if version else "undefined"
            return notion_error(
                400,
                "validation_error" if version else "missing_version",
                "Notion-Version header failed validation: Notion-Version header should be "
                f"{' or '.join(VERSIONS)}, instead was `{shown}`.",
            )
        limit = self._limits.notion_requests_per_minute
        if limit is not None:
            burst = self._limits.notion_burst or limit
            wait = self._buckets.setdefault(token, TokenBucket(limit, burst)).spend()
            if wait:
                retry = {"retry-after": str(math.ceil(wait))}
                return notion_error(429, "rate_limited", "Rate limited.", retry)
        return None


async def invalid_url(request: Request) -> Response:
    """Notion's answer to a path or method that it does not have."""
    return notion_error(400, "invalid_request_url", "Invalid request URL.")
