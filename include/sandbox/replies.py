"""Responses in the form each provider gives them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

JSON_UTF8 = "application/json; charset=utf-8"
GITHUB_DOCS = "https://docs.github.com/rest"


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A value as JSON; bytes are JSON already."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(content, status, headers, media_type=JSON_UTF8)


def error(
    provider: str,
    status: int,
    message: str,
    code: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error of any provider, for callers that do not know which."""
    if provider == "github":
        return github_error(status, message, headers=headers)
    if provider == "linear":
        return linear_error(
            status, message, code or LINEAR_CODES.get(status, "INTERNAL_SERVER_ERROR"), headers
        )
    return notion_error(
        status, code or NOTION_CODES.get(status, "internal_server_error"), message, headers
    )


def github_error(
    status: int,
    message: str,
    *,
    docs: str = "",
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """GitHub's error object."""
    body: dict[str, Any] = {"message": message}
    if errors is not None:
        body["errors"] = errors
    body |= {"documentation_url": docs or GITHUB_DOCS, "status": str(status)}
    return json_response(body, status, headers)


LINEAR_CODES = {
    400: "INPUT_ERROR",
    401: "AUTHENTICATION_ERROR",
    403: "FORBIDDEN",
    429: "RATELIMITED",
}
LINEAR_TYPES = {
    "AUTHENTICATION_ERROR": "authentication error",
    "FORBIDDEN": "forbidden",
    "RATELIMITED": "ratelimited",
    "INPUT_ERROR": "invalid input",
    "GRAPHQL_VALIDATION_FAILED": "graphql error",
    "INTERNAL_SERVER_ERROR": "internal error",
}


def linear_error(
    status: int, message: str, code: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Linear's GraphQL error without data."""
    return json_response({"errors": [linear_error_object(status, message, code)]}, status, headers)


def linear_error_object(status: int, message: str, code: str) -> dict[str, Any]:
    """One entry of `errors` as Linear writes it."""
    return {
        "message": message,
        "extensions": {
            "type": LINEAR_TYPES.get(code, "internal error"),
            "code": code,
            "statusCode": status,
            "userError": status < 500,
            "userPresentableMessage": message,
        },
    }


NOTION_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "restricted_resource",
    404: "object_not_found",
    409: "conflict_error",
    429: "rate_limited",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "service_overload",
}


def notion_error(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    additional_data: Mapping[str, Any] | None = None,
) -> Response:
    """Notion's error object."""
    body: dict[str, Any] = {"object": "error", "status": status, "code": code, "message": message}
    if additional_data is not None:
        body["additional_data"] = additional_data
    request_id = str(uuid.uuid4())
    body["request_id"] = request_id
    return json_response(body, status, {"x-notion-request-id": request_id, **(headers or {})})
