from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from include.sandbox import Limits, Sandbox, Workspace

HEADERS = {"Authorization": "Bearer sandbox-token", "Notion-Version": "2025-09-03"}

Serve = Callable[..., tuple[Sandbox, httpx.Client]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a workspace until the test ends; returns the sandbox and a client with its token."""
    with ExitStack() as stack:

        def start(
            workspace: Workspace, limits: Limits | None = None
        ) -> tuple[Sandbox, httpx.Client]:
            sandbox = Sandbox(workspace, limits=limits).start()
            stack.callback(sandbox.stop, wait=False)
            client = httpx.Client(base_url=sandbox.url, headers=HEADERS, timeout=10)
            return sandbox, stack.enter_context(client)

        yield start
