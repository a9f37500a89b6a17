"""What each token may still ask, shared by every process through files: pace before the limit hits.

Containers are read in parallel by processes that know nothing of each other, but they draw on the
same quota. So what the provider's headers say, and how much was asked in the last minute, is kept
in one small file per token and quota. Whoever finds nothing left waits, and does not ask.

Sources: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api (primary: a
number of points until a reset; secondary: points a minute), https://linear.app/developers/rate-limiting
(requests and points of complexity an hour).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import msgspec
from filelock import FileLock

from dlt_pipelines.exceptions import TransientError
from dlt_pipelines.http import Token, server_time

# A tenth below what GitHub allows: 900 and 2,000 points a minute.
POINTS_PER_MINUTE: Final = {"core": 810, "graphql": 1_800}
UNKNOWN: Final = 1 << 31


@dataclass(frozen=True)
class Budget:
    """One thing that a provider counts: the headers that tell of it.

    `seconds` is the unit of the reset header; a request takes `price` of it as far as we know
    before the answer says more.
    """

    name: str = ""
    remaining: str = "x-ratelimit-remaining"
    reset: str = "x-ratelimit-reset"
    seconds: float = 1.0
    price: int = 1


GITHUB_BUDGETS: Final = (Budget(),)
# An endpoint's own limit is left to the refusal: it says nothing about the other queries.
LINEAR_BUDGETS: Final = tuple(
    Budget(name, f"x-ratelimit-{name}-remaining", f"x-ratelimit-{name}-reset", 0.001, price)
    for name, price in (("requests", 1), ("complexity", 0))
)


class _State(msgspec.Struct):
    """One token's quota: `reset_at` and the minute's `asked_at` in seconds of our own clock."""

    remaining: int = UNKNOWN
    reset_at: float = 0.0
    asked: dict[str, int] = {}


@dataclass(frozen=True)
class Quotas:
    """The quotas of some tokens; `folder` is shared by all processes that use them.

    `per_minute` is how many requests a provider allows that does not say so in its answers.
    """

    source: str
    folder: Path
    tokens: Sequence[Token]
    per_minute: Mapping[str, int] = field(default_factory=dict)
    budgets: Sequence[Budget] = GITHUB_BUDGETS

    def choose(self, resource: str, preferred: str | None) -> Token:
        """A token that may ask now; the preferred one if it may, else the one with most left.

        Raises:
            TransientError: none may; `retry_after` says in how many seconds the first one may.
        """
        ranked: list[tuple[float, bool, int, int]] = []
        for place, token in enumerate(self.tokens):
            wait, remaining = self._look(token, resource)
            ranked.append((wait, token.identity != preferred, -remaining, place))
        wait, _, _, place = min(ranked)
        if wait > 0:
            raise TransientError(
                f"{self.source}.{resource}",
                f"the quota of {_count(self.tokens)} is used up for {wait:.0f} s",
                "quota left",
                "wait, or add a token",
                code="rate_limited",
                retry_after=wait,
            )
        self._note_asked(self.tokens[place], resource)
        return self.tokens[place]

    def observe(self, token: Token, resource: str, response: httpx.Response) -> None:
        """Keep what the response's `x-ratelimit-*` headers say."""
        for budget in self.budgets:
            self._observe(token, resource, budget, response)

    def _observe(
        self, token: Token, resource: str, budget: Budget, response: httpx.Response
    ) -> None:
        headers = response.headers
        left, reset = headers.get(budget.remaining, ""), headers.get(budget.reset, "")
        if not (left.isdigit() and reset.isdigit()):
            return
        seconds = float(reset) * budget.seconds - server_time(response).timestamp()
        with self._opened(token, resource, budget) as file:
            is_same_window = abs(file.state.reset_at - time.time() - seconds) < 5
            # Answers of parallel requests arrive in any order: the lower number is the later one.
            known = file.state.remaining if is_same_window else UNKNOWN
            file.state.remaining = min(int(left), known)
            file.state.reset_at = time.time() + seconds

    def _look(self, token: Token, resource: str) -> tuple[float, int]:
        """Seconds until a token may ask, and how much it has left of its scarcest budget."""
        looks = [self._look_at(token, resource, budget) for budget in self.budgets]
        return max(wait for wait, _ in looks), min(left for _, left in looks)

    def _look_at(self, token: Token, resource: str, budget: Budget) -> tuple[float, int]:
        with self._opened(token, resource, budget) as file:
            state, now = file.state, time.time()
            is_told = state.reset_at > now
            if not is_told and resource not in self.per_minute:
                return 0.0, UNKNOWN
            if is_told and state.remaining <= 0:
                return state.reset_at - now + 1, 0
            recent = _recent(state.asked, now)
            limit = self.per_minute.get(resource, POINTS_PER_MINUTE.get(resource, UNKNOWN))
            if sum(recent.values()) >= limit:
                return max(1.0, min(map(float, recent)) + 60 - now), state.remaining
            return 0.0, state.remaining

    def _note_asked(self, token: Token, resource: str) -> None:
        for budget in self.budgets:
            if not budget.price:
                continue
            with self._opened(token, resource, budget) as file:
                now = time.time()
                file.state.asked = _recent(file.state.asked, now)
                second = str(int(now))
                file.state.asked[second] = file.state.asked.get(second, 0) + budget.price
                if file.state.remaining < UNKNOWN:
                    file.state.remaining -= budget.price

    def _opened(self, token: Token, resource: str, budget: Budget) -> _File:
        name = ".".join(part for part in (token.identity, resource, budget.name) if part)
        return _File(self.folder / f"{name}.json")


class _File:
    """A state in a file, under a lock, written back where it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path.with_suffix(".lock"))

    def __enter__(self) -> _File:
        self._lock.acquire()
        try:
            self._before = self._path.read_bytes()
            self.state = msgspec.json.decode(self._before, type=_State)
        except (FileNotFoundError, msgspec.MsgspecError):
            self._before, self.state = b"", _State()  # Killed while writing: ask, and learn again.
        return self

    def __exit__(self, *_: object) -> None:
        after = msgspec.json.encode(self.state)
        if after != self._before:
            self._path.write_bytes(after)
        self._lock.release()


def _recent(asked: dict[str, int], now: float) -> dict[str, int]:
    return {second: count for second, count in asked.items() if float(second) > now - 60}


def _count(tokens: Iterable[Token]) -> str:
    number = len(list(tokens))
    return "the token" if number == 1 else f"all {number} tokens"
