"""How much the sandbox lets a token ask, as the providers count it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What each provider allows; the defaults are those of an ordinary account.

    Notion publishes 180 requests a minute and lets bursts through, so it is not enforced unless
    asked for; scripted faults show its 429. `notion_burst` is how many may come at once, as many
    as in a minute unless told otherwise. Without `notion_has_markdown` pages cannot be read as
    Markdown, as in plans that lack it. GitHub's secondary limits, of points in any minute and of
    requests at a time, are not enforced unless asked for either. At Linear, root fields may have an
    hourly limit of their own beside the one of all requests.
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
    linear_oauth_requests_per_hour: int = 5_000
    linear_oauth_complexity_per_hour: int = 2_000_000
    linear_requests_per_endpoint: Mapping[str, int] = field(default_factory=dict)
    notion_requests_per_minute: int | None = None
    notion_burst: int | None = None
    notion_results_per_query: int = 10_000
    notion_markdown_blocks: int = 20_000
    notion_has_markdown: bool = True


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


@dataclass
class TokenBucket:
    """So many points a minute, of which a burst may be saved up and spent at once."""

    per_minute: int
    burst: int
    saved: float = field(init=False)
    seen_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Begin with a whole burst."""
        self.saved = self.burst

    def spend(self) -> float:
        """Take a point; the seconds to wait, taking none, where there is none, else 0."""
        now = time.monotonic()
        self.saved = min(self.burst, self.saved + (now - self.seen_at) * self.per_minute / 60)
        self.seen_at = now
        if self.saved < 1:
            return (1 - self.saved) * 60 / self.per_minute
        self.saved -= 1
        return 0
