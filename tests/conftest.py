"""Fixtures of every test: sandboxes judged by the providers' contracts, and installations."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from dlt_pipelines import SOURCES, pipeline
from dlt_pipelines.http import Client, RetryPolicy
from dlt_pipelines.ledger import Ledger, ResourceRun, Trigger
from include import warehouse
from include.sandbox import Exchange, Limits, Sandbox, Workspace
from include.settings import SANDBOX_TOKEN, Settings
from tests.include.sandbox import contracts
from tests.installation import QUICK, Installation

ServeWorkspace = Callable[..., Sandbox]
Install = Callable[..., Installation]


# Modules that share a fixture which takes a minute to make: one worker takes them all.
TOGETHER = {
    "test_github_documents": "github_warehouse",
    "test_github_staging": "github_warehouse",
    "test_analyses": "small_warehouse",
    "test_analytics": "small_warehouse",
    "test_publish": "small_warehouse",
    "test_mart_counts": "demo",
    "test_stories": "demo",
    "test_whole_path": "demo",
}


class _Scheduler(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return TOGETHER.get(Path(module).stem, module)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes seconds comes last, so that all workers end together."""
    items.sort(key=lambda item: "sandbox" in item.path.parts)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """A worker takes whole modules, and those that share a costly fixture together."""
    return _Scheduler(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture
def sandbox_of() -> Iterator[ServeWorkspace]:
    """Serve a workspace until the test ends; afterwards every exchange must fit the contracts.

    `after` is called with every exchange before its answer leaves: a change made there lies
    between two pages of a walk.
    """
    with ExitStack() as stack:
        started: list[Sandbox] = []

        def start(
            workspace: Workspace,
            *,
            limits: Limits | None = None,
            after: Callable[[Exchange], None] = lambda _: None,
        ) -> Sandbox:
            def judge(exchange: Exchange) -> None:
                after(exchange)
                contracts.check(exchange)

            sandbox = Sandbox(workspace, limits=limits, on_response=judge).start()
            stack.callback(sandbox.stop, wait=False)
            started.append(sandbox)
            return sandbox

        yield start
        assert [str(error) for sandbox in started for error in sandbox.violations] == []


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose warehouse has every raw table and no row: made once, copied by tests."""
    data = tmp_path_factory.mktemp("prepared")
    settings = Settings(data)
    with warehouse.writer(settings) as db:
        pipeline.adopt(warehouse.warehouse_id(db), settings.store)
        pipeline.prepare(SOURCES.values(), settings.store, db)
    return data


@pytest.fixture
def install(tmp_path: Path, prepared_data: Path) -> Install:
    """Set up Headwater beside a sandbox, its raw tables in place."""

    def start(
        sandbox: Sandbox,
        *,
        name: str = "data",
        sources: str | None = None,
        retry: RetryPolicy = QUICK,
    ) -> Installation:
        shutil.copytree(prepared_data, tmp_path / name)
        return Installation.beside(sandbox, tmp_path / name, sources, retry)

    return start


@pytest.fixture
def resource_run(tmp_path: Path) -> Callable[..., ResourceRun]:
    """The account of one resource in a sync of its own, for reading without a pipeline."""

    def start(source: str, container: str, resource: str) -> ResourceRun:
        sync = Ledger(tmp_path / "ledger").start(
            source, source, container, mode="incremental", resources=[resource], trigger=Trigger()
        )
        return sync.resource(resource)

    return start


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """A client of one provider of a sandbox, with the sandbox's token unless told otherwise."""
    with ExitStack() as stack:

        def start(
            sandbox: Sandbox,
            source: str = "github",
            token: str = SANDBOX_TOKEN,
            retry: RetryPolicy = QUICK,
            **headers: str,
        ) -> Client:
            known: dict[str, Any] = {"Authorization": f"Bearer {token}"}
            if source == "notion":
                known["Notion-Version"] = "2025-09-03"
            client = Client(
                source, f"{sandbox.url}/{source}", {**known, **headers}, "A_SECRET", retry
            )
            return stack.enter_context(client)

        yield start
