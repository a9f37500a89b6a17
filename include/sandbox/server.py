"""The sandbox as one HTTP server on loopback, with scripted faults and a log of what was asked."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.sandbox import github_graphql, linear
from include.sandbox.faults import Fault, Faults
from include.sandbox.github import GitHub
from include.sandbox.github_git import is_streamed
from include.sandbox.limits import Limits
from include.sandbox.linear import Linear
from include.sandbox.notion import Notion
from include.sandbox.replies import json_response
from include.sandbox.workspace import Workspace

PROVIDERS = ("github", "linear", "notion")
START_TIMEOUT_SECONDS = 10
LOG_LENGTH = 100_000
_RESET = re.compile(rb"x-ratelimit-.*reset")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and what was sent back; the log keeps it without `body`, and so are streams.

    `path` is without the provider's prefix and names a GitHub repository by owner and name even
    where the client followed a `Link` that names it by number. `operations` are a GraphQL
    operation's name and root fields. `fault` is the kind of the scripted fault that hit the
    exchange.
    """

    provider: str
    method: str
    path: str
    query: str
    status: int
    operations: list[str] = field(default_factory=list)
    fault: str | None = None
    request_headers: dict[str, str] = field(default_factory=dict, repr=False)
    request_body: bytes = field(default=b"", repr=False)
    response_headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Sandbox:
    """Serves a workspace; a context manager, or `start` and `stop`, or `serve` to block.

    `on_response` is called with every exchange, in the server's thread. What it raises is kept in
    `violations`, for a test to look at, and so is what breaks an endpoint.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        on_response: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.workspace = workspace
        self.faults = Faults()
        self.requests: list[Exchange] = []
        self.violations: list[Exception] = []
        self.on_response = on_response
        self.app = self._build_app(limits or Limits())
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Where it listens; `/github`, `/linear/graphql` and `/notion` follow."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> Sandbox:
        """Serve in a thread, on a free port unless one was given; returns once it answers.

        Raises:
            OSError: the port is taken.
            TimeoutError: it did not start.
        """
        listener = self._listen()
        self._thread = Thread(target=self._run, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        with socket.create_connection((self._host, self._port), START_TIMEOUT_SECONDS) as probe:
            probe.settimeout(START_TIMEOUT_SECONDS)
            probe.sendall(
                b"GET /_sandbox/health HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n"
            )
            probe.recv(1)
        return self

    def apply(self, change: Callable[[], T]) -> T:
        """Change the workspace between two answers, so that none shows half of it."""
        if self.loop is None:
            return change()

        async def between() -> T:
            return change()

        return asyncio.run_coroutine_threadsafe(between(), self.loop).result()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._run(self._listen())

    def stop(self, *, wait: bool = True) -> None:
        """Stop serving; without waiting, the port is free a moment later."""
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
        if wait and self._thread is not None:
            self._thread.join(START_TIMEOUT_SECONDS)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _listen(self) -> socket.socket:
        listener = socket.create_server((self._host, self._port), backlog=256)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,  # The observer says what time it is: a fault may change it.
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        return listener

    def _run(self, listener: socket.socket) -> None:
        if self._server is not None:
            self._server.run(sockets=[listener])

    def _build_app(self, limits: Limits) -> ASGIApp:
        github = GitHub(self.workspace, limits)
        providers = Starlette(
            routes=[
                Mount("/github", routes=github.routes()),
                Mount("/linear", routes=Linear(self.workspace, limits).routes()),
                Mount("/notion", routes=Notion(self.workspace, limits).routes()),
                Mount("/_sandbox", routes=self._control_routes()),
            ]
        )
        return Observer(providers, github, self)

    def _control_routes(self) -> list[Route]:
        return [
            Route("/health", self._health, methods=["GET"]),
            Route("/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/faults", self._faults, methods=["POST", "DELETE"]),
        ]

    async def _health(self, request: Request) -> Response:
        return json_response({"status": "ok", "workspace": self.workspace.name})

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.requests.clear()
        names = ("provider", "method", "path", "query", "status", "operations", "fault")
        return json_response(
            [{name: getattr(exchange, name) for name in names} for exchange in self.requests]
        )

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return json_response({})
        try:
            fault = msgspec.json.decode(await request.body(), type=Fault)
        except msgspec.MsgspecError as error:
            return json_response({"error": f"sandbox.faults: {error}"}, 422)
        return json_response(self.faults.add(fault), 201)

    def record(self, exchange: Exchange) -> None:
        """Log an exchange and show it to `on_response`."""
        self.requests.append(replace(exchange, body=b""))
        del self.requests[:-LOG_LENGTH]
        if self.on_response is None:
            return
        try:
            self.on_response(exchange)
        except Exception as error:  # noqa: BLE001 (a broken judge must not change the answer)
            self.violations.append(error)


class Observer:
    """ASGI middleware around the providers: faults, the log, and GitHub's paths by number."""

    def __init__(self, app: ASGIApp, github: GitHub, sandbox: Sandbox) -> None:
        self._app = app
        self._github = github
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._sandbox.loop = asyncio.get_running_loop()
        provider, path = split_path(scope.get("path", ""))
        if scope["type"] != "http" or provider not in PROVIDERS:
            await self._app(scope, receive, send)
            return
        if provider == "github":
            path = self._by_name(path)
            scope = {**scope, "path": f"/github{path}", "raw_path": None}
        if provider != "github" or is_streamed(path):
            await self._observe(provider, path, scope, receive, send)
            return
        with self._github.access.being_answered(Request(scope)):
            await self._observe(provider, path, scope, receive, send)

    async def _observe(
        self, provider: str, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request_body = await read_all(receive)
        operations, page_size = graphql_of(provider, path, request_body)
        fault = self._sandbox.faults.take(provider, scope["method"], path, operations, page_size)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        answer = fault.answer(provider) if fault is not None else None
        offset = fault.clock_offset if fault is not None else 0.0

        def record(reply: Reply) -> None:
            self._sandbox.record(
                Exchange(
                    provider=provider,
                    method=scope["method"],
                    path=path,
                    query=scope["query_string"].decode(),
                    status=reply.status,
                    operations=operations,
                    fault=fault.kind if fault else None,
                    request_headers=headers_of(scope["headers"]),
                    request_body=request_body,
                    response_headers=headers_of(reply.headers),
                    body=reply.body,
                )
            )

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": dated(list(message["headers"]), offset)}
                record(Reply(message["status"], message["headers"], b""))
            await send(message)

        damages = fault is not None and fault.kind not in ("slow", "clock")
        streams = provider == "github" and is_streamed(path) and not damages
        again = read_again(request_body, receive)
        try:
            if streams:
                await self._app(scope, again, pass_on)
                return
            reply = await capture(answer or self._app, scope, again)
        except Exception as error:
            self._sandbox.violations.append(error)
            raise
        if fault is not None and answer is None:
            reply = reply.changed(fault.change(provider, reply.body))
        reply = replace(reply, headers=dated(reply.headers, offset))
        record(reply)
        await reply.send(send, fault)

    def _by_name(self, path: str) -> str:
        parts = path.split("/", 3)
        if len(parts) < 3 or parts[1] != "repositories":
            return path
        named = self._github.path_of_id(parts[2])
        return path if named is None else "/".join([named, *parts[3:]])


@dataclass
class Reply:
    """A whole response before it is sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def changed(self, body: bytes) -> Reply:
        """The response with another body, and without the ETag of the true one."""
        if body == self.body:
            return self
        kept = [pair for pair in self.headers if pair[0] not in (b"content-length", b"etag")]
        length = (b"content-length", str(len(body)).encode())
        return Reply(self.status, [*kept, length], body)

    async def send(self, send: Send, fault: Fault | None) -> None:
        """Send it. Half a body that promises more makes the server close the connection."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        dropped = fault is not None and fault.kind == "dropped"
        body = self.body[: len(self.body) // 2] if dropped else self.body
        *pieces, last = fault.pieces(body) if fault else [body]
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(fault.seconds / (len(pieces) + 1) if fault else 0)
        await send({"type": "http.response.body", "body": last, "more_body": dropped})


def dated(headers: list[tuple[bytes, bytes]], offset: float) -> list[tuple[bytes, bytes]]:
    """Headers with the `Date` of a clock that is so many seconds ahead, and its resets."""
    if offset:
        headers = [
            (name, later(value, offset) if _RESET.fullmatch(name) else value)
            for name, value in headers
        ]
    return [*headers, (b"date", formatdate(time.time() + offset, usegmt=True).encode())]


def later(reset: bytes, offset: float) -> bytes:
    """A time in seconds or milliseconds since 1970, so many seconds later."""
    unit = 1_000 if len(reset) > 11 else 1
    return str(int(reset) + int(offset * unit)).encode()


async def capture(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """Run an application and keep what it sends."""
    start: Message = {}
    chunks: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    return Reply(start["status"], list(start["headers"]), b"".join(chunks))


def read_again(request_body: bytes, receive: Receive) -> Receive:
    """A request whose body was read already; afterwards only the client's leaving is left."""
    unread = [request_body]

    async def receive_again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return receive_again


async def read_all(receive: Receive) -> bytes:
    """The whole request body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def graphql_of(provider: str, path: str, body: bytes) -> tuple[list[str], int]:
    """A GraphQL query's name and root fields, and how large a page it asks GitHub for."""
    if provider == "linear":
        return linear.operation_names(body), 0
    if provider == "github" and path == "/graphql":
        return github_graphql.operation_of(body)
    return [], 0


def split_path(path: str) -> tuple[str, str]:
    """The provider and the path within its API."""
    provider, _, rest = path.lstrip("/").partition("/")
    return provider, f"/{rest}"


def headers_of(pairs: Any) -> dict[str, str]:
    """Headers by lower-case name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
