"""The objects of GitHub's GraphQL API: which rows they are, by their global id and by their parent.

Both APIs serve the same rows. Indexes hold rows as they came and are remembered until a row
changes, so that only what is asked for is decoded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from include.sandbox.collection import Collection, Json
from include.sandbox.github_history import commit_of, refs_of
from include.sandbox.github_listings import number_in
from include.sandbox.workspace import GitHubOrganization, GitHubRepository, Workspace

KINDS: Final = {
    "pull_requests": "PullRequest",
    "issues": "Issue",
    "reviews": "PullRequestReview",
    "review_comments": "PullRequestReviewComment",
    "issue_comments": "IssueComment",
    "discussions": "Discussion",
    "discussion_comments": "DiscussionComment",
    "workflow_runs": "WorkflowRun",
    "workflow_jobs": "CheckRun",
    "deployments": "Deployment",
    "deployment_statuses": "DeploymentStatus",
    "releases": "Release",
    "labels": "Label",
    "milestones": "Milestone",
    "commits": "Commit",
}
"""Kind of row to the type of its node; the first kind that has an id wins."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: its type, its row, and the repository or organization it belongs to."""

    type: str
    row: Json
    repository: GitHubRepository | None = None
    organization: GitHubOrganization | None = None

    @property
    def home(self) -> GitHubRepository:
        """The repository of an object that always has one.

        Raises:
            LookupError: it has none.
        """
        if self.repository is None:
            raise LookupError(f"sandbox.github: a {self.type} without repository")
        return self.repository

    def of(self, kind: str, row: Json | bytes) -> Thing:
        """Another object of the same home."""
        decoded: Json = msgspec.json.decode(row) if isinstance(row, bytes) else row
        return Thing(kind, decoded, self.repository, self.organization)


class Reference(msgspec.Struct):
    """An object that another refers to."""

    id: str | int = 0
    number: int | None = None


class Links(msgspec.Struct):
    """What rows are found, grouped and sorted by; absent fields are None, whatever the kind."""

    id: str | int = 0
    node_id: str | None = None
    sha: str | None = None
    number: int | None = None
    state: str | None = None
    name: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    created: str | None = msgspec.field(name="createdAt", default=None)
    updated: str | None = msgspec.field(name="updatedAt", default=None)
    submitted_at: str | None = None
    comments: int | Json | None = None
    issue_url: str | None = None
    pull_request_url: str | None = None
    pull_request: Json | None = None
    pull_request_review_id: int | None = None
    in_reply_to_id: int | None = None
    deployment_url: str | None = None
    run_id: int | None = None
    run_attempt: int = 1
    check_suite_node_id: str | None = None
    comment_id: int | None = None
    discussion: Reference | None = None
    reply_to: Reference | None = msgspec.field(name="replyTo", default=None)
    issue: Reference | int | None = None
    event: str | None = None
    team: str | None = None

    @property
    def global_id(self) -> str | None:
        """The id that GraphQL knows an object by."""
        return self.node_id or (self.id if isinstance(self.id, str) else None)

    @property
    def made(self) -> str:
        """When it was created, in any kind's words."""
        return self.created_at or self.created or self.submitted_at or ""

    @property
    def changed(self) -> str:
        """When it last changed, in any kind's words."""
        return self.updated_at or self.updated or self.submitted_at or self.made


LINKS: Final = msgspec.json.Decoder(Links)

Row = tuple[Links, bytes]
Key = Callable[[Links], Hashable]


def rows_of(collection: Collection) -> list[Row]:
    """Every row with what it is found by."""
    return collection.derived(
        "links", lambda: [(LINKS.decode(raw), raw) for raw in collection.raw()]
    )


def indexed(collection: Collection, name: Hashable, key: Key) -> Mapping[Hashable, bytes]:
    """Rows by a key of their own."""
    return collection.derived(
        ("index", name), lambda: {key(links): raw for links, raw in rows_of(collection)}
    )


def grouped(collection: Collection, name: Hashable, key: Key) -> Mapping[Hashable, list[Row]]:
    """Rows by what they belong to, oldest first."""

    def build() -> dict[Hashable, list[Row]]:
        groups: dict[Hashable, list[Row]] = {}
        for row in rows_of(collection):
            groups.setdefault(key(row[0]), []).append(row)
        for rows in groups.values():
            rows.sort(key=lambda row: (row[0].made, str(row[0].id).zfill(20)))
        return groups

    return collection.derived(("groups", name), build)


def by_pull_number(collection: Collection) -> Mapping[Hashable, list[Row]]:
    """Reviews or review comments by the number of their pull request."""
    return grouped(collection, "pull", lambda links: number_in(links.pull_request_url))


def by_issue_number(collection: Collection) -> Mapping[Hashable, list[Row]]:
    """Comments by the number of their issue or pull request."""
    return grouped(collection, "issue", lambda links: number_in(links.issue_url))


def by_plain_number(collection: Collection) -> Mapping[Hashable, list[Row]]:
    """Files, commits or closing issues by the number of their pull request, in their own order."""

    def build() -> dict[Hashable, list[Row]]:
        groups: dict[Hashable, list[Row]] = {}
        for row in rows_of(collection):
            groups.setdefault(row[0].number, []).append(row)
        return groups

    return collection.derived("groups by number", build)


def pull_by_number(repository: GitHubRepository, number: int | None) -> Thing | None:
    """A pull request."""
    raw = indexed(repository.pull_requests, "number", lambda links: links.number).get(number)
    return None if raw is None else Thing("PullRequest", msgspec.json.decode(raw), repository)


def issue_by_number(repository: GitHubRepository, number: int | None) -> Thing | None:
    """An issue that is no pull request."""
    raw = indexed(repository.issues, "number", lambda links: links.number).get(number)
    row = None if raw is None else msgspec.json.decode(raw)
    return None if row is None or row.get("pull_request") else Thing("Issue", row, repository)


def commit_thing(repository: GitHubRepository, sha: str | None) -> Thing | None:
    """A commit of a repository, which is looked up once more than its SHA is asked for."""
    return Thing("Commit", {"sha": sha}, repository) if sha else None


def whole_commit(thing: Thing) -> Json:
    """All of a commit as REST has it; one that is gone has nothing but its SHA."""
    if "commit" in thing.row:
        return thing.row
    nothing: Json = {"commit": {"message": "", "author": None, "committer": None}, "parents": []}
    return commit_of(thing.home, thing.row["sha"]) or thing.row | nothing


def threads_of(repository: GitHubRepository, number: int | None) -> list[Json]:
    """The review threads of a pull request: its first comments, with what is recorded of each."""
    groups: dict[int, list[Row]] = {}
    for links, raw in by_pull_number(repository.review_comments).get(number, []):
        root = links.in_reply_to_id or int(links.id)
        groups.setdefault(root, []).append((links, raw))
    return [to_thread(repository, root, rows) for root, rows in groups.items()]


def to_thread(repository: GitHubRepository, root: int, rows: list[Row]) -> Json:
    """A review thread: its first comment's place and its recorded state."""
    states = indexed(repository.review_threads, "comment", lambda links: links.comment_id)
    state: Json = msgspec.json.decode(states[root]) if root in states else {}
    return {"id": f"PRRT_{root}", **state, "root": msgspec.json.decode(rows[0][1]), "rows": rows}


def thread_by_id(repository: GitHubRepository, node_id: str) -> Thing | None:
    """A review thread by its recorded id, or the one made of its first comment's."""
    states = indexed(repository.review_threads, "id", lambda links: links.id)
    if node_id in states:
        root = LINKS.decode(states[node_id]).comment_id
    elif node_id.startswith("PRRT_") and node_id[5:].isdecimal():
        root = int(node_id[5:])
    else:
        return None
    comments = grouped(
        repository.review_comments, "thread", lambda links: links.in_reply_to_id or links.id
    )
    rows = comments.get(root)
    return (
        Thing("PullRequestReviewThread", to_thread(repository, root, rows), repository)
        if (rows and root)
        else None
    )


class Nodes:
    """Every object that one token may see, by its global id."""

    def __init__(self, workspace: Workspace, sees: Callable[[GitHubRepository], bool]) -> None:
        self.workspace = workspace
        self._sees = sees

    def repositories(self) -> Iterator[GitHubRepository]:
        """The repositories that the token may see."""
        return (one for one in self.workspace.repositories.values() if self._sees(one))

    def repository(self, name: str, *, follow: bool = True) -> GitHubRepository | None:
        """A repository by its name, or by one that it had before."""
        found = self.workspace.repositories.get(name.lower())
        if found is None and follow:
            found = self.workspace.moved.get(name.lower())
        return found if found is not None and self._sees(found) else None

    def find(self, node_id: str) -> Thing | None:
        """The object of a global id; None if there is none that the token may see."""
        for organization in self.workspace.organizations.values():
            found = node_of_organization(organization, node_id)
            if found is not None:
                return found
        for repository in self.repositories():
            found = node_of_repository(repository, node_id)
            if found is not None:
                return found
        return named_by_git(self, node_id)


def node_of_organization(organization: GitHubOrganization, node_id: str) -> Thing | None:
    """An organization, one of its teams or one of its members."""
    if organization.organization.get("node_id") == node_id:
        return Thing("Organization", organization.organization, organization=organization)
    for collection, kind in ((organization.teams, "Team"), (organization.members, "User")):
        raw = indexed(collection, "node", lambda links: links.node_id).get(node_id)
        if raw is not None:
            return Thing(kind, msgspec.json.decode(raw), organization=organization)
    return None


def node_of_repository(repository: GitHubRepository, node_id: str) -> Thing | None:
    """A repository or an object in it."""
    if repository.repository.get("node_id") == node_id:
        return Thing("Repository", repository.repository, repository)
    for kind, name in KINDS.items():
        collection = repository.collection(kind)
        if not len(collection):
            continue
        raw = indexed(collection, "node", lambda links: links.global_id).get(node_id)
        if raw is not None:
            return to_node(repository, name, msgspec.json.decode(raw))
    if len(repository.workflow_runs):
        suites = indexed(repository.workflow_runs, "suite", suite_id)
        if node_id in suites:
            return Thing("CheckSuite", msgspec.json.decode(suites[node_id]), repository)
    return thread_by_id(repository, node_id)


def to_node(repository: GitHubRepository, name: str, row: Json) -> Thing:
    """A row's node: an issue that is a pull request is that, even if it is not recorded as one."""
    is_pull = name == "Issue" and row.get("pull_request")
    return Thing("PullRequest" if is_pull else name, row, repository)


def suite_id(links: Links) -> str:
    """The id of a workflow run's check suite."""
    return links.check_suite_node_id or f"CS_{links.id}"


def named_by_git(nodes: Nodes, node_id: str) -> Thing | None:
    """A commit or a ref that no row has, by the repository and the name in its id."""
    prefix, _, encoded = node_id.partition("_")
    if prefix not in ("C", "REF"):
        return None
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    home, _, name = decoded.partition(":")
    repository = nodes.repository(home)
    if repository is None:
        return None
    if prefix == "C":
        row = commit_of(repository, name)
        return Thing("Commit", row, repository) if row else None
    for ref in refs_of(repository, name):
        if ref.name == name:
            return Thing("Ref", {"name": name, "sha": ref.sha, "commit": ref.commit}, repository)
    return None
