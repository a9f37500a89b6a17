"""GitHub's listings: which filters, sorts and defaults each has, and how rows are chosen.

Rows are sorted once per combination of parameters and remembered until an object changes, so that a
page of a listing of 200,000 rows is a slice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from include.sandbox.collection import Collection

EPOCH_ENDS = "1980"
"""GitHub answers a `since` this long ago with nothing at all."""


class Issue(msgspec.Struct):
    """The issue inside an issue event."""

    number: int | None = None


class Keys(msgspec.Struct):
    """What listings filter and sort by; absent fields are None, whatever the kind."""

    id: int = 0
    number: int | None = None
    state: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    submitted_at: str | None = None
    due_on: str | None = None
    comments: int | None = None
    open_issues: int = 0
    closed_issues: int = 0
    issue_url: str | None = None
    pull_request_url: str | None = None
    issue: Issue | None = None

    @property
    def all_issues(self) -> int:
        """How many issues a milestone has."""
        return self.open_issues + self.closed_issues


Row = tuple[Keys, bytes]
SortKey = Callable[[Keys], Any]
KEYS = msgspec.json.Decoder(Keys)


class InvalidParameterError(ValueError):
    """A query parameter that GitHub refuses, or that the sandbox does not serve."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name}={value}; expected {expected}")
        self.name = name
        self.value = value


@dataclass(frozen=True, eq=False)
class Listing:
    """One listing endpoint.

    `sorts` maps values of `sort` to keys; `by_default` orders where `sort` is absent. `parent` is
    the number of the issue or pull request a row belongs to, which must exist in one of the kinds
    `parents`. `without` names a field that the listing leaves out. `unserved` are documented
    parameters that are refused. `other_sorts` are values of `sort` that its contract does not name
    and GitHub takes for the default.
    """

    kind: str
    by_default: SortKey = lambda keys: keys.id
    descending_by_default: bool = False
    sorts: Mapping[str, SortKey] = field(default_factory=dict)
    descending_when_sorted: Mapping[str, bool] = field(default_factory=dict)
    has_states: bool = False
    has_since: bool = False
    parent: SortKey | None = None
    parents: tuple[str, ...] = ()
    without: str | None = None
    unserved: tuple[str, ...] = ()
    other_sorts: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommitListing:
    """`/commits`: ordered and filtered by the committer's date."""

    unserved: tuple[str, ...] = ("path", "author", "committer")

    def newest_first(self, rows: list[bytes]) -> list[bytes]:
        """Recorded commits by date; equal dates keep the order of the recording."""
        return sorted(rows, key=committed_at, reverse=True)

    def between(self, rows: list[bytes], query: Mapping[str, str]) -> list[bytes]:
        """The rows between `since` and `until`."""
        refuse(self.unserved, query)
        since, until = timestamp("since", query), timestamp("until", query)
        if since is None and until is None:
            return rows
        return [raw for raw in rows if (since or "") <= committed_at(raw) <= (until or "9999")]


def select(
    collection: Collection, listing: Listing, query: Mapping[str, str], parent: int | None = None
) -> list[bytes]:
    """The rows of a listing, filtered and sorted as the query says.

    Raises:
        InvalidParameterError: a parameter has a value that GitHub would refuse.
    """
    refuse(listing.unserved, query)
    sorts = (*listing.sorts, *listing.other_sorts)
    sort = one_of("sort", query, sorts) if sorts else None
    sort = None if sort in listing.other_sorts else sort
    direction = one_of("direction", query, ("asc", "desc")) if listing.sorts else None
    state = one_of("state", query, ("open", "closed", "all")) if listing.has_states else "all"
    since = timestamp("since", query) if listing.has_since else None
    descending = is_descending(listing, sort, direction)

    def chosen(rows: list[Row]) -> list[bytes]:
        if since is not None:
            rows = rows_since(rows, since, sort, descending)
        if state != "all":
            rows = [row for row in rows if row[0].state == (state or "open")]
        return [without(raw, listing.without) for _, raw in rows]

    if parent is not None:
        return chosen(rows_of_parent(collection, listing, sort, descending).get(parent, []))
    return collection.derived(
        (listing, sort, descending, state, since),
        lambda: chosen(sorted_rows(collection, listing, sort, descending)),
    )


def is_descending(listing: Listing, sort: str | None, direction: str | None) -> bool:
    """The direction asked for, or the default that belongs to the sort."""
    if sort is None and not listing.has_states:
        return listing.descending_by_default
    if direction is not None:
        return direction == "desc"
    if sort is None:
        return listing.descending_by_default
    return listing.descending_when_sorted.get(sort, True)


def sorted_rows(
    collection: Collection, listing: Listing, sort: str | None, descending: bool
) -> list[Row]:
    """All rows in order; rows with equal keys are ordered by id."""
    key = listing.sorts[sort] if sort else listing.by_default

    def build() -> list[Row]:
        rows = collection.derived(
            "rows", lambda: [(KEYS.decode(raw), raw) for raw in collection.raw()]
        )
        return sorted(rows, key=lambda row: (sortable(key(row[0])), row[0].id), reverse=descending)

    return collection.derived(("sorted", listing, sort, descending), build)


def rows_of_parent(
    collection: Collection, listing: Listing, sort: str | None, descending: bool
) -> dict[int | None, list[Row]]:
    """Rows in order, by the number of the issue or pull request they belong to."""

    def build() -> dict[int | None, list[Row]]:
        groups: dict[int | None, list[Row]] = {}
        for row in sorted_rows(collection, listing, sort, descending):
            groups.setdefault(listing.parent(row[0]) if listing.parent else None, []).append(row)
        return groups

    return collection.derived(("parents", listing, sort, descending), build)


def rows_since(rows: list[Row], since: str, sort: str | None, descending: bool) -> list[Row]:
    """Rows updated at `since` or later."""
    if since < EPOCH_ENDS:
        return []
    if sort != "updated":
        return [row for row in rows if (row[0].updated_at or "") >= since]
    if descending:
        return rows[: bisect_left(rows, True, key=lambda row: (row[0].updated_at or "") < since)]
    return rows[bisect_left(rows, since, key=lambda row: row[0].updated_at or "") :]


def sortable(value: Any) -> tuple[bool, Any]:
    """A key that sorts beside None, which comes last."""
    return value is None, value


def refuse(names: tuple[str, ...], query: Mapping[str, str]) -> None:
    """Refuse documented parameters that the sandbox does not serve."""
    for name in names:
        if name in query:
            raise InvalidParameterError(name, query[name], "a parameter that the sandbox serves")


def one_of(name: str, query: Mapping[str, str], values: tuple[str, ...]) -> str | None:
    """A parameter's value, which must be one of these; None if it is absent."""
    value = query.get(name)
    if value is not None and value not in values:
        raise InvalidParameterError(name, value, f"one of {', '.join(values)}")
    return value


def timestamp(name: str, query: Mapping[str, str]) -> str | None:
    """A timestamp in the form that GitHub's objects have, so that text compares as time."""
    value = query.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidParameterError(name, value, "YYYY-MM-DDTHH:MM:SSZ") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def committed_at(raw: bytes) -> str:
    """When a commit was committed; the author's date where the committer is unknown."""
    commit = COMMIT.decode(raw).commit
    signature = commit.committer or commit.author
    return signature.date if signature else ""


def without(raw: bytes, name: str | None) -> bytes:
    """An object without one of its fields."""
    if name is None:
        return raw
    return msgspec.json.encode({k: v for k, v in msgspec.json.decode(raw).items() if k != name})


def number_in(url: str | None) -> int | None:
    """The number an API URL ends with."""
    return int(url.rsplit("/", 1)[1]) if url else None


class Signature(msgspec.Struct):
    """Who committed, and when."""

    date: str = ""


class CommitBody(msgspec.Struct):
    """The git part of a commit."""

    author: Signature | None = None
    committer: Signature | None = None


class Commit(msgspec.Struct):
    """What is needed of a commit to order it."""

    commit: CommitBody


COMMIT = msgspec.json.Decoder(Commit)

CREATED: SortKey = lambda keys: keys.created_at  # noqa: E731
UPDATED: SortKey = lambda keys: keys.updated_at  # noqa: E731
ISSUE_NUMBER: SortKey = lambda keys: number_in(keys.issue_url)  # noqa: E731
PULL_NUMBER: SortKey = lambda keys: number_in(keys.pull_request_url)  # noqa: E731
EVENT_NUMBER: SortKey = lambda keys: keys.issue.number if keys.issue else None  # noqa: E731
DUE_ON: SortKey = lambda keys: keys.due_on  # noqa: E731
COMPLETENESS: SortKey = lambda keys: keys.closed_issues / max(1, keys.all_issues)  # noqa: E731

ISSUES = Listing(
    "issues",
    by_default=CREATED,
    descending_by_default=True,
    sorts={"created": CREATED, "updated": UPDATED, "comments": lambda keys: keys.comments},
    has_states=True,
    has_since=True,
    unserved=(
        "milestone",
        "assignee",
        "type",
        "creator",
        "mentioned",
        "issue_field_values",
        "labels",
    ),
)
COMMENT_SORTS = {"created": CREATED, "updated": UPDATED}
ISSUE_COMMENTS = Listing("issue_comments", sorts=COMMENT_SORTS, has_since=True)
ISSUE_COMMENTS_OF_ISSUE = Listing(
    "issue_comments", has_since=True, parent=ISSUE_NUMBER, parents=("issues", "pull_requests")
)
ISSUE_EVENTS = Listing("issue_events", descending_by_default=True)
ISSUE_EVENTS_OF_ISSUE = Listing(
    "issue_events", parent=EVENT_NUMBER, parents=("issues", "pull_requests"), without="issue"
)
PULL_REQUESTS = Listing(
    "pull_requests",
    by_default=CREATED,
    descending_by_default=True,
    sorts={"created": CREATED, "updated": UPDATED},
    descending_when_sorted={"created": True, "updated": False},
    has_states=True,
    unserved=("head", "base"),
)
REVIEW_COMMENTS = Listing("review_comments", sorts=COMMENT_SORTS, has_since=True)
REVIEW_COMMENTS_OF_PULL = Listing(
    "review_comments",
    sorts=COMMENT_SORTS,
    has_since=True,
    parent=PULL_NUMBER,
    parents=("pull_requests",),
)
REVIEWS_OF_PULL = Listing("reviews", parent=PULL_NUMBER, parents=("pull_requests",))
LABELS = Listing("labels")
MILESTONES = Listing(
    "milestones",
    by_default=DUE_ON,
    sorts={"due_on": DUE_ON, "completeness": COMPLETENESS},
    descending_when_sorted={"due_on": False, "completeness": False},
    # Airbyte's source-github asks for it.
    other_sorts=("updated",),
    has_states=True,
)
RELEASES = Listing("releases", by_default=CREATED, descending_by_default=True)
COLLABORATORS = Listing("collaborators", unserved=("affiliation", "permission"))
COMMITS = CommitListing()
