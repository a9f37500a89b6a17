"""The data the sandbox serves: a folder of JSON Lines per provider and object, held in memory.

    workspace.json                           {"name", "required_tokens": {"owner/repo": token}}
    github/<owner>/<repo>/repository.json    issues.jsonl, pull_requests.jsonl, …
                                             code.fast-import or git.json, wiki.fast-import
    linear/organization.json                 teams.jsonl, users.jsonl, issues.jsonl, …
    notion/                                  users.jsonl, pages.jsonl, blocks.jsonl, …

Every object is in its provider's own payload shape. `code.fast-import` and `wiki.fast-import` are
streams of `git fast-import`: a repository's code and its wiki. `git.json` names a git repository
instead, relative to the workspace; `{"path": "checkout"}` is the project's own at its HEAD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from include.sandbox import corpus
from include.sandbox.collection import Collection, Json, read_json, read_lines
from include.sandbox.git import GitCheckout
from include.sandbox.github_objects import to_full_repository

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 (the token of a server on loopback)
DEMO_PATH = Path(__file__).parent / "workspace"
CHECKOUT_PATH = Path(__file__).resolve().parents[2]
WIKI_BRANCH = "master"
STREAMS = {"git": "code.fast-import", "wiki": "wiki.fast-import"}

Rows = Mapping[str, Iterable[Json | bytes]]


class Store:
    """Collections by kind: those of one GitHub repository, of Linear or of Notion."""

    kinds: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[Mapping[str, str]] = {}

    def __init__(self, rows: Rows) -> None:
        unknown = set(rows) - set(self.kinds)
        if unknown:
            raise ValueError(f"sandbox: no such kind {sorted(unknown)}; expected {self.kinds}")
        for kind in self.kinds:
            setattr(self, kind, Collection(rows.get(kind, ()), self.keys.get(kind, "id")))

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


class GitHubRepository(Store):
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

    @property
    def name(self) -> str:
        """`owner/repo`."""
        return str(self.repository["full_name"])


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


class LinearStore(Store):
    """One Linear workspace."""

    kinds = ("teams", "users", "workflow_states", "labels", "issues", "comments", "projects")
    teams: Collection
    users: Collection
    workflow_states: Collection
    labels: Collection
    issues: Collection
    comments: Collection
    projects: Collection

    def __init__(self, organization: Json, rows: Rows) -> None:
        super().__init__(rows)
        self.organization = organization


class NotionStore(Store):
    """One Notion workspace."""

    kinds = ("users", "data_sources", "databases", "pages", "blocks", "comments")
    users: Collection
    data_sources: Collection
    databases: Collection
    pages: Collection
    blocks: Collection
    comments: Collection


class Workspace:
    """What the sandbox serves, and which tokens may ask for it."""

    def __init__(
        self,
        name: str = "workspace",
        *,
        repositories: Iterable[GitHubRepository] = (),
        organizations: Iterable[GitHubOrganization] = (),
        linear: LinearStore | None = None,
        notion: NotionStore | None = None,
        tokens: Iterable[str] = (DEFAULT_TOKEN,),
    ) -> None:
        self.name = name
        self.repositories = {repository.name.lower(): repository for repository in repositories}
        self.organizations = {owner.login.lower(): owner for owner in organizations}
        self.linear = linear or LinearStore({}, {})
        self.notion = notion or NotionStore({})
        self.tokens = frozenset(tokens)

    @classmethod
    def load(cls, path: Path | str, tokens: Iterable[str] = (DEFAULT_TOKEN,)) -> Workspace:
        """Read a workspace folder, or a folder of recordings, which is converted first.

        Raises:
            FileNotFoundError: there is nothing to serve in the folder.
        """
        path = Path(path)
        if corpus.is_recorded(path):
            return cls.from_data(corpus.to_workspace(path), tokens)
        if not any((path / provider).is_dir() for provider in ("github", "linear", "notion")):
            raise FileNotFoundError(
                f"sandbox.workspace: nothing to serve in {path}; expected a folder github, linear "
                "or notion in it; do name a workspace folder"
            )
        return cls.from_data(read_folder(path), tokens)

    @classmethod
    def demo(cls) -> Workspace:
        """The workspace that ships with the project."""
        return cls.load(DEMO_PATH)

    @classmethod
    def from_data(
        cls, data: Mapping[str, Any], tokens: Iterable[str] = (DEFAULT_TOKEN,)
    ) -> Workspace:
        """Build a workspace from what its folder would hold.

        `{"name", "github": {"owner/repo": {"repository": {…}, "issues": […], …, "git": path,
        "wiki": path}}, "organizations": {"owner": {"organization": {…}, "teams": […], …}},
        "linear": {"organization": {…}, "issues": […], …}, "notion": {"pages": […], …}}`; a row
        is a dict or its JSON, a path a git repository or a `git fast-import` stream.
        """
        linear = dict(data.get("linear", {}))
        workspace = cls(
            data.get("name", "workspace"),
            repositories=[to_repository(name, parts) for name, parts in data["github"].items()]
            if "github" in data
            else (),
            organizations=[
                GitHubOrganization(
                    rows["organization"], {k: v for k, v in rows.items() if k != "organization"}
                )
                for rows in data.get("organizations", {}).values()
            ],
            linear=LinearStore(linear.pop("organization", {}), linear),
            notion=NotionStore(data.get("notion", {})),
            tokens=tokens,
        )
        for name, token in data.get("required_tokens", {}).items():
            workspace.github(name).required_token = token
        return workspace

    def github(self, name: str) -> GitHubRepository:
        """The repository `owner/repo`.

        Raises:
            KeyError: the workspace has no such repository.
        """
        return self.repositories[name.lower()]

    def sources(self) -> list[dict[str, Any]]:
        """What a sources.yml for all of this workspace would list, as plain dicts."""
        return [*self._github_sources(), *self._linear_sources(), *self._notion_sources()]

    def _github_sources(self) -> list[dict[str, Any]]:
        owners: dict[str, list[str]] = {}
        for repository in self.repositories.values():
            if repository.required_token is None:
                owners.setdefault(repository.name.split("/")[0], []).append(repository.name)
        return [
            {
                "name": "github" if len(owners) == 1 else f"github_{owner}",
                "type": "github",
                "owner": owner,
                **({} if owner.lower() in self.organizations else {"organization": []}),
                "repositories": [{"name": name} for name in sorted(names)],
            }
            for owner, names in sorted(owners.items())
        ]

    def _linear_sources(self) -> list[dict[str, Any]]:
        if not len(self.linear.teams):
            return []
        teams = sorted(team["key"] for team in self.linear.teams)
        owner = self.linear.organization["urlKey"]
        return [{"name": "linear", "type": "linear", "owner": owner, "teams": teams}]

    def _notion_sources(self) -> list[dict[str, Any]]:
        if not len(self.notion.pages):
            return []
        return [{"name": "notion", "type": "notion", "owner": self.name, "roots": []}]


def to_repository(name: str, parts: Mapping[str, Any]) -> GitHubRepository:
    """A repository from its rows by kind, its own object and the paths of its code and wiki."""
    rows = dict(parts)
    repository = rows.pop("repository", None) or to_full_repository({"full_name": name})
    git, wiki = rows.pop("git", None), rows.pop("wiki", None)
    branch = str(repository.get("default_branch") or "main")
    return GitHubRepository(
        repository,
        rows,
        to_git(git, branch) if git else None,
        to_git(wiki, WIKI_BRANCH) if wiki else None,
    )


def to_git(path: str | Path, branch: str) -> GitCheckout:
    """A git repository: a folder's, a stream's, or the project's own as it stands at its HEAD."""
    if Path(path) == CHECKOUT_PATH:
        return GitCheckout.snapshot(CHECKOUT_PATH, branch)
    return GitCheckout.at(Path(path), branch)


def read_folder(path: Path) -> dict[str, Any]:
    """Read a workspace folder into the form that `Workspace.from_data` takes."""
    settings = read_json(path / "workspace.json")
    linear = read_rows(path / "linear", LinearStore.kinds)
    organization = read_json(path / "linear" / "organization.json")
    return {
        "name": settings.get("name", path.name),
        "required_tokens": settings.get("required_tokens", {}),
        "github": {
            "/".join(folder.parts[-2:]): read_repository(folder, path)
            for folder in sorted((path / "github").glob("*/*"))
            if folder.is_dir()
        },
        "organizations": {
            file.parent.name: {
                "organization": read_json(file),
                **read_rows(file.parent, GitHubOrganization.kinds),
            }
            for file in sorted((path / "github").glob("*/organization.json"))
        },
        "linear": {
            **linear,
            "organization": organization or settings.get("linear_organization", {}),
        },
        "notion": read_rows(path / "notion", NotionStore.kinds),
    }


def read_repository(folder: Path, workspace: Path) -> dict[str, Any]:
    """Read one repository's folder."""
    parts: dict[str, Any] = dict(read_rows(folder, GitHubRepository.kinds))
    parts["repository"] = read_json(folder / "repository.json")
    git = read_json(folder / "git.json").get("path")
    if git:
        parts["git"] = CHECKOUT_PATH if git == "checkout" else workspace / git
    for name, file in STREAMS.items():
        if (folder / file).exists():
            parts[name] = folder / file
    return parts


def read_rows(folder: Path, kinds: Iterable[str]) -> dict[str, list[bytes]]:
    """The lines of every kind's file in a folder."""
    return {kind: read_lines(folder / f"{kind}.jsonl") for kind in kinds}
