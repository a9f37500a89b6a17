"""Deliveries as providers send and sign them, by the algorithms that they document."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from include.inbox import Inbox
from include.settings import Settings
from tests.workspaces import REPO

SECRETS: Final = {
    "GITHUB_WEBHOOK_SECRET": "It's a Secret to Everybody",
    "LINEAR_WEBHOOK_SECRET": "lin_wh_not_a_real_one",
    "NOTION_WEBHOOK_TOKEN": "secret_not_a_real_verification_token",
}
NAMES: Final = {"github": "GITHUB", "linear": "LINEAR", "notion": "NOTION"}
Json = dict[str, Any]
Sent = tuple[str, dict[str, str], bytes]


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def from_github(event: str, number: int = 1, **body: Any) -> Sent:
    content = {"repository": {"full_name": REPO}, **body}
    raw = json.dumps(content).encode()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": f"72d3162e-cc78-11e3-81ab-{number:012d}",
        "X-Hub-Signature-256": f"sha256={signature(SECRETS['GITHUB_WEBHOOK_SECRET'], raw)}",
        "Content-Type": "application/json",
    }
    return "github", headers, raw


def from_linear(
    kind: str, action: str, number: int = 1, at: datetime | None = None, **data: Any
) -> Sent:
    moment = at or datetime.now(UTC)
    content = {
        "action": action,
        "type": kind,
        "data": data,
        "organizationId": "org",
        "webhookId": "hook",
        "webhookTimestamp": int(moment.timestamp() * 1000),
        "createdAt": moment.isoformat(),
    }
    raw = json.dumps(content).encode()
    headers = {
        "Linear-Delivery": f"234d1a4e-b617-4388-90fe-{number:012d}",
        "Linear-Event": kind,
        "Linear-Signature": signature(SECRETS["LINEAR_WEBHOOK_SECRET"], raw),
    }
    return "linear", headers, raw


def from_notion(
    event: str, entity_id: str, number: int = 1, at: datetime | None = None, **data: Any
) -> Sent:
    moment = at or datetime.now(UTC)
    content = {
        "id": f"367cba44-b6f3-4c92-81e7-{number:012d}",
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "workspace_id": "13950b26-c203-4f3b-b97d-93ec06319565",
        "type": event,
        "entity": {"id": entity_id, "type": event.split(".")[0]},
        "data": data,
        "attempt_number": 1,
    }
    raw = json.dumps(content).encode()
    headers = {"X-Notion-Signature": f"sha256={signature(SECRETS['NOTION_WEBHOOK_TOKEN'], raw)}"}
    return "notion", headers, raw


def with_webhooks(sources: str) -> str:
    """A sources.yml in which every source takes webhooks."""
    lines = []
    for line in sources.splitlines():
        lines.append(line)
        if line.strip().startswith("secret:"):
            name = "".join(name for name in SECRETS if name.split("_")[0] in line)
            lines.append(line.replace("- ", "  ").split("secret:")[0] + f"webhook_secret: {name}")
    return "\n".join(lines)


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[httpx.Client]:
    """A client of an inbox that listens on a free port."""
    app = Starlette(routes=[Mount("/webhooks", Inbox(settings, **options).app)])
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/webhooks", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)


def send(client: httpx.Client, sent: Sent) -> int:
    name, headers, raw = sent
    return client.post(f"/{name}", content=raw, headers=headers).status_code
