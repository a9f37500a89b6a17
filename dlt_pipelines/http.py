"""The one HTTP client: auth, timeout, retry, limits, and the one place where errors are classified.

Every source reads through `Client`. A request is tried again only where trying again can help:

- transient (5xx, timeouts, dropped or malformed bodies): exponential backoff with jitter;
- rate limits (GitHub 403/429, Linear 400 RATELIMITED, Notion 429/529): exactly as long as the
  provider says (`Retry-After` or its reset header); where quotas are shared (`quota.py`), before
  the provider has to say so;
- permanent (404, 422, GraphQL errors) and auth (401) errors are raised at once.

Nothing raised here carries a secret: texts pass through `redact`.

Sources: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
https://linear.app/developers/rate-limiting, https://developers.notion.com/reference/request-limits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar, runtime_checkable

import httpx
import msgspec
import stamina

from dlt_pipelines.exceptions import (
    AuthError,
    HeadwaterError,
    HiddenError,
    NotFoundError,
    PermanentError,
    TransientError,
    redact,
)

T = TypeVar("T")

USER_AGENT: Final = "headwater/0.1"

_EXPIRY_HEADER: Final = "github-authentication-token-expiration"


def log_no_addresses() -> None:
    """Keep what httpx asks and is answered out of logs: addresses and headers may hold tokens.

    A redirect to an archive has one in its query, which nobody could have registered.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(slots=True)
class Meter:
    """What reading one resource cost; waits in seconds, sizes in bytes.

    `requests_not_modified` were answered 304 and cost no quota; `requests_saved` were not sent,
    because what would have led to them had not changed. `complexity` is what Linear counted for the
    last query; `token_expiries` are in GitHub's words, by the token's identity. `clock_offset` is
    how far the provider's clock was ahead of ours, by the answer that took the shortest.
    """

    resource: str
    requests_made: int = 0
    requests_not_modified: int = 0
    bytes_received: int = 0
    rate_limit_remaining: int | None = None
    rate_limit_wait_seconds: float = 0.0
    requests_saved: int = 0
    complexity: int | None = None
    token_expiries: dict[str, str] = field(default_factory=dict)
    clock_offset: timedelta | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to insist; all times in seconds."""

    attempts: int = 6
    wait_initial: float = 0.5
    wait_max: float = 30.0
    wait_jitter: float = 1.0
    rate_limit_wait_max: float = 3_700.0
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One decoded response; `date` is the server's clock."""

    data: T
    links: Mapping[str, str]
    date: datetime


class Token(Protocol):
    """One credential; `identity` names it without telling it."""

    @property
    def identity(self) -> str:
        """The same for the same credential, always."""

    def authorization(self) -> str:
        """The `Authorization` header, valid now."""


@runtime_checkable
class RenewableToken(Token, Protocol):
    """A credential that ends early and can be renewed."""

    def renew(self, refused: str) -> None:
        """Get another one than the `Authorization` that was refused.

        Raises:
            AuthError: there is none to be had.
        """


class Tokens(Protocol):
    """Several credentials for the same data, each with its own quota."""

    def choose(self, resource: str, preferred: str | None) -> Token:
        """The one to ask with; the preferred identity's where that may still ask.

        Raises:
            TransientError: none may ask before `retry_after`.
        """

    def observe(self, token: Token, resource: str, response: httpx.Response) -> None:
        """Learn from a response what the token has left."""


Validators = MutableMapping[str, str]
# One entry of `errors` in a GraphQL answer.
GraphQLProblem = Mapping[str, Any]


@dataclass
class Client:
    """A connection-pooling client for one provider.

    `secret_name` is the name that an auth error tells the operator to set. Where there are
    `tokens`, they authorise each request; else `headers` do.
    """

    source: str
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    secret_name: str
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tokens: Tokens | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # How far the provider's clock is ahead of ours, by its last answer.
        self.clock_offset = timedelta()
        log_no_addresses()
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", **self.headers},
            timeout=httpx.Timeout(self.retry.timeout, connect=min(10.0, self.retry.timeout)),
            follow_redirects=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._http.close()

    @property
    def now(self) -> datetime:
        """The provider's time: how long ago it says that something changed is told by no other."""
        return datetime.now(UTC) + self.clock_offset

    def get(
        self, meter: Meter, path: str, params: Mapping[str, str | int] | None, shape: type[T]
    ) -> Page[T]:
        """GET a path or an absolute URL (a `Link`) and decode its body as `shape`.

        Raises:
            TransientError: still failing after every attempt.
            NotFoundError, PermanentError, AuthError: at once.
        """
        page = self._send(meter, "GET", path, _decoder(shape), params=params)
        if page is None:
            raise _unexpected_304(self.source, meter, path)
        return page

    def relative(self, url: str) -> str:
        """A link of the provider as a path below the base URL, which may differ next time."""
        target = httpx.URL(url).raw_path.decode()
        return target.removeprefix(httpx.URL(self.base_url).raw_path.decode().rstrip("/"))

    def get_if_changed(
        self,
        meter: Meter,
        path: str,
        params: Mapping[str, str | int] | None,
        shape: type[T],
        validators: Validators,
    ) -> Page[T] | None:
        """Like `get`, but None where the answer is the one whose ETag `validators` holds.

        ETags depend on who asks, so they are kept by token and URL; the new one is stored.
        """
        return self._send(meter, "GET", path, _decoder(shape), validators=validators, params=params)

    def find(self, meter: Meter, path: str, shape: type[T]) -> tuple[T | None, int]:
        """What a path leads to now, redirects followed (None if 404 or 410), and its status."""
        try:
            return self.get(meter, path, None, shape).data, 200
        except NotFoundError as error:
            return None, error.status

    def post(self, meter: Meter, path: str, body: Mapping[str, Any], shape: type[T]) -> Page[T]:
        """POST a JSON body and decode the answer as `shape`; raises like `get`."""
        page = self._send(meter, "POST", path, _decoder(shape), json=body)
        if page is None:
            raise _unexpected_304(self.source, meter, path)
        return page

    def graphql(
        self,
        meter: Meter,
        path: str,
        query: str,
        variables: Mapping[str, Any],
        shape: type[T],
        *,
        operation: str | None = None,
        attempts: int | None = None,
        accept_missing: bool = False,
        accept: Callable[[GraphQLProblem], bool] | None = None,
    ) -> T:
        """Run one GraphQL operation; `errors` beside `data` are never a partial success.

        Args:
            operation: which of several in `query`.
            attempts: instead of the policy's, where the caller can ask for less and try again.
            accept_missing: objects that do not exist (NOT_FOUND) are null in `data`.
            accept: which errors need not be raised, since the caller minds the null in `data`.
        """

        def decode(response: httpx.Response) -> T:
            answer = msgspec.json.decode(response.content, type=_GraphQL)
            errors = answer.errors or []
            if accept_missing and all(error.get("type") == "NOT_FOUND" for error in errors):
                errors = []
            if accept:
                errors = [error for error in errors if not accept(error)]
            if errors or bytes(answer.data) == b"null":
                raise _graphql_error(f"{self.source}.{meter.resource}", errors, response)
            return msgspec.json.decode(answer.data, type=shape)

        body = {"query": query, "variables": variables}
        if operation:
            body["operationName"] = operation
        page = self._send(meter, "POST", path, decode, attempts=attempts, json=body)
        if page is None:
            raise _unexpected_304(self.source, meter, path)
        return page.data

    def post_form(
        self, meter: Meter, path: str, fields: Mapping[str, str], shape: type[T]
    ) -> Page[T]:
        """POST a form and decode the JSON answer as `shape`; raises like `get`."""
        page = self._send(meter, "POST", path, _decoder(shape), data=fields)
        if page is None:
            raise _unexpected_304(self.source, meter, path)
        return page

    @contextmanager
    def stream(self, meter: Meter, path: str) -> Iterator[Iterator[bytes]]:
        """The body of a GET as it arrives; redirects to another host are followed without token.

        Raises:
            TransientError: also in the middle of the body, which then has to be asked for again.
            NotFoundError, PermanentError, AuthError: at once.
        """
        where = f"{self.source}.{meter.resource}"
        meter.requests_made += 1
        token = self.tokens.choose("core", None) if self.tokens else None
        headers = {"Authorization": token.authorization()} if token else {}
        try:
            with self._http.stream("GET", path, headers=headers) as response:
                first = (response.history or [response])[0]
                if token and self.tokens:
                    self.tokens.observe(token, "core", first)
                if response.status_code >= 400:
                    response.read()
                if (failure := classify(response, where, self.secret_name)) is not None:
                    raise failure
                yield response.iter_bytes()
                meter.bytes_received += response.num_bytes_downloaded
        except httpx.RequestError as error:
            raise _no_answer(where, "GET", path, error) from None

    def _send(
        self,
        meter: Meter,
        method: str,
        path: str,
        decode: Callable[[httpx.Response], T],
        *,
        validators: Validators | None = None,
        attempts: int | None = None,
        **request: Any,
    ) -> Page[T] | None:
        waits: list[float] = []
        retries = stamina.retry_context(
            on=self._backoff(waits, attempts),
            attempts=self.retry.attempts,
            timeout=None,
            wait_initial=self.retry.wait_initial,
            wait_max=self.retry.wait_max,
            wait_jitter=self.retry.wait_jitter,
        )
        for attempt in retries:
            meter.rate_limit_wait_seconds += sum(waits)  # Sat out just now.
            waits.clear()
            with attempt:
                page = self._send_once(meter, method, path, decode, validators, **request)
        return page

    def _send_once(
        self,
        meter: Meter,
        method: str,
        path: str,
        decode: Callable[[httpx.Response], T],
        validators: Validators | None,
        **request: Any,
    ) -> Page[T] | None:
        where = f"{self.source}.{meter.resource}"
        message = self._http.build_request(method, path, **request)
        key, token = self._authorise(message, validators)
        response = self._exchange(meter, message, token)
        if isinstance(token, RenewableToken) and _is_unauthorized(response):
            token.renew(message.headers["Authorization"])
            message.headers["Authorization"] = token.authorization()
            response = self._exchange(meter, message, token)
        if response.status_code == 304:
            meter.requests_not_modified += 1
            return None
        if (failure := classify(response, where, self.secret_name)) is not None:
            raise failure
        try:
            data = decode(response)
        except (msgspec.MsgspecError, UnicodeDecodeError) as reason:
            raise TransientError(
                where,
                f"{method} {path} answered {response.status_code} with a body that is not the"
                f" documented JSON ({_excerpt(response)}): {reason}",
                "complete JSON in the documented shape",
                "run again; if it persists check base_url and any proxy",
                code="malformed_response",
            ) from None
        if validators is not None and (etag := response.headers.get("etag")):
            validators[key] = etag
        links = {rel: link["url"] for rel, link in response.links.items() if rel and "url" in link}
        return Page(data, links, server_time(response))

    def _exchange(
        self, meter: Meter, message: httpx.Request, token: Token | None
    ) -> httpx.Response:
        meter.requests_made += 1
        try:
            response = self._http.send(message)
        except httpx.RequestError as error:
            where = f"{self.source}.{meter.resource}"
            raise _no_answer(where, message.method, message.url.path, error) from None
        self.clock_offset = server_time(response) - datetime.now(UTC)
        meter.clock_offset = max(meter.clock_offset or self.clock_offset, self.clock_offset)
        meter.bytes_received += response.num_bytes_downloaded
        meter.rate_limit_remaining = _remaining(response, meter.rate_limit_remaining)
        if (points := response.headers.get("x-complexity", "")).isdigit():
            meter.complexity = int(points)
        if token and self.tokens:
            self.tokens.observe(token, _quota_of(message), response)
        if token and (expiry := response.headers.get(_EXPIRY_HEADER)):
            meter.token_expiries[token.identity] = expiry
        return response

    def _authorise(
        self, message: httpx.Request, validators: Validators | None
    ) -> tuple[str, Token | None]:
        """Choose who asks, best the one that has asked before; returns the validator's key too."""
        target = message.url.raw_path.decode()
        known = validators if validators is not None else {}
        asked_before = next((key for key in known if key.endswith(f" {target}")), None)
        token = None
        if self.tokens:
            preferred = asked_before.split(" ")[0] if asked_before else None
            token = self.tokens.choose(_quota_of(message), preferred)
            message.headers["Authorization"] = token.authorization()
        key = f"{token.identity if token else '-'} {target}"
        if key in known:
            message.headers["If-None-Match"] = known[key]
        return key, token

    def _backoff(self, waits: list[float], attempts: int | None) -> Any:
        failures = 0

        def decide(error: Exception) -> bool | float:
            nonlocal failures
            if not isinstance(error, TransientError):
                return False
            if error.code != "rate_limited":
                failures += 1
                if attempts is not None and failures >= attempts:
                    return False
            if error.retry_after is None:
                return True
            if error.retry_after > self.retry.rate_limit_wait_max:
                return False
            waits.append(error.retry_after)
            return error.retry_after

        return decide


def classify(response: httpx.Response, where: str, secret_name: str) -> HeadwaterError | None:
    """The error a response stands for, or None for a success."""
    status = response.status_code
    if status < 400:
        return None
    what = f"{response.request.method} {response.request.url.path} answered {status}"
    detail = _detail(response)
    what = f"{what} ({detail})" if detail else what
    if "public_api_request_blocked" in detail:
        return PermanentError(
            where, what, "200", "the workspace's owner must lift the block", code="blocked"
        )
    if (wait := _rate_limit_wait(response, detail)) is not None:
        return TransientError(
            where,
            what,
            "quota left",
            f"wait {wait:.0f} s or give {secret_name} a higher limit",
            code="rate_limited",
            retry_after=wait,
        )
    if status == 401 or "AUTHENTICATION_ERROR" in detail:
        return AuthError(
            where, what, "a valid credential", f"set {secret_name} to a token that is valid"
        )
    if status == 403 or "FORBIDDEN" in detail:
        needed = response.headers.get("x-accepted-github-permissions")
        return AuthError(
            where,
            what,
            f"the permission {needed}" if needed else "permission to read",
            f"grant the token in {secret_name} read access",
            code="forbidden",
        )
    if status in (404, 410):
        missing = NotFoundError(
            where, what, "an existing object", "check its name, and that the token may see it"
        )
        missing.status = status
        return missing
    if status >= 500 or status == 408:
        return TransientError(
            where,
            what,
            "200",
            "run again later",
            code="server_error",
            retry_after=_retry_after(response),
        )
    code = "conflict" if status == 409 else "bad_request"
    if status == 400 and "too complex" in detail.lower():
        code = "too_complex"
    return PermanentError(where, what, "200", "check the configuration of this source", code=code)


class _GraphQL(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[dict[str, Any]] | None = None


def _graphql_error(
    where: str, errors: list[dict[str, Any]], response: httpx.Response
) -> HeadwaterError:
    """What `errors` of an answer with status 200 stand for."""
    what = "; ".join(
        " ".join(str(part) for part in (e.get("type"), e.get("message", e), e.get("path")) if part)
        for e in errors
    )
    what = f"GraphQL answered with errors: {what or 'no data'}"
    kinds = {str(error.get("type")) for error in errors}
    codes = {str((error.get("extensions") or {}).get("code")) for error in errors}
    if "RATE_LIMITED" in kinds or "RATELIMITED" in codes:
        wait = _rate_limit_wait(response, "secondary rate limit", is_limited=True) or 60.0
        return TransientError(
            where, what, "quota left", "wait", code="rate_limited", retry_after=wait
        )
    if any("Something went wrong" in str(e.get("message")) and not e.get("type") for e in errors):
        return TransientError(where, what, "an answer in time", "run again", code="timeout")
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return HiddenError(where, what, "permission to read", "grant it to the token")
    if kinds == {"NOT_FOUND"}:
        return NotFoundError(
            where, what, "an existing object", "check its name, and that the token may see it"
        )
    too_large = "MAX_NODE_LIMIT_EXCEEDED" in kinds
    return PermanentError(
        where,
        what,
        "data without errors",
        "report the query, or narrow the resource list",
        code="too_large" if too_large else "graphql_error",
    )


def _decoder(shape: type[T]) -> Callable[[httpx.Response], T]:
    decode = msgspec.json.Decoder(shape).decode
    return lambda response: decode(response.content)


def _no_answer(where: str, method: str, path: str, error: httpx.RequestError) -> TransientError:
    kind = "timeout" if isinstance(error, httpx.TimeoutException) else "connection"
    return TransientError(
        where,
        f"{method} {path} failed: {type(error).__name__} {error}",
        "an answer",
        "check the network and base_url, then run again",
        code=kind,
    )


def _unexpected_304(source: str, meter: Meter, path: str) -> PermanentError:
    return PermanentError(
        f"{source}.{meter.resource}",
        f"{path} answered 304 to an unconditional request",
        "a body",
        "check any proxy in between",
        code="unexpected_304",
    )


def _quota_of(message: httpx.Request) -> str:
    """The quota that a request draws on; GitHub counts GraphQL apart."""
    return "graphql" if message.url.path.endswith("/graphql") else "core"


def _rate_limit_wait(
    response: httpx.Response, detail: str, *, is_limited: bool = False
) -> float | None:
    """Seconds to wait where the response is a rate limit of any provider, else None."""
    headers = response.headers
    exhausted = headers.get("x-ratelimit-remaining") == "0"
    limited = (
        is_limited
        or response.status_code in (429, 529)
        or (response.status_code == 400 and "RATELIMITED" in detail)
        or (
            response.status_code == 403
            and (exhausted or "retry-after" in headers or "secondary rate limit" in detail.lower())
        )
    )
    if not limited:
        return None
    now = server_time(response).timestamp()
    if (retry_after := _retry_after(response)) is not None:
        return retry_after
    if exhausted and headers.get("x-ratelimit-reset", "").isdigit():
        return max(0.0, float(headers["x-ratelimit-reset"]) - now) + 1
    resets = [
        float(headers[f"x-ratelimit-{budget}-reset"]) / 1000
        for budget in ("requests", "complexity", "endpoint-requests")
        if headers.get(f"x-ratelimit-{budget}-remaining") == "0"
        and headers.get(f"x-ratelimit-{budget}-reset", "").isdigit()
    ]
    if resets:
        return max(0.0, max(resets) - now) + 1
    if headers.get("x-ratelimit-complexity-reset", "").isdigit():  # Some is left, but not enough.
        return max(0.0, float(headers["x-ratelimit-complexity-reset"]) / 1000 - now) + 1
    # GitHub: without headers "wait at least one minute"; the others always send one.
    return 60.0


def _is_unauthorized(response: httpx.Response) -> bool:
    return response.status_code == 401 or (
        response.status_code == 400 and "AUTHENTICATION_ERROR" in _detail(response)
    )


def _retry_after(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds, which may also be a date."""
    text = response.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        wait: float = (parsedate_to_datetime(text) - server_time(response)).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(0.0, wait)


def _remaining(response: httpx.Response, before: int | None) -> int | None:
    for name in ("x-ratelimit-remaining", "x-ratelimit-requests-remaining"):
        if (value := response.headers.get(name, "")).isdigit():
            return int(value)
    return before


def server_time(response: httpx.Response) -> datetime:
    """The server's clock, or ours where it does not tell."""
    try:
        return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _detail(response: httpx.Response) -> str:
    """What the provider says about an error, in one short line."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _excerpt(response)
    if not isinstance(body, dict):
        return _excerpt(response)
    parts = [str(body.get("code") or "")]
    if isinstance(body.get("error"), str):  # OAuth's.
        parts.append(body["error"])
    if isinstance(reason := body.get("additional_data"), dict):
        parts.append(str(reason.get("rate_limit_reason", "")))
    parts.append(str(body.get("message") or ""))
    for error in body.get("errors") or []:
        if isinstance(error, dict):
            extensions = error.get("extensions") or {}
            parts += [str(extensions.get("code", "")), str(error.get("message", ""))]
    return _one_line(": ".join(part for part in parts if part))


def _excerpt(response: httpx.Response) -> str:
    kind = response.headers.get("content-type", "no content type").split(";")[0]
    return _one_line(f"{kind}, {len(response.content)} bytes: {response.text[:80]}")


def _one_line(text: str) -> str:
    return redact(" ".join(text.split()))[:200]
