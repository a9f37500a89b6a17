"""The data the sandbox serves: a folder of JSON Lines per provider and object, held in memory.

    workspace.json                           {"name", "required_tokens": {"owner/repo": token},
                                             "notion_unlisted": [ids that search leaves out]}
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.sandbox import corpus
from include.sandbox.collection import read_json, read_lines
from include.sandbox.git import GitCheckout
from include.sandbox.github_objects import owner_of, to_full_repository
from include.sandbox.stores import GitHubOrganization, GitHubRepository, LinearStore, NotionStore

__all__ = ["DEMO_PATH", "App", "GitHubOrganization", "GitHubRepository", "LinearStore"]
__all__ += ["NotionStore", "Workspace"]

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 (the token of a server on loopback)
DEMO_PATH = Path(__file__).parent / "workspace"
CHECKOUT_PATH = Path(__file__).resolve().parents[2]
WIKI_BRANCH = "master"
STREAMS = {"git": "code.fast-import", "wiki": "wiki.fast-import"}


@dataclass(frozen=True)
class App:
    """A GitHub App: its public key in PEM, and the owner of each installation."""

    public_key_pem: str
    installations: Mapping[int, str]


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
        self.read_only_tokens: frozenset[str] = frozenset()
        self.apps: dict[int, App] = {}
        self.forbidden: dict[str, str] = {}
        self.moved: dict[str, GitHubRepository] = {}

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
        "linear": {"organization": {…}, "issues": […], …}, "notion": {"pages": […], …,
        "unlisted": [ids that search leaves out]}}`; a row is a dict or its JSON, a path a git
        repository or a `git fast-import` stream.
        """
        linear, notion = dict(data.get("linear", {})), dict(data.get("notion", {}))
        unlisted = notion.pop("unlisted", ())
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
            notion=NotionStore(notion),
            tokens=tokens,
        )
        workspace.notion.unlisted.update(unlisted)
        for name, token in data.get("required_tokens", {}).items():
            workspace.github(name).required_token = token
        return workspace

    def github(self, name: str) -> GitHubRepository:
        """The repository `owner/repo`.

        Raises:
            KeyError: the workspace has no such repository.
        """
        return self.repositories[name.lower()]

    def transfer(self, old: str, new: str) -> None:
        """Move or rename a repository; the old name leads to the new one.

        Raises:
            KeyError: the workspace has no such repository.
        """
        repository = self.repositories.pop(old.lower())
        login = new.split("/")[0]
        organization = self.organizations.get(login.lower())
        repository.rename(new, owner_of(login, organization.organization if organization else {}))
        self.moved.pop(new.lower(), None)
        self.moved[old.lower()] = self.repositories[new.lower()] = repository

    def find_github(self, name: str) -> GitHubRepository | None:
        """The repository that has, or once had, this name."""
        return self.repositories.get(name.lower()) or self.moved.get(name.lower())

    def forbid(self, path: str, permission: str) -> None:
        """Refuse what matches a regular expression, for want of a permission (`issues=read`)."""
        self.forbidden[path] = permission

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
        "notion": {
            **read_rows(path / "notion", NotionStore.kinds),
            "unlisted": settings.get("notion_unlisted", []),
        },
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
