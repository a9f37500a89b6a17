"""How much the sandbox lets a token ask, as the providers count it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What each provider allows; the defaults are those of an ordinary account.

    Notion publishes 180 requests a minute and lets bursts through, so it is not enforced unless
    asked for; scripted faults show its 429. Neither are GitHub's secondary limits, of points in any
    minute and of requests at a time.
    """

    github_requests_per_hour: int = 5_000
    github_graphql_points_per_hour: int = 5_000
    github_window_seconds: int = 3_600
    github_points_per_minute: int | None = None
    github_concurrent: int | None = None
    github_app_token_seconds: int = 3_600
    github_tree_entries: int = 100_000
    github_blob_bytes: int = 100_000_000
    github_link_seconds: int = 300
    linear_requests_per_hour: int = 2_500
    linear_complexity_per_hour: int = 3_000_000
    linear_complexity_per_query: int = 10_000
    notion_requests_per_minute: int | None = None
    notion_results_per_query: int = 10_000


@dataclass
class Budget:
    """A number of points per window of seconds, counted from the first use."""

    limit: int
    window_seconds: int = 3_600
    used: int = 0
    reset_at: float = field(default_factory=time.time)

    @property
    def remaining(self) -> int:
        """Points left in this window."""
        self._roll()
        return max(0, self.limit - self.used)

    def spend(self, points: int = 1) -> bool:
        """Take points; False, taking none, if there are not enough."""
        if self.remaining < points:
            return False
        self.used += points
        return True

    def _roll(self) -> None:
        now = time.time()
        if now >= self.reset_at:
            self.used, self.reset_at = 0, now + self.window_seconds


@dataclass
class SlidingMinute:
    """At most a number of points in any sixty seconds."""

    limit: int
    spent: deque[tuple[float, int]] = field(default_factory=deque)

    def spend(self, points: int) -> float:
        """Take points; the seconds to wait, taking none, where there are not enough, else 0."""
        now = time.monotonic()
        while self.spent and self.spent[0][0] <= now - 60:
            self.spent.popleft()
        if sum(taken for _, taken in self.spent) + points <= self.limit:
            self.spent.append((now, points))
            return 0
        return self.spent[0][0] + 60 - now if self.spent else 60.0
