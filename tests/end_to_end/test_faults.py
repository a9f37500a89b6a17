"""Whatever goes wrong on the way, the next good sync ends with what an undisturbed one ends with.

Every kind of scripted fault, and fifty random schedules of them, against the demo's repository with
all it has: none of its raw events is lost, none is there twice.
"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.sandbox import Sandbox
from include.sandbox.faults import Fault
from tests.installation import Installation
from tests.workspaces import whole_gauge

SCHEDULES = 50
MOST_SYNCS = 25

PATHS = (
    "",
    "/issues$",
    "/issues/comments$",
    "/issues/events$",
    "/pulls$",
    "/pulls/comments$",
    "/labels$",
    "/branches$",
    "/releases$",
    "/collaborators$",
    "/commits$",
    "/actions/runs$",
    "/deployments$",
    "/git/trees/",
    "/tarball/",
    "/orgs/",
    "/graphql$",
)
KINDS = (
    Fault(kind="status", status=500),
    Fault(kind="status", status=502),
    Fault(kind="status", status=503, headers={"retry-after": "0"}),
    Fault(kind="status", status=404),
    Fault(kind="status", status=401),
    Fault(kind="status", status=403),
    Fault(kind="rate_limit", seconds=0),
    Fault(kind="rate_limit", status=429, seconds=0),
    Fault(kind="secondary_limit", seconds=0),
    Fault(kind="html", status=502),
    Fault(kind="html", status=200),
    Fault(kind="slow", seconds=0.05),
    Fault(kind="truncated"),
    Fault(kind="dropped"),
    Fault(kind="duplicate"),
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
    Fault(kind="graphql_error", path="/graphql$", value={"type": "RATE_LIMITED", "message": "no"}),
)


def fault(number: int, path: str, after: int, times: int) -> Fault:
    """One of the kinds, at a place and time."""
    kind = KINDS[number]
    values = {name: getattr(kind, name) for name in kind.__struct_fields__}
    return Fault(**{**values, "path": kind.path or path, "after": after, "times": times})


SCHEDULE = st.lists(
    st.builds(
        fault,
        st.integers(0, len(KINDS) - 1),
        st.sampled_from(PATHS),
        st.integers(0, 6),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=6,
)


@contextmanager
def served(prepared: Path):
    """An installation beside the demo's repository, with a folder of its own."""
    with TemporaryDirectory() as folder, Sandbox(whole_gauge()) as sandbox:
        shutil.copytree(prepared, Path(folder) / "data")
        yield Installation.beside(sandbox, Path(folder) / "data")


@pytest.fixture(scope="module")
def undisturbed(prepared_data):
    with served(prepared_data) as installation:
        installation.sync()
        found = installation.raw()
    empty = {name for name, rows in found.items() if name.startswith("raw_github") and not rows}
    assert empty == set()  # The repository has something of every kind.
    return found


def sync_until_good(installation: Installation) -> None:
    """Sync until nothing fails, and once more: what a refusal left out is read then."""
    for _ in range(MOST_SYNCS):
        if not installation.failing_sync():
            break
    else:
        raise AssertionError(f"still failing after {MOST_SYNCS} syncs")
    installation.sandbox.faults.clear()
    installation.sync()


def assert_same(installation: Installation, undisturbed: dict[str, set[str]]) -> None:
    assert installation.raw() == undisturbed
    twice = [
        (table, event_id)
        for table in undisturbed
        for event_id, count in Counter(installation.column(f"select event_id from {table}")).items()
        if count > 1
    ]
    assert twice == []
    assert installation.column("select count(*) from raw_headwater.dead_letters") == [0]


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_every_fault_is_survived(prepared_data, undisturbed, number):
    with served(prepared_data) as installation:
        installation.sandbox.faults.add(fault(number, "", after=5, times=2))
        sync_until_good(installation)
        assert_same(installation, undisturbed)


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(schedule=SCHEDULE)
def test_a_random_schedule_of_faults_is_survived(prepared_data, undisturbed, schedule):
    with served(prepared_data) as installation:
        for scripted in schedule:
            installation.sandbox.faults.add(scripted)
        sync_until_good(installation)
        assert_same(installation, undisturbed)
