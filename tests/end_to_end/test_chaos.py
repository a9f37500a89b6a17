"""The fault matrix: whatever goes wrong, the marts of an undisturbed run and a true history.

A scenario is a family and a number, which decide everything that is drawn: `pytest -k linear-017`
does it again. `make chaos` runs all of them and writes `data/chaos.md`, a row for each; `make test`
runs one of each family.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.disturbances import FAMILIES
from tests.end_to_end.trial import Stage, Trial

COUNTS = {
    **dict.fromkeys(("github", "linear", "notion"), 50),
    "wrong-types": 9,
    "clock-skew": 6,
    "timeouts": 4,
    "slow-bodies": 4,
    # Twenty of each source in all.
    "kill-extract": 48,
    "kill-load": 12,
    "kill-dbt": 5,
    "kill-publish": 5,
    "kill-archive": 5,
    "disk-full": 6,
    "two-writers": 7,
}
# The cheap one of each family, of Linear; every kind of fault of each provider: test_faults.py.
IN_EVERY_RUN = {
    *("linear-002", "wrong-types-001", "clock-skew-001", "timeouts-001", "slow-bodies-001"),
    *("kill-extract-001", "kill-load-001", "kill-dbt-001", "kill-publish-001"),
    *("kill-archive-001", "disk-full-001", "two-writers-001"),
}


def scenarios() -> Iterator[Any]:
    """All of them, the families in turn: a run that is stopped has seen some of each."""
    for number in range(max(COUNTS.values())):
        for family in (family for family, count in COUNTS.items() if number < count):
            name = f"{family}-{number:03}"
            marks = [] if name in IN_EVERY_RUN else [pytest.mark.chaos]
            yield pytest.param(family, number, id=name, marks=marks)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, prepared_data: Any) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"), prepared_data)


@pytest.mark.parametrize(("family", "number"), list(scenarios()))
def test_scenario(stage, record_property, family, number):
    seed = f"{family}-{number:03}"
    trials: list[Trial] = []
    started = time.monotonic()

    def begin(trial: Trial) -> Trial:
        trials.append(trial)
        return trial

    try:
        FAMILIES[family](stage, number, random.Random(seed), begin)
    finally:
        row: dict[str, Any] = {"seed": seed, "seconds": round(time.monotonic() - started)}
        for trial in trials:
            row |= {
                "source": trial.name,
                "did": "; ".join(trial.did),
                "syncs": trial.diary.syncs,
                "requests": len(trial.sandbox.requests),
                **trial.told,
            }
        record_property("scenario", row)
