from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from include.sandbox import Limits, Sandbox, Workspace
from tests.include.sandbox.repositories import make_checkout

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


@pytest.fixture
def serve_judged(sandbox_of: Callable[..., Sandbox]) -> Iterator[Serve]:
    """Serve a workspace judged by the contracts; with a client of GitHub's API."""
    with ExitStack() as stack:

        def start(
            workspace: Workspace, limits: Limits | None = None
        ) -> tuple[Sandbox, httpx.Client]:
            sandbox = sandbox_of(workspace, limits=limits)
            headers = {"Authorization": "Bearer sandbox-token"}
            client = httpx.Client(base_url=f"{sandbox.url}/github", headers=headers, timeout=20)
            return sandbox, stack.enter_context(client)

        yield start


@pytest.fixture
def serve_notion(sandbox_of: Callable[..., Sandbox]) -> Iterator[Callable[..., httpx.Client]]:
    """Serve a workspace judged by the contracts; a client of Notion's API in its newest version."""
    with ExitStack() as stack:

        def start(
            workspace: Workspace, limits: Limits | None = None, version: str = "2026-03-11"
        ) -> httpx.Client:
            sandbox = sandbox_of(workspace, limits=limits)
            headers = HEADERS | {"Notion-Version": version}
            client = httpx.Client(base_url=f"{sandbox.url}/notion/v1", headers=headers, timeout=20)
            return stack.enter_context(client)

        yield start


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two commits on main, a branch with a slash, two tags and every mode."""
    make_checkout(tmp_path / "checkout")
    return tmp_path / "checkout"
