"""Failures on request: which exchanges fail, how, and how often.

    sandbox.faults.add(Fault(kind="status", provider="github", path="/issues$", status=502))
    sandbox.faults.add(Fault(kind="remove", operation="issues", key="updatedAt"))

The same as JSON over HTTP: `POST /_sandbox/faults`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from threading import Lock
from typing import Any, Literal

import msgspec
from starlette.responses import Response

from include.sandbox.replies import GITHUB_DOCS, error, github_error, notion_error

Kind = Literal[
    "status",
    "rate_limit",
    "secondary_limit",
    "blocked",
    "html",
    "slow",
    "trickle",
    "clock",
    "truncated",
    "dropped",
    "remove",
    "replace",
    "null",
    "duplicate",
    "page_too_large",
    "graphql_error",
]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One failure.

    `status`: an error of that status, with the provider's own body unless `body` is given.
    `rate_limit`: GitHub's primary limit (`status` 403 or 429, reset in `seconds`), Linear's
    RATELIMITED, Notion's 429 with `Retry-After`. `secondary_limit`: GitHub's, with `Retry-After`.
    `blocked`: Notion's 429 that must not be retried. `html`: a page instead of JSON, with `status`.
    `slow`: the true answer after `seconds`. `trickle`: the true answer in `value` pieces (2 unless
    given) over `seconds`. `clock`: the provider's clock is `seconds` ahead of ours, or behind if
    negative: its `Date`, and the resets it tells. `truncated`: half of the true body, properly
    ended. `dropped`: the connection closes in the middle of the body. `remove`, `replace`, `null`:
    one field of one record, `key` being its path ("user.login"), `record` its place on the page and
    `value` what it becomes. `duplicate`: that record once more at the end of the page.
    `page_too_large`: GitHub's 502 for GraphQL queries that ask for more than `value` ids, or items
    of one list. `graphql_error`: `value` among the `errors` beside the data, which is null at the
    error's `path` if it has one.

    `path` is a regular expression searched in the path (without the provider's prefix); `operation`
    equals a GraphQL operation's name or one of its root fields. The fault begins after `after`
    matching exchanges and hits `times` of them; None hits all.
    """

    kind: Kind
    provider: Literal["github", "linear", "notion"] | None = None
    method: str | None = None
    path: str = ""
    operation: str | None = None
    after: int = 0
    times: int | None = 1
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    seconds: float = 1.0
    key: str = ""
    value: Any = None
    record: int = 0

    def matches(
        self, provider: str, method: str, path: str, operations: list[str], page_size: int = 0
    ) -> bool:
        """Whether an exchange is one that this fault is for."""
        return (
            (self.kind != "page_too_large" or page_size > self.value)
            and self.provider in (None, provider)
            and self.method in (None, method)
            and (self.operation is None or self.operation in operations)
            and re.search(self.path, path) is not None
        )

    def answer(self, provider: str) -> Response | None:
        """The response that replaces the true one; None if this fault changes the true one."""
        if self.kind == "status":
            return self._status(provider)
        if self.kind == "rate_limit":
            return self._rate_limit(provider)
        if self.kind == "secondary_limit":
            return github_error(
                self.status or 403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you "
                "try again.",
                docs=f"{GITHUB_DOCS}/overview/rate-limits-for-the-rest-api",
                headers={"retry-after": str(int(self.seconds)), **self.headers},
            )
        if self.kind == "blocked":
            return notion_error(
                429,
                "rate_limited",
                "Public API requests are blocked for this workspace.",
                self.headers,
                {"rate_limit_reason": "public_api_request_blocked"},
            )
        if self.kind == "page_too_large":
            return Response(HTML, self.status or 502, self.headers, media_type="text/html")
        if self.kind == "html":
            return Response(HTML, self.status or 200, self.headers, media_type="text/html")
        return None

    def change(self, provider: str, body: bytes) -> bytes:
        """The true body, damaged."""
        if self.kind == "truncated":
            return body[: len(body) // 2]
        if self.kind not in ("remove", "replace", "null", "duplicate", "graphql_error"):
            return body
        document = msgspec.json.decode(body)
        if self.kind == "graphql_error":
            return msgspec.json.encode(with_error(document, self.value))
        records = records_of(provider, document)
        if self.record >= len(records):
            return body
        if self.kind == "duplicate":
            records.append(records[self.record])
        else:
            self._change_key(records[self.record])
        return msgspec.json.encode(document)

    def pieces(self, body: bytes) -> list[bytes]:
        """The body as it is sent: at once, unless it trickles."""
        if self.kind != "trickle":
            return [body]
        size = -(-len(body) // (self.value or 2)) or 1
        return [body[start : start + size] for start in range(0, len(body), size)] or [b""]

    @property
    def clock_offset(self) -> float:
        """How many seconds the provider's clock is ahead of ours."""
        return self.seconds if self.kind == "clock" else 0.0

    def _change_key(self, record: dict[str, Any]) -> None:
        *parents, name = self.key.split(".")
        for parent in parents:
            record = record[parent]
        if self.kind == "remove":
            record.pop(name, None)
        else:
            record[name] = None if self.kind == "null" else self.value

    def _status(self, provider: str) -> Response:
        status = self.status or 500
        if self.body is None:
            return error(provider, status, f"Scripted failure {status}", headers=self.headers)
        content = self.body if isinstance(self.body, str) else msgspec.json.encode(self.body)
        return Response(content, status, self.headers, media_type="application/json")

    def _rate_limit(self, provider: str) -> Response:
        if provider == "linear":
            reset = str(int((time.time() + self.seconds) * 1_000))
            headers = {
                "x-ratelimit-requests-limit": "2500",
                "x-ratelimit-requests-remaining": "0",
                "x-ratelimit-requests-reset": reset,
            }
            return error(
                "linear", 400, "Rate limit exceeded", "RATELIMITED", headers | self.headers
            )
        if provider == "notion":
            headers = {"retry-after": str(int(self.seconds))}
            message = "You have been rate limited. Please try again in a few minutes."
            return error("notion", 429, message, "rate_limited", headers | self.headers)
        headers = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-used": "5000",
            "x-ratelimit-reset": str(int(time.time() + self.seconds)),
            "x-ratelimit-resource": "core",
        }
        message = "API rate limit exceeded for user ID 1."
        return error("github", self.status or 403, message, headers=headers | self.headers)


class Faults:
    """The faults that are waiting. Those added first hit first, each as often as it says."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._seen: dict[int, int] = {}

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def add(self, fault: Fault) -> Fault:
        """Arm a fault."""
        with self._lock:
            self._faults.append(fault)
            self._seen[id(fault)] = 0
        return fault

    def clear(self) -> None:
        """Disarm all of them."""
        with self._lock:
            self._faults.clear()
            self._seen.clear()

    def take(
        self, provider: str, method: str, path: str, operations: list[str], page_size: int = 0
    ) -> Fault | None:
        """The fault that hits this exchange, if any; later faults do not see that exchange."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(provider, method, path, operations, page_size):
                    self._seen[id(fault)] += 1
                    hits = self._seen[id(fault)] - fault.after
                    if hits > 0 and (fault.times is None or hits <= fault.times):
                        return fault
        return None


def records_of(provider: str, document: Any) -> list[Any]:
    """The records in a body: a listing's rows, or the one object itself."""
    if isinstance(document, list):
        return document
    if provider == "notion" and document.get("object") == "list":
        return list_of(document["results"])
    if provider == "linear":
        for value in (document.get("data") or {}).values():
            if isinstance(value, dict) and "nodes" in value:
                return list_of(value["nodes"])
            return [value]
        return []
    if provider == "github" and {"data", "errors"} & set(document) and "message" not in document:
        return nodes_below(document.get("data"))
    return [document]


def nodes_below(data: Any) -> list[Any]:
    """The first list of nodes in a GraphQL answer; the outer ones come first."""
    waiting = [data]
    for value in waiting:
        if isinstance(value, dict):
            if isinstance(value.get("nodes"), list):
                return list_of(value["nodes"])
            waiting += value.values()
    return []


def with_error(document: Any, error: Any) -> Any:
    """A GraphQL answer with one more error, and null at its path."""
    if not isinstance(document, dict):
        return document
    path: list[Any] = error.get("path") or []
    place: Any = document.get("data")
    for name in path[:-1]:
        place = place[name] if is_at(place, name) else None
    if path and is_at(place, path[-1]):
        place[path[-1]] = None
    return document | {"errors": [*document.get("errors", []), error]}


def is_at(place: Any, name: Any) -> bool:
    """Whether a value has something by that name or index."""
    if isinstance(place, dict):
        return name in place
    return isinstance(place, list) and isinstance(name, int) and name < len(place)


def list_of(value: Any) -> list[Any]:
    """A value that is a list by the provider's contract."""
    return value if isinstance(value, list) else []


HTML = "<!DOCTYPE html>\n<html><head><title>Unicorn!</title></head><body>Try again.</body></html>\n"
