"""Serves generated issues as GitHub would, as fast as a file can be sent, in a process of its own.

Pages are slices of the file, so that the server's core is never what a contender waits for. Like
GitHub it pages with `page` and `after` in the `Link` header, filters by `since`, lists by last
change, and tells limits. Without authentication, because `tap-github` sends its token to GitHub
itself to have it checked.
"""

from __future__ import annotations

import mmap
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import msgspec
import uvicorn

from tests.benchmarks.records import API, REPOSITORY, SEPARATOR, Records, first_since

Headers = dict[str, str]
LIMITS = {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4999",
    "x-ratelimit-used": "1",
    "x-ratelimit-reset": "4000000000",
    "x-ratelimit-resource": "core",
}


class IssueServer:
    """An ASGI application over one file of records, of which the first `visible` are listed."""

    def __init__(self, records: Records, visible: int) -> None:
        self.records = records
        self.visible = visible
        with records.path.open("rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = dict(parse_qsl(scope["query_string"].decode()))
        status, headers, body = self.answer(scope, query)
        pairs = {**LIMITS, **headers, "content-length": str(len(body))}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(key.encode(), value.encode()) for key, value in pairs.items()],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def answer(self, scope: Any, query: dict[str, str]) -> tuple[int, Headers, bytes]:
        kind = {"content-type": "application/json; charset=utf-8"}
        match scope["method"], scope["path"].removeprefix("/github"):
            case "GET", path if path == f"/repos/{REPOSITORY}/issues":
                links, body = self.page(scope, query)
                return 200, {**kind, **links}, body
            case "GET", path if path == f"/repos/{REPOSITORY}":
                return 200, kind, msgspec.json.encode(repository())
            case "POST", "/graphql":
                named = {"nameWithOwner": REPOSITORY, "databaseId": 1}
                data = {"repo0": named, "rateLimit": {"cost": 1}}
                return 200, kind, msgspec.json.encode({"data": data})
            case "PUT", "/visible":
                self.visible = int(query["records"])
                return 204, {}, b""
        return 404, kind, b'{"message": "Not Found"}'

    def page(self, scope: Any, query: dict[str, str]) -> tuple[Headers, bytes]:
        """One page of the listing by last change, oldest first."""
        since = query.get("since")
        start = first_since(datetime.fromisoformat(since)) if since else 0
        size, number = int(query.get("per_page", 30)), int(query.get("after") or 1)
        first = min(start + (number - 1) * size, self.visible)
        last = min(first + size, self.visible)
        links = {}
        if last < self.visible:
            pages = -(-(self.visible - start) // size)
            host = dict(scope["headers"])[b"host"].decode()
            links["link"] = ", ".join(
                f"<http://{host}{scope['path']}?"
                f'{urlencode({**query, "page": n, "after": n})}>; rel="{rel}"'
                for rel, n in (("next", number + 1), ("last", pages))
            )
        if first == last:
            return links, b"[]"
        begin, end = self.records.offsets[first], self.records.offsets[last]
        return links, b"[%b]" % self.data[begin : end - len(SEPARATOR)]


def repository() -> dict[str, Any]:
    """What the peers read of the repository before they list its issues."""
    name = REPOSITORY.split("/")[1]
    return {
        "id": 1,
        "node_id": "R_kgDOBench",
        "name": name,
        "full_name": REPOSITORY,
        "private": False,
        "url": API,
        "owner": {"login": REPOSITORY.split("/")[0], "id": 1, "node_id": "O_1", "type": "User"},
        "created_at": "2012-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "pushed_at": "2026-01-01T00:00:00Z",
    }


@contextmanager
def serving(records: Records, visible: int) -> Iterator[str]:
    """Serve in another process; yields the URL under which `/github` lies."""
    command = [sys.executable, "-m", "tests.benchmarks.server", str(records.path), str(visible)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout.readline() if process.stdout else "").strip()
        finally:
            process.terminate()


def show(url: str, records: int) -> None:
    """Change how many records the server lists."""
    httpx.put(f"{url}/visible", params={"records": records}).raise_for_status()


def main(path: str, visible: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    application = IssueServer(Records(Path(path)), int(visible))
    config = uvicorn.Config(application, log_level="critical", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
