"""One request that tells of up to a hundred repositories whether anything in them has moved.

Newest issue, pull request, discussion, release and deployment, heads of branches, counts. What it
cannot see (an edited label, a scheduled workflow run, a deleted comment) waits for the daily visit.
A repository whose newest change is younger than the cursors' overlap is visited again: times are
whole seconds, and another change of the same second would look the same.
A visit of the same run asks for nothing that the probe has already answered (`Facts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from dlt_pipelines.exceptions import HeadwaterError, TransientError
from dlt_pipelines.github.code import Head
from dlt_pipelines.github.graphql import MOST, document, endpoint
from dlt_pipelines.http import Client, Meter

# Of these the number of objects is in every answer, by the resource's name.
COUNTED: Final = (
    "tags",
    "issues",
    "pull_requests",
    "discussions",
    "releases",
    "deployments",
    "labels",
    "milestones",
)


class _Newest(msgspec.Struct, rename="camel"):
    updated_at: datetime | None = None


class _Count(msgspec.Struct, rename="camel"):
    total_count: int
    nodes: list[_Newest] = []


class _Object(msgspec.Struct):
    oid: str


class _Commit(msgspec.Struct):
    oid: str
    tree: _Object | None = None


class _Ref(msgspec.Struct):
    name: str
    target: _Commit | None = None


class _Refs(msgspec.Struct, rename="camel"):
    total_count: int
    nodes: list[_Ref]


class Facts(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a probe found out of one repository; everything is unknown where none was made."""

    default_branch_ref: _Ref | None = None
    heads: _Refs | None = None
    tags: _Count | None = None
    issues: _Count | None = None
    pull_requests: _Count | None = None
    discussions: _Count | None = None
    releases: _Count | None = None
    deployments: _Count | None = None
    labels: _Count | None = None
    milestones: _Count | None = None

    @classmethod
    def of(cls, found: bytes) -> Facts:
        """What an answer of `probe` for one repository says."""
        return msgspec.json.decode(found, type=cls) if found else cls()

    def head(self, branch: str) -> Head | None:
        """What a branch points to (empty name: the default branch), where that is known."""
        refs = self.heads.nodes if self.heads else []
        named = next((ref for ref in refs if ref.name == branch), None)
        ref = named if branch else self.default_branch_ref
        if ref is None or ref.target is None or ref.target.tree is None:
            return None
        return Head(ref.target.oid, ref.target.tree.oid)

    @property
    def has_no_branch(self) -> bool:
        """Whether nothing was ever pushed."""
        return self.heads is not None and not self.heads.total_count

    def is_settled(self, overlap: timedelta, asked_at: datetime) -> bool:
        """Whether nothing can still come beside the newest changes, by GitHub's own clock.

        Its times are whole seconds: a second edit within one, or one that is replicated late,
        leaves the newest time as it is.
        """
        counts = [count for name in COUNTED if (count := getattr(self, name))]
        changes = [node.updated_at for count in counts for node in count.nodes if node.updated_at]
        return all(asked_at - change > overlap for change in changes)

    @property
    def empty(self) -> frozenset[str]:
        """The resources of which there are no objects."""
        names = {
            name for name in COUNTED if (count := getattr(self, name)) and not count.total_count
        }
        if "pull_requests" in names:
            names |= {"review_comments"}
        # REST's issues are pull requests too.
        if not {"issues", "pull_requests"} <= names:
            names -= {"issues"}
        else:
            names |= {"issue_comments", "issue_events"}
        return frozenset(names)


def probe(client: Client, names: Sequence[str], meter: Meter) -> Mapping[str, bytes]:
    """What GitHub says of each repository now; those it does not know are left out."""
    found: dict[str, bytes] = {}
    for start in range(0, len(names), MOST):
        found.update(_ask(client, names[start : start + MOST], meter))
    return found


def _ask(client: Client, names: Sequence[str], meter: Meter) -> Iterator[tuple[str, bytes]]:
    try:
        answer = client.graphql(
            meter,
            endpoint(client.base_url),
            _query(names),
            {},
            dict[str, msgspec.Raw],
            attempts=1 if len(names) > 1 else None,
            accept_missing=True,
        )
    except HeadwaterError as error:
        if not isinstance(error, TransientError) or len(names) == 1:
            raise
        middle = len(names) // 2
        yield from _ask(client, names[:middle], meter)
        yield from _ask(client, names[middle:], meter)
        return
    for number, name in enumerate(names):
        if (fingerprint := bytes(answer[f"r{number}"])) != b"null":
            yield name, fingerprint


def _query(names: Sequence[str]) -> str:
    """The document `probe.graphql` with its one repository replaced by all of these."""
    text = document("probe")
    fragment = text[text.index("fragment Fingerprint") :]
    fields = []
    for number, name in enumerate(names):
        owner, repo = (msgspec.json.encode(part).decode() for part in name.split("/"))
        alias = f"r{number}: repository(owner: {owner}, name: {repo})"
        fields.append(f"{alias} {{ ...Fingerprint }}")
    return (
        f"query Probe {{ rateLimit {{ cost remaining resetAt }} {' '.join(fields)} }}\n{fragment}"
    )
