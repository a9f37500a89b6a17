"""The rows of one repository, organization or workspace by kind, and what can befall them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from include.sandbox.collection import Collection, Json
from include.sandbox.git import GitCheckout
from include.sandbox.github_life import GitHubLife
from include.sandbox.github_listings import number_in
from include.sandbox.linear_life import LinearLife
from include.sandbox.linear_oauth import LinearOAuth
from include.sandbox.notion_life import NotionLife
from include.sandbox.notion_rows import NotionRows

Rows = Mapping[str, Iterable[Json | bytes]]


class Store:
    """Collections by kind: those of one GitHub repository, of Linear or of Notion."""

    kinds: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[Mapping[str, str]] = {}
    collections: ClassVar[type[Collection]] = Collection

    def __init__(self, rows: Rows) -> None:
        unknown = set(rows) - set(self.kinds)
        if unknown:
            raise ValueError(f"sandbox: no such kind {sorted(unknown)}; expected {self.kinds}")
        for kind in self.kinds:
            setattr(self, kind, self.collections(rows.get(kind, ()), self.keys.get(kind, "id")))

    def collection(self, kind: str) -> Collection:
        """The collection of a kind."""
        if kind not in self.kinds:
            raise KeyError(f"sandbox: no such kind {kind!r}; expected one of {self.kinds}")
        collection: Collection = getattr(self, kind)
        return collection

    def upsert(self, kind: str, payload: Json | bytes) -> None:
        """Add or replace an object of a kind."""
        self.collection(kind).upsert(payload)

    def delete(self, kind: str, object_id: str | int) -> None:
        """Forget an object of a kind."""
        self.collection(kind).delete(object_id)

    def find(self, kind: str, **equal: Any) -> Json | None:
        """The first object of a kind whose top-level fields have these values."""
        return self.collection(kind).find(**equal)


class GitHubRepository(GitHubLife, Store):
    """One GitHub repository: its own object and what hangs on it."""

    kinds = (
        "issues",
        "pull_requests",
        "issue_comments",
        "review_comments",
        "reviews",
        "issue_events",
        "commits",
        "labels",
        "milestones",
        "releases",
        "collaborators",
        "workflow_runs",
        "workflow_jobs",
        "deployments",
        "deployment_statuses",
        "discussions",
        "discussion_comments",
        "review_threads",
        "pull_request_files",
        "pull_request_commits",
        "closing_issues",
    )
    keys: ClassVar[Mapping[str, str]] = {"commits": "sha"}
    issues: Collection
    pull_requests: Collection
    issue_comments: Collection
    review_comments: Collection
    reviews: Collection
    issue_events: Collection
    commits: Collection
    labels: Collection
    milestones: Collection
    releases: Collection
    collaborators: Collection
    workflow_runs: Collection
    workflow_jobs: Collection
    deployments: Collection
    deployment_statuses: Collection
    discussions: Collection
    discussion_comments: Collection
    review_threads: Collection
    pull_request_files: Collection
    pull_request_commits: Collection
    closing_issues: Collection

    def __init__(
        self,
        repository: Json,
        rows: Rows,
        git: GitCheckout | None = None,
        wiki: GitCheckout | None = None,
    ) -> None:
        super().__init__(rows)
        self.repository = repository
        self.git = git
        self.wiki = wiki
        self.required_token: str | None = None
        self.deleted_issues: set[int] = set()
        self.transferred_issues: dict[int, str] = {}

    @property
    def name(self) -> str:
        """`owner/repo`."""
        return str(self.repository["full_name"])

    def delete_issue(self, number: int) -> None:
        """Delete an issue with its comments and events, as its repository's admin can.

        Raises:
            KeyError: there is no such issue.
        """
        self._take_out(number)
        self.deleted_issues.add(number)

    def transfer_issue(self, number: int, new_url: str) -> None:
        """Move an issue away: its address redirects to the new one, which names where it is.

        Raises:
            KeyError: there is no such issue.
        """
        self._take_out(number)
        self.transferred_issues[number] = new_url

    def delete_comment(self, comment_id: int) -> None:
        """Delete a comment; its issue has one less, and says nothing of a change.

        Raises:
            KeyError: there is no such comment.
        """
        comment = self.issue_comments.get(comment_id)
        if comment is None:
            raise KeyError(f"sandbox: {self.name} has no comment {comment_id}")
        self.issue_comments.delete(comment_id)
        number = number_in(comment["issue_url"])
        for kind in ("issues", "pull_requests"):
            row = self.find(kind, number=number)
            if row is not None and row.get("comments"):
                self.upsert(kind, row | {"comments": row["comments"] - 1})

    def forget_account(self, login: str) -> None:
        """Delete an account: what it made stays, by nobody."""
        for kind in self.kinds:
            collection = self.collection(kind)
            for raw in collection.raw():
                row = msgspec.json.decode(raw)
                if is_account(row, login):
                    collection.delete(row["id"])
                    continue
                forgotten = {field: without_account(value, login) for field, value in row.items()}
                if forgotten != row:
                    collection.upsert(forgotten)

    def rename(self, name: str, owner: Json) -> None:
        """Give the repository another name or owner; every address in its rows follows."""
        old = self.name
        moves = [
            (f"{prefix}/{old}{end}".encode(), f"{prefix}/{name}{end}".encode())
            for prefix in ("api.github.com/repos", "https://github.com")
            for end in ("/", '"')
        ]
        for kind in self.kinds:
            for raw in self.collection(kind).raw():
                self.upsert(kind, replaced(raw, moves))
        repository = replaced(msgspec.json.encode(self.repository), moves)
        self.repository = msgspec.json.decode(repository) | {
            "full_name": name,
            "name": name.split("/")[1],
            "owner": owner,
        }

    def _take_out(self, number: int) -> None:
        issue = self.find("issues", number=number)
        if issue is None:
            raise KeyError(f"sandbox: {self.name} has no issue {number}")
        self.issues.delete(issue["id"])
        for comment in list(self.issue_comments):
            if number_in(comment["issue_url"]) == number:
                self.issue_comments.delete(comment["id"])
        for event in list(self.issue_events):
            if (event.get("issue") or {}).get("number") == number:
                self.issue_events.delete(event["id"])


class GitHubOrganization(Store):
    """An organization that owns repositories: its own object, its teams and who is in them.

    A team membership is `{"id", "team": slug, "login", "role": "MEMBER" | "MAINTAINER"}`.
    """

    kinds = ("members", "teams", "team_members")
    members: Collection
    teams: Collection
    team_members: Collection

    def __init__(self, organization: Json, rows: Rows) -> None:
        super().__init__(rows)
        self.organization = organization

    @property
    def login(self) -> str:
        """Its name in addresses."""
        return str(self.organization["login"])


class LinearStore(LinearLife, Store):
    """One Linear workspace.

    `oauth` are the applications that may ask beside personal keys; `listings` are what filters have
    found, each with the state of the workspace in which that is true.
    """

    kinds = (
        "teams",
        "users",
        "team_memberships",
        "workflow_states",
        "labels",
        "cycles",
        "projects",
        "project_statuses",
        "project_milestones",
        "project_updates",
        "initiatives",
        "initiative_to_projects",
        "initiative_updates",
        "documents",
        "issues",
        "issue_history",
        "issue_relations",
        "comments",
        "attachments",
        "customers",
        "customer_needs",
    )
    teams: Collection
    users: Collection
    team_memberships: Collection
    workflow_states: Collection
    labels: Collection
    cycles: Collection
    projects: Collection
    project_statuses: Collection
    project_milestones: Collection
    project_updates: Collection
    initiatives: Collection
    initiative_to_projects: Collection
    initiative_updates: Collection
    documents: Collection
    issues: Collection
    issue_history: Collection
    issue_relations: Collection
    comments: Collection
    attachments: Collection
    customers: Collection
    customer_needs: Collection

    def __init__(self, organization: Json, rows: Rows) -> None:
        super().__init__(rows)
        self.organization = organization
        self.oauth = LinearOAuth()
        self.listings: dict[Hashable, tuple[object, Any]] = {}

    def state(self) -> tuple[object, ...]:
        """What is another value after any change."""
        return tuple(self.collection(kind).derived("state", object) for kind in self.kinds)


class NotionStore(NotionLife, Store):
    """One Notion workspace.

    `trash_roots` are the objects that took along into the trash what they hold, `unshared` those
    withdrawn from the integration, `unlisted` those that search leaves out, `resolved` the
    discussions whose comments are no longer listed.
    """

    kinds = ("users", "data_sources", "databases", "pages", "blocks", "comments")
    collections = NotionRows
    users: NotionRows
    data_sources: NotionRows
    databases: NotionRows
    pages: NotionRows
    blocks: NotionRows
    comments: NotionRows

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.trash_roots: set[str] = set()
        self.unshared: set[str] = set()
        self.unlisted: set[str] = set()
        self.resolved: set[str] = set()


def without_account(value: Any, login: str) -> Any:
    """A field's value without an account: null where it was it, shorter where it was listed."""
    if isinstance(value, list):
        return [item for item in value if not is_account(item, login)]
    return None if is_account(value, login) else value


def is_account(value: Any, login: str) -> bool:
    """Whether a value is an account, as other objects hold it."""
    return isinstance(value, dict) and value.get("login") == login


def replaced(raw: bytes, moves: Iterable[tuple[bytes, bytes]]) -> bytes:
    """JSON in which some addresses have changed."""
    for old, new in moves:
        raw = raw.replace(old, new)
    return raw
