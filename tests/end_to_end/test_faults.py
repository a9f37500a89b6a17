"""Whatever goes wrong on the way, the next good sync ends with what an undisturbed one ends with.

Every kind of scripted fault, and random schedules of them (`make chaos`: fifty for each provider),
against all that the demo has there: none of its raw events is lost, none is there twice.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from include.sandbox import Sandbox
from include.sandbox.faults import Fault
from tests.installation import Installation
from tests.workspaces import whole

SCHEDULES = range(50)
IN_EVERY_RUN = 2  # Each provider has several faults in it.
MOST_SYNCS = 25


@dataclass(frozen=True)
class Provider:
    """What can go wrong at one provider, and where."""

    name: str
    kinds: tuple[Fault, ...]
    paths: tuple[str, ...]

    def fault(self, number: int, path: str, after: int, times: int) -> Fault:
        """One of the kinds, at a place and time."""
        kind = self.kinds[number]
        values = {name: getattr(kind, name) for name in kind.__struct_fields__}
        return Fault(**{**values, "path": kind.path or path, "after": after, "times": times})

    def schedule(self, number: int) -> list[Fault]:
        """Up to six faults, which hit one after the other; a number always gives the same."""
        chosen = random.Random(f"{self.name} {number}")
        return [
            self.fault(
                chosen.randrange(len(self.kinds)),
                chosen.choice(self.paths),
                chosen.randint(0, 6),
                chosen.randint(1, 5),
            )
            for _ in range(chosen.randint(1, 6))
        ]


COMMON = (
    Fault(kind="status", status=500),
    Fault(kind="status", status=502),
    Fault(kind="status", status=503, headers={"retry-after": "0"}),
    Fault(kind="status", status=401),
    Fault(kind="status", status=403),
    Fault(kind="rate_limit", seconds=0),
    Fault(kind="html", status=502),
    Fault(kind="html", status=200),
    Fault(kind="slow", seconds=0.05),
    Fault(kind="truncated"),
    Fault(kind="dropped"),
    Fault(kind="duplicate"),
)
GITHUB = Provider(
    "github",
    (
        *COMMON,
        Fault(kind="status", status=404),
        Fault(kind="rate_limit", status=429, seconds=0),
        Fault(kind="secondary_limit", seconds=0),
        Fault(kind="page_too_large", value=2, path="/graphql$"),
        Fault(kind="page_too_large", value=0, path="/graphql$"),
        Fault(
            kind="graphql_error",
            path="/graphql$",
            value={"message": "Something went wrong while executing your query."},
        ),
        Fault(
            kind="graphql_error",
            path="/graphql$",
            value={"type": "INTERNAL", "message": "broken", "path": ["nodes", 0]},
        ),
        Fault(
            kind="graphql_error", path="/graphql$", value={"type": "RATE_LIMITED", "message": "no"}
        ),
    ),
    (
        "",
        "/issues$",
        "/issues/comments$",
        "/issues/events$",
        "/pulls$",
        "/pulls/comments$",
        "/releases$",
        "/commits$",
        "/actions/runs$",
        "/deployments$",
        "/git/trees/",
        "/tarball/",
        "/graphql$",
    ),
)
LINEAR = Provider(
    "linear",
    (
        *COMMON,
        Fault(kind="graphql_error", value={"message": "Internal server error"}),
        Fault(
            kind="graphql_error",
            value={
                "message": "Query too complex",
                "path": ["page"],
                "extensions": {"code": "INVALID_INPUT"},
            },
        ),
    ),
    ("",),
)
NOTION = Provider(
    "notion",
    (
        *COMMON[:-1],
        # A piece of a long text has no id: sent twice, it is there twice.
        Fault(kind="duplicate", path="/(users|search|query|children|comments)$"),
        Fault(kind="status", status=404),
        Fault(kind="status", status=409),
        Fault(kind="status", status=529, headers={"retry-after": "0"}),
        Fault(kind="blocked"),
    ),
    (
        "",
        "/users$",
        "/search$",
        "/query$",
        "/children$",
        "/comments$",
        "/properties/",
        "/markdown$",
    ),
)
PROVIDERS = (GITHUB, LINEAR, NOTION)


def kinds() -> Iterator[Any]:
    """Every kind for each provider; `make test` has each one's own, and shares out the rest."""
    for turn, provider in enumerate(PROVIDERS):
        for number, kind in enumerate(provider.kinds):
            elsewhere = kind in COMMON and number % len(PROVIDERS) != turn
            marks = [pytest.mark.chaos] if elsewhere else []
            yield pytest.param(provider, number, id=f"{provider.name}-{number}", marks=marks)


@contextmanager
def served(prepared: Path, name: str) -> Iterator[Installation]:
    """An installation beside all that the demo has at a provider, with a folder of its own."""
    with TemporaryDirectory() as folder, Sandbox(whole(name)) as sandbox:
        shutil.copytree(prepared, Path(folder) / "data")
        yield Installation.beside(sandbox, Path(folder) / "data")


@pytest.fixture(scope="module")
def undisturbed(prepared_data):
    @cache
    def of(name: str) -> dict[str, set[str]]:
        with served(prepared_data, name) as installation:
            installation.sync(name)
            raw = installation.raw()
        assert [table for table in raw if f"_{name}." in table and not raw[table]] == []
        return raw

    return of


def sync_until_good(installation: Installation, name: str) -> None:
    """Sync until nothing fails, and once more: what a refusal left out is read then."""
    for _ in range(MOST_SYNCS):
        if not installation.failing_sync(name):
            break
    else:
        raise AssertionError(f"still failing after {MOST_SYNCS} syncs")
    installation.sandbox.faults.clear()
    installation.sync(name)


def assert_same(installation: Installation, undisturbed: dict[str, set[str]]) -> None:
    # What was not there when it was asked for is put aside, and said.
    aside = installation.query(
        "select source_type, resource, error_code from raw_headwater.dead_letters"
    )
    assert {code for _, _, code in aside} <= {"NotFoundError"}
    # A page is then there twice in its history: without that part, and whole.
    in_part = {f"raw_{source}.{resource}" for source, resource, _ in aside}
    raw = installation.raw()
    assert {table: undisturbed[table] - rows for table, rows in raw.items()} == {
        table: set() for table in undisturbed
    }
    more = {table for table, rows in raw.items() if rows > undisturbed[table]}
    assert more <= in_part & {"raw_notion.pages", "raw_notion.page_contents"}
    assert installation.twice() == []


@pytest.mark.parametrize(("provider", "number"), list(kinds()))
def test_every_fault_is_survived(prepared_data, undisturbed, provider, number):
    with served(prepared_data, provider.name) as installation:
        installation.sandbox.faults.add(provider.fault(number, "", after=5, times=2))
        sync_until_good(installation, provider.name)
        assert_same(installation, undisturbed(provider.name))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number == IN_EVERY_RUN else pytest.mark.chaos)
        for number in SCHEDULES
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_random_schedule_of_faults_is_survived(prepared_data, undisturbed, provider, number):
    with served(prepared_data, provider.name) as installation:
        for scripted in provider.schedule(number):
            installation.sandbox.faults.add(scripted)
        sync_until_good(installation, provider.name)
        assert_same(installation, undisturbed(provider.name))
