"""Every kind of scripted fault, one at a time, against all that the demo has at a provider.

None of the raw events is lost, none is there twice. `test_chaos.py` mixes the kinds, and goes on to
the marts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.end_to_end.providers import COMMON, PROVIDERS
from tests.end_to_end.trial import Stage, assert_same_events, beginning


@pytest.fixture(scope="module")
def stage(tmp_path_factory, prepared_data):
    return Stage(tmp_path_factory.mktemp("stage"), prepared_data)


@pytest.fixture(scope="module")
def undisturbed(stage):
    @cache
    def of(name: str) -> dict[str, set[str]]:
        with beginning(stage, name, random.Random(), base=stage.prepared) as trial:
            assert trial.sync() == []
            return trial.installation.raw()

    return of


def kinds() -> Iterator[Any]:
    """Every provider's own kinds, and each common one with one of them."""
    for turn, provider in enumerate(PROVIDERS.values()):
        for number, kind in enumerate(provider.kinds):
            if kind not in COMMON or number % len(PROVIDERS) == turn:
                yield pytest.param(provider, number, id=f"{provider.name}-{number}")


@pytest.mark.parametrize(("provider", "number"), list(kinds()))
def test_every_fault_is_survived(stage, undisturbed, provider, number):
    with beginning(stage, provider.name, random.Random(), base=stage.prepared) as trial:
        trial.sandbox.faults.add(provider.fault(number, "", after=5, times=2))
        trial.sync_until_good()
        assert_same_events(trial.installation, undisturbed(provider.name))
