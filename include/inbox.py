"""The inbox: receives webhooks of GitHub, Linear and Notion, proves them, and keeps them.

    POST /<name of the source>    202 kept · 200 known already · 401 not genuine · 413 too long
                                  429 too many · 503 no secret is set

A delivery is on disk before it is acknowledged; what it names is read later (`include.webhooks`).
Nothing of a body, a header or a secret is logged, whether a delivery is genuine or not.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dlt_pipelines.exceptions import AuthError, HeadwaterError
from dlt_pipelines.webhook import RefusedError, Webhook
from include.settings import Settings
from include.spool import Delivery, Spool

# GitHub sends at most 25 MB; what would be longer it does not send.
BODY_LIMIT: Final = 25 * 1024 * 1024
BODY_SECONDS: Final = 10.0
CLIENTS_REMEMBERED: Final = 1024

log = logging.getLogger(__name__)


@dataclass
class FloodLimit:
    """A token bucket for each client: `burst` at once, then `rate` a second."""

    rate: float = 20.0
    burst: float = 500.0
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, client: str) -> float:
        """Take a token; else the seconds until there is one."""
        now = self.clock()
        tokens, before = self._buckets.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - before) * self.rate)
        is_admitted = tokens >= 1
        self._buckets[client] = (tokens - is_admitted, now)
        while len(self._buckets) > CLIENTS_REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if is_admitted else (1 - tokens) / self.rate


class Inbox:
    """One installation's inbox; `app` is what a server runs or mounts."""

    def __init__(
        self,
        settings: Settings,
        *,
        flood: FloodLimit | None = None,
        body_limit: int = BODY_LIMIT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._now, self._body_limit = settings, now, body_limit
        self._flood = flood or FloodLimit()
        self._spool = Spool(settings.inbox)
        self.app = Starlette(routes=[Route("/{name}", self._serve, methods=["POST"])])

    async def _serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            seconds = self._flood.wait(request.client.host if request.client else "")
            if seconds:
                headers = {"Retry-After": str(math.ceil(seconds))}
                return JSONResponse({"error": "too many requests"}, 429, headers)
            webhook = self._webhook(name)
            body = await self._read(request)
            return await run_in_threadpool(self._receive, name, webhook, request.headers, body)
        except RefusedError as error:
            log.warning("%s: refused with %d: %s", name[:63], error.status, error)
            return JSONResponse({"error": str(error)}, error.status)
        except HeadwaterError as error:
            log.error("%s", error)
            return JSONResponse({"error": "not ready: see the server's log"}, 503)

    def _webhook(self, name: str) -> Webhook:
        for source in self._settings.sources:
            webhook = self._settings.source_type(source.name).webhook
            if source.name == name and source.webhook_secret and webhook:
                return webhook
        raise RefusedError(404, "no such inbox")

    async def _read(self, request: Request) -> bytes:
        """The body, never more of it than is allowed."""
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._body_limit:
            raise RefusedError(413, "the body is too long")
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self._body_limit:
                        raise RefusedError(413, "the body is too long")
        except TimeoutError:
            raise RefusedError(408, "the body took too long") from None
        except ClientDisconnect:
            raise RefusedError(400, "the body is incomplete") from None
        return bytes(body)

    def _receive(
        self, name: str, webhook: Webhook, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Prove a body and keep it; runs in a thread, since it waits for the disk."""
        secrets = self._settings.webhook_secrets(name)
        if not secrets:
            if token := webhook.handshake(body):
                return self._begin(name, token)
            source = self._settings.source(name)
            raise AuthError(
                f"{source.type}.{name}",
                f"the secret {source.webhook_secret} is not set",
                "what the provider signs deliveries with",
                f"export {source.webhook_secret}",
            )
        signed = webhook.verify(headers, body, secrets, self._now())
        delivery = Delivery(
            connection_id=name,
            source_type=self._settings.source(name).type,
            delivery_id=signed.delivery_id,
            event=signed.event,
            action=signed.action,
            received_at=self._now(),
            body=body.decode(),
        )
        if not self._spool.keep(delivery):
            return JSONResponse({"status": "known"}, 200)
        log.info("%s: %s %s kept", name, signed.event[:80], signed.action[:80])
        return JSONResponse({"status": "kept"}, 202)

    def _begin(self, name: str, token: str) -> Response:
        """Hand the token of a new subscription to the operator, in a file only the owner reads.

        It is not used from there: anybody can send one, and only the operator knows whether the
        provider accepts it.
        """
        folder = self._settings.data / "credentials"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{name}.verification_token"
        fresh = path.with_suffix(".tmp")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)
        fresh.replace(path)
        log.warning("%s: a subscription begins; its token is in %s", name, path)
        return JSONResponse({"status": "kept for the operator"}, 200)
