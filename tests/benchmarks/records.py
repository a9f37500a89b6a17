"""Issues to load: GitHub's own shape, about 5 KB each, no two alike, and the same in every run.

A file holds `count` issues in the order of their last change, then newer versions of `changed` of
them, spread evenly. Bodies are made of invented words in natural frequencies (Zipf), which compress
about as English does; logins, hashes and numbers are random.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import msgspec

REPOSITORY = "tidewater-labs/benchmark"
FIRST_CHANGE = datetime(2012, 1, 1, tzinfo=UTC)
SECONDS_BETWEEN_CHANGES = 61
SEPARATOR = b",\n"

API = f"https://api.github.com/repos/{REPOSITORY}"
SYLLABLES = [c + v + e for c in "bdfgklmnprstvw" for v in "aeiou" for e in ("", "n", "r", "s")]
LABELS = ("bug", "documentation", "enhancement", "good first issue", "question", "wontfix")
MARKUP = ("", "", "", "\n\n- ", "\r\n", "\n\n## ", " `", "` ", ". ", ", ")


@dataclass(frozen=True)
class Records:
    """A file of issues, joined as in a JSON list, and where each of them begins."""

    path: Path

    @property
    def _offsets_path(self) -> Path:
        return self.path.with_suffix(".offsets")

    @cached_property
    def offsets(self) -> array[int]:
        """Where each record begins, and where one more would."""
        offsets = array("Q")
        offsets.frombytes(self._offsets_path.read_bytes())
        return offsets

    def size(self, count: int) -> int:
        """Bytes of the first `count` records, without what joins them."""
        return self.offsets[count] - count * len(SEPARATOR)

    def write(self, count: int, changed: int) -> None:
        """Generate the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        offsets, position = array("Q", [0]), 0
        with self.path.open("wb") as file:
            for record in generate(count, changed):
                position += file.write(record) + file.write(SEPARATOR)
                offsets.append(position)
        self._offsets_path.write_bytes(offsets.tobytes())


def generate(count: int, changed: int) -> Iterator[bytes]:
    """`count` issues, then `changed` newer versions of some of them."""
    writer = _Writer()
    for position in range(count):
        yield msgspec.json.encode(writer.issue(position + 1, position))
    for i in range(changed):
        yield msgspec.json.encode(writer.issue(i * count // changed + 1, count + i))


def changed_at(position: int) -> datetime:
    """The last change of the record at a position of the file."""
    return FIRST_CHANGE + timedelta(seconds=SECONDS_BETWEEN_CHANGES * position)


def first_since(moment: datetime) -> int:
    """The position of the first record changed at `moment` or later."""
    seconds = (moment - FIRST_CHANGE).total_seconds()
    return max(0, -int(-seconds // SECONDS_BETWEEN_CHANGES))


class _Writer:
    def __init__(self) -> None:
        self.random = Random(20_120_101)
        self.words = [self._word() for _ in range(8_000)]
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))
        self.users = [self._user(number) for number in range(1, 401)]

    def issue(self, number: int, position: int) -> dict[str, Any]:
        random, moment = self.random, to_text(changed_at(position))
        url, is_closed = f"{API}/issues/{number}", random.random() < 0.6
        assignees = random.sample(self.users, random.choice((0, 0, 1, 1, 2)))
        return {
            "url": url,
            "repository_url": API,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"https://github.com/{REPOSITORY}/issues/{number}",
            "id": 1_700_000_000 + number,
            "node_id": f"I_kwDOBench{number:09d}",
            "number": number,
            "title": self._text(8),
            "user": random.choice(self.users),
            "labels": [self._label(name) for name in random.sample(LABELS, random.randrange(3))],
            "state": "closed" if is_closed else "open",
            "locked": False,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": None,
            "comments": random.randrange(12),
            "created_at": to_text(changed_at(number - 1)),
            "updated_at": moment,
            "closed_at": moment if is_closed else None,
            "author_association": random.choice(("MEMBER", "CONTRIBUTOR", "NONE")),
            "type": None,
            "active_lock_reason": None,
            "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
            "body": f"{self._text(random.randrange(20, 300))} {random.randbytes(20).hex()}",
            "reactions": {
                "url": f"{url}/reactions",
                "total_count": 0,
                **dict.fromkeys(("+1", "-1", "laugh", "hooray", "confused", "heart"), 0),
                **dict.fromkeys(("rocket", "eyes"), 0),
            },
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": None,
            "state_reason": "completed" if is_closed else None,
        }

    def _text(self, words: int) -> str:
        random = self.random
        chosen = random.choices(self.words, cum_weights=self.weights, k=words)
        for i in range(7, words, 9):
            chosen[i] += random.choice(MARKUP)
        return " ".join(chosen)

    def _word(self) -> str:
        return "".join(self.random.choices(SYLLABLES, k=self.random.choice((1, 2, 2, 3, 3, 4))))

    def _user(self, number: int) -> dict[str, Any]:
        login = f"{self._word()}-{self._word()}"
        url, identity = f"https://api.github.com/users/{login}", self.random.randrange(10**8)
        return {
            "login": login,
            "id": identity,
            "node_id": f"U_kgDO{number:06d}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{identity}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"https://github.com/{login}",
            "followers_url": f"{url}/followers",
            "following_url": f"{url}/following{{/other_user}}",
            "gists_url": f"{url}/gists{{/gist_id}}",
            "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
            "subscriptions_url": f"{url}/subscriptions",
            "organizations_url": f"{url}/orgs",
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events{{/privacy}}",
            "received_events_url": f"{url}/received_events",
            "type": "User",
            "user_view_type": "public",
            "site_admin": False,
        }

    def _label(self, name: str) -> dict[str, Any]:
        number = LABELS.index(name)
        return {
            "id": 9_000 + number,
            "node_id": f"LA_kwDOBench{number}",
            "url": f"{API}/labels/{name}",
            "name": name,
            "color": f"{number * 40:02x}88aa",
            "default": True,
            "description": f"About {name}",
        }


def to_text(moment: datetime) -> str:
    """A time as GitHub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
