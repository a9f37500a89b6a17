"""Notion's REST API over a workspace.

Follows https://developers.notion.com for versions 2025-09-03 and 2026-03-11 (which drops
`archived`). What is in trash can be retrieved but is not found, listed or returned by queries that
do not ask for it. File URLs are signed anew at every read, and pages show at most 25 references
of a property.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox.collection import Collection, Json
from include.sandbox.limits import Budget, Limits
from include.sandbox.notion_objects import property_item, property_items, to_version
from include.sandbox.notion_queries import (
    InvalidRequestError,
    fulfils,
    order_by,
    read_body,
    read_page_size,
    search_title,
)
from include.sandbox.replies import json_response, notion_error
from include.sandbox.workspace import NotionStore, Workspace

VERSIONS = ("2025-09-03", "2026-03-11")
LISTED_PROPERTIES = ("title", "rich_text", "relation", "people")

Endpoint = Callable[[Request, Json], Json]


class NotFoundError(Exception):
    """An object that is not there, or not shared with the integration."""


class Notion:
    """The endpoints, and how often each token has used them."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._budgets: dict[str, Budget] = {}

    @property
    def _store(self) -> NotionStore:
        return self._workspace.notion

    def routes(self) -> list[BaseRoute]:
        """Every route served; anything else is an invalid request URL."""
        reads: dict[str, Endpoint] = {
            "/v1/users": self._users,
            "/v1/users/me": self._me,
            "/v1/users/{id}": self._object("users"),
            "/v1/data_sources/{id}": self._object("data_sources"),
            "/v1/databases/{id}": self._object("databases"),
            "/v1/pages/{id}": self._object("pages"),
            "/v1/pages/{id}/properties/{property_id}": self._property,
            "/v1/blocks/{id}": self._object("blocks"),
            "/v1/blocks/{id}/children": self._children,
            "/v1/comments": self._comments,
        }
        posts: dict[str, Endpoint] = {
            "/v1/search": self._search,
            "/v1/data_sources/{id}/query": self._query,
        }
        return [
            *(
                Route(path, self._served(endpoint), methods=["GET"])
                for path, endpoint in reads.items()
            ),
            *(
                Route(path, self._served(endpoint), methods=["POST"])
                for path, endpoint in posts.items()
            ),
            Route("/{path:path}", invalid_url, methods=["GET", "POST", "PATCH", "DELETE"]),
        ]

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            refused = self._refusal(request)
            if refused is not None:
                return refused
            try:
                answer = endpoint(request, read_body(await request.body()))
            except InvalidRequestError as error:
                return notion_error(400, "validation_error", str(error))
            except NotFoundError as error:
                return notion_error(404, "object_not_found", str(error))
            answer["request_id"] = str(uuid.uuid4())
            return json_response(answer, headers={"x-notion-request-id": answer["request_id"]})

        return serve

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
            budget = self._budgets.setdefault(token, Budget(limit, window_seconds=60))
            if not budget.spend():
                return notion_error(429, "rate_limited", "Rate limited.", {"retry-after": "60"})
        return None

    def _object(self, kind: str) -> Endpoint:
        def serve(request: Request, body: Json) -> Json:
            return shown(self._find(kind, request.path_params["id"]), request)

        return serve

    def _find(self, kind: str, object_id: str) -> Json:
        """The object with an id, with or without dashes."""
        found = self._store.collection(kind).decoded().get(to_id(object_id))
        if found is None:
            raise not_shared(kind.removesuffix("s").replace("_", " "), object_id)
        return found

    def _users(self, request: Request, body: Json) -> Json:
        return self._page(request, list(self._store.users.decoded().values()), "user")

    def _me(self, request: Request, body: Json) -> Json:
        for user in self._store.users.decoded().values():
            if user["type"] == "bot":
                return dict(user)
        raise NotFoundError("Could not find user of this token.")

    def _children(self, request: Request, body: Json) -> Json:
        block_id = to_id(request.path_params["id"])
        if block_id not in self._store.blocks and block_id not in self._store.pages:
            raise not_shared("block", block_id)
        rows = by_parent(self._store.blocks).get(block_id, [])
        return self._page(request, [row for row in rows if not row.get("in_trash")], "block")

    def _comments(self, request: Request, body: Json) -> Json:
        if "block_id" not in request.query_params:
            raise InvalidRequestError(
                "query failed validation: query.block_id should be defined, instead was "
                "`undefined`."
            )
        block_id = to_id(request.query_params["block_id"], "query.block_id")
        if block_id not in self._store.blocks and block_id not in self._store.pages:
            raise not_shared("block", block_id)
        return self._page(request, by_parent(self._store.comments).get(block_id, []), "comment")

    def _property(self, request: Request, body: Json) -> Json:
        page = self._find("pages", request.path_params["id"])
        property_id = request.path_params["property_id"]
        for value in page["properties"].values():
            if unquote(value["id"]) != unquote(property_id):
                continue
            if value["type"] not in LISTED_PROPERTIES:
                return shown(property_item(value), request)
            listed = self._page(request, property_items(value), "property_item")
            listed["property_item"] = {
                "id": property_id,
                "next_url": None,
                "type": value["type"],
                value["type"]: {},
            }
            return listed
        raise NotFoundError(f"Could not find property with name or id: {property_id}")

    def _search(self, request: Request, body: Json) -> Json:
        search_keys = {"query", "sort", "filter", "start_cursor", "page_size"}
        refuse_unknown(body, search_keys)
        wanted = body.get("filter", {})
        kinds = {"page": "pages", "data_source": "data_sources"}
        if wanted and (wanted.get("property") != "object" or wanted.get("value") not in kinds):
            raise InvalidRequestError(
                "body failed validation: body.filter should be "
                '{"property": "object", "value": "page" or "data_source"}.'
            )
        chosen = [kinds[wanted["value"]]] if wanted else list(kinds.values())
        text = str(body.get("query", "")).lower()
        rows = [
            row
            for kind in chosen
            for row in self._store.collection(kind).decoded().values()
            if not row.get("in_trash") and (not text or text in search_title(row).lower())
        ]
        sort = body.get("sort") or {"timestamp": "last_edited_time", "direction": "descending"}
        return self._capped_page(request, order_by(rows, [sort]), body)

    def _query(self, request: Request, body: Json) -> Json:
        refuse_unknown(
            body,
            {"filter", "sorts", "start_cursor", "page_size", "in_trash", "archived", "result_type"},
        )
        source = self._find("data_sources", request.path_params["id"])
        in_trash = bool(body.get("in_trash", body.get("archived", False)))
        rows = [
            row
            for row in by_parent(self._store.pages).get(source["id"], [])
            if bool(row.get("in_trash")) == in_trash and fulfils(row, body.get("filter"))
        ]
        return self._capped_page(request, order_by(rows, body.get("sorts", [])), body)

    def _capped_page(self, request: Request, rows: list[Json], body: Json) -> Json:
        """A page of a query, which ends silently at Notion's maximum but for `request_status`."""
        cap = self._limits.notion_results_per_query
        answer = self._page(request, rows[:cap], "page_or_data_source", body)
        if not answer["has_more"]:
            answer["request_status"] = {"type": "complete"}
            if len(rows) > cap:
                answer["request_status"] = {
                    "type": "incomplete",
                    "incomplete_reason": "query_result_limit_reached",
                }
        return answer

    def _page(
        self, request: Request, rows: list[Json], list_type: str, body: Json | None = None
    ) -> Json:
        """One page of rows. A cursor is the id of the first row of the page it begins."""
        parameters: Any = request.query_params if body is None else body
        where = "query" if body is None else "body"
        size = read_page_size(parameters.get("page_size"), where)
        cursor = parameters.get("start_cursor")
        keys = [str(row.get("id", index)) for index, row in enumerate(rows)]
        if list_type == "property_item":
            keys = [
                str(uuid.uuid5(uuid.NAMESPACE_URL, f"{request.url.path}/{n}"))
                for n in range(len(rows))
            ]
        if cursor is not None and cursor not in keys:
            raise InvalidRequestError(f"The start_cursor provided is invalid: {cursor}")
        start = keys.index(cursor) if cursor is not None else 0
        end = start + size
        return {
            "object": "list",
            "results": [shown(row, request) for row in rows[start:end]],
            "next_cursor": keys[end] if end < len(rows) else None,
            "has_more": end < len(rows),
            "type": list_type,
            list_type: {},
        }


def shown(row: Json, request: Request) -> Json:
    """An object as the version asked for has it."""
    return to_version(row, request.headers["notion-version"])


def not_shared(kind: str, object_id: str) -> NotFoundError:
    """The error for an object that is not there, or not for this integration."""
    return NotFoundError(
        f"Could not find {kind} with ID: {object_id}. Make sure the relevant pages and databases "
        "are shared with your integration."
    )


def refuse_unknown(body: Json, known: set[str]) -> None:
    """Refuse fields of a body that Notion does not have."""
    for name in body:
        if name not in known:
            raise InvalidRequestError(
                f"body failed validation: body.{name} should be not present, instead was "
                f"`{msgspec.json.encode(body[name]).decode()}`."
            )


def to_id(text: str, where: str = "path.id") -> str:
    """A UUID with dashes.

    Raises:
        InvalidRequestError: it is no UUID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise InvalidRequestError(
            f'path failed validation: {where} should be a valid uuid, instead was `"{text}"`.'
        ) from error


def by_parent(collection: Collection) -> dict[str, list[Json]]:
    """Objects by the id of the page, block or data source that holds them."""

    def build() -> dict[str, list[Json]]:
        groups: dict[str, list[Json]] = {}
        for row in collection.decoded().values():
            parent = row["parent"]
            groups.setdefault(str(parent.get(parent["type"])), []).append(row)
        return groups

    return collection.derived("by parent", build)


async def invalid_url(request: Request) -> Response:
    """Notion's answer to a path or method that it does not have."""
    return notion_error(400, "invalid_request_url", "Invalid request URL.")
