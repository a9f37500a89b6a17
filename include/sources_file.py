"""What sources.yml says, typed and validated.

A mistake in the file is reported with its name, its line and what to do about it. Secrets are never
in the file: a source names its secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
    model_validator,
)

from dlt_pipelines import SOURCES
from dlt_pipelines.exceptions import HeadwaterError, redact

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class ConfigError(HeadwaterError):
    """A mistake in a configuration file or an option."""

    code = "config"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CodeFilters(_Model):
    """Which files of a repository are read."""

    include_paths: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()
    max_file_size: ByteSize = ByteSize(1024 * 1024)


def _content_type(kind: str) -> AfterValidator:
    def known(name: str) -> str:
        names = [n for n, r in SOURCES["github"].resources.items() if r.kind == kind]
        if name not in names:
            raise ValueError(f"content type {name!r} is unknown; use any of: {', '.join(names)}")
        return name

    return AfterValidator(known)


class Repository(_Model):
    """One GitHub repository; without branches its default branch, without content_types all."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    branches: tuple[str, ...] = ()
    content_types: tuple[Annotated[str, _content_type("repository")], ...] = ()
    code_filters: CodeFilters = CodeFilters()


class Root(_Model):
    """A Notion page or database under which everything is read; paths are titles joined by `/`."""

    name: Annotated[str, Field(min_length=1)]
    page_id: str = ""
    include_paths: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()


class Container(_Model):
    """The unit of sync: a repository, a team, a workspace or a root."""

    name: str
    kind: str
    settings: dict[str, Any] = {}


def _name_of_a_secret(text: str) -> str:
    if redact(text) != text:
        raise ValueError("this is a token and not the name of one: revoke it, and name a variable")
    return text


def _without_credential(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("it holds a credential: move that into the secret")
    return url


SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_name_of_a_secret)
]


def _names_another_file(store: str) -> str:
    if store == "headwater":
        raise ValueError("headwater.duckdb is the file of all stores: give this one another name")
    return store


StoreName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), AfterValidator(_names_another_file)
]


class _Source(_Model):
    name: Name
    owner: Annotated[str, Field(min_length=1)]
    secret: SecretName
    stores: tuple[StoreName, ...] = ("default",)
    sync_frequency_minutes: Annotated[int, Field(ge=1, le=44_640)] = 60
    sync_enabled: bool = True
    content_visibility: Literal["public", "private", "mixed"] = "private"
    base_url: Annotated[HttpUrl, AfterValidator(_without_credential)] | None = None
    webhook_secret: SecretName | None = None

    @property
    def containers(self) -> tuple[Container, ...]:
        """What is synced on its own."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _unique_containers(self) -> Self:
        names = [container.name for container in self.containers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} is listed twice; name each container once")
        return self


class GitHubSource(_Source):
    """Repositories of one owner, and what the owner itself has if it is an organization.

    `organization` lists the owner's content types; without it all are read as far as the token may,
    an empty list leaves the owner out. With an `app_id` the secret is the private key of that
    GitHub App, else one token or several.
    """

    type: Literal["github"]
    repositories: Annotated[tuple[Repository, ...], Field(min_length=1)]
    organization: tuple[Annotated[str, _content_type("organization")], ...] | None = None
    app_id: Annotated[int, Field(gt=0)] | None = None

    @property
    def containers(self) -> tuple[Container, ...]:
        """The organization, then one per repository."""
        app = {"app_id": self.app_id} if self.app_id else {}
        owner = Container(
            name=self.owner,
            kind="organization",
            settings={"content_types": list(self.organization or ()), **app},
        )
        return (
            *([] if self.organization == () else [owner]),
            *(
                Container(
                    name=repository.name,
                    kind="repository",
                    settings={**repository.model_dump(mode="json", exclude={"name"}), **app},
                )
                for repository in self.repositories
            ),
        )


class LinearSource(_Source):
    """Teams of one workspace; `owner` is the workspace's URL key.

    With a `client_id` the secret is the first refresh token of that OAuth application, and
    `client_secret` names the application's own secret; else the secret is a key or access token.
    """

    type: Literal["linear"]
    teams: Annotated[tuple[str, ...], Field(min_length=1)]
    client_id: Annotated[str, Field(min_length=1)] | None = None
    client_secret: SecretName | None = None

    @property
    def containers(self) -> tuple[Container, ...]:
        """The workspace itself, then one per team key."""
        settings = {"client_id": self.client_id} if self.client_id else {}
        return (
            Container(name=self.owner, kind="workspace", settings=settings),
            *(Container(name=team, kind="team", settings=settings) for team in self.teams),
        )

    @model_validator(mode="after")
    def _whole_application(self) -> Self:
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("an OAuth application needs both client_id and client_secret")
        return self


class NotionSource(_Source):
    """A workspace: all that is shared with the integration, or only what lies under roots.

    `content` is the form in which pages are read: `blocks`, or `markdown` as Notion writes it.
    `block_comments` is how many requests a sync may spend on comments on single blocks,
    `requests_per_minute` the connection's limit where it is not the usual one.
    """

    type: Literal["notion"]
    roots: tuple[Root, ...] = ()
    include_paths: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()
    api_version: Literal["2025-09-03", "2026-03-11"] = "2025-09-03"
    content: Literal["blocks", "markdown"] = "blocks"
    block_comments: Annotated[int, Field(ge=0)] = 500
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None

    @property
    def containers(self) -> tuple[Container, ...]:
        """One per root, or the workspace."""
        names = {"api_version", "content", "block_comments", "requests_per_minute"}
        settings = self.model_dump(include=names, exclude_none=True)
        paths = {"include_paths", "exclude_paths"}
        if not self.roots:
            settings |= self.model_dump(include=paths, exclude_defaults=True)
            return (Container(name=self.owner, kind="workspace", settings=settings),)
        return tuple(
            Container(
                name=root.name,
                kind="workspace",
                settings={**settings, **root.model_dump(exclude={"name"})},
            )
            for root in self.roots
        )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.content == "markdown" and self.api_version < "2026-03-11":
            raise ValueError("content: markdown needs api_version 2026-03-11")
        if self.roots and (self.include_paths or self.exclude_paths):
            raise ValueError("with roots, paths belong to each root")
        return self


Source = Annotated[GitHubSource | LinearSource | NotionSource, Field(discriminator="type")]


Days = Annotated[int, Field(ge=1, le=36_500)]


def _names_a_raw_table(name: str) -> str:
    dataset, _, table = name.partition(".")
    if table not in getattr(SOURCES.get(dataset.removeprefix("raw_")), "resources", ()):
        raise ValueError(f"{name!r} is no raw table; use one such as raw_github.workflow_jobs")
    return name


RawTable = Annotated[str, AfterValidator(_names_a_raw_table)]


class Retention(_Model):
    """After how many days rows move from the warehouse into the archive.

    `tables` gives raw tables times of their own; null keeps a table's rows where they are.
    """

    raw_events_days: Days = 180
    sync_logs_days: Days = 90
    webhook_events_days: Days = 30
    tables: dict[RawTable, Days | None] = {}

    def days(self, dataset: str, table: str) -> int | None:
        """How long rows of a raw table stay in the warehouse; None: for ever."""
        return self.tables.get(f"{dataset}.{table}", self.raw_events_days)


class Backups(_Model):
    """Where copies of the warehouse go, and how many stay; relative to the data folder."""

    folder: Path = Path("backups")
    keep_daily: Annotated[int, Field(ge=1, le=3_660)] = 7
    keep_weekly: Annotated[int, Field(ge=0, le=520)] = 4


Address = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]


class Email(_Model):
    """Who gets mail from whom; `server` names the secret with the server's URL and its login."""

    to: Annotated[tuple[Address, ...], Field(min_length=1)]
    sender: Annotated[Address, Field(alias="from")]
    server: SecretName


class Notifications(_Model):
    """Where to say what needs somebody; `webhook` names the secret with the URL to post to."""

    webhook: SecretName | None = None
    email: Email | None = None


class SourcesFile(_Model):
    """All that sources.yml says."""

    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    retention: Retention = Retention()
    backups: Backups = Backups()
    notifications: Notifications = Notifications()

    @model_validator(mode="after")
    def _unique_names(self) -> SourcesFile:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source name {twice[0]!r} is used twice; give each its own name")
        return self


def load(path: Path) -> SourcesFile:
    """Parse and validate a sources file.

    Raises:
        ConfigError: with file, line and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        return SourcesFile.model_validate(yaml.safe_load(text) or {})
    except FileNotFoundError:
        raise ConfigError(
            str(path), "the file is missing", "the list of sources", "set HEADWATER_SOURCES"
        ) from None
    except OSError as error:
        raise ConfigError(
            str(path), f"it cannot be read: {error.strerror}", "a file", "set HEADWATER_SOURCES"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            str(path), "the file is not text", "YAML in UTF-8", "save it as UTF-8"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{path}:{line}", f"not valid YAML: {problem}", "YAML", "correct this line"
        ) from None
    except ValidationError as error:
        raise _config_error(path, tree, error) from None
    except ValueError as error:  # PyYAML's own, of a scalar such as 2026-13-45.
        raise ConfigError(
            f"{path}:1", f"not valid YAML: {error}", "YAML", "correct this line"
        ) from None


def _config_error(path: Path, tree: yaml.Node | None, error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    keys = [key for key in first["loc"] if key not in SOURCES]  # The union's tag is no key.
    line = _line_of(tree, list(keys))
    others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    field = ".".join(str(key) for key in keys) or "sources"
    what = f"{field}: {first['msg']}{others}"
    expected, remedy = "the form shown in README, Configuration", "correct this line"
    if first["type"] == "missing":
        remedy = f"add {keys[-1]!s}"
    elif first["type"] == "extra_forbidden":
        remedy = f"remove or correct {keys[-1]!s}"
    return ConfigError(f"{path}:{line}", what, expected, remedy)


def _line_of(node: yaml.Node | None, keys: list[Any]) -> int:
    """The line of the deepest node that a path of keys leads to."""
    line = node.start_mark.line + 1 if node else 1
    for key in keys:
        child = next((value for name, value in _children(node) if name == key), None)
        if child is None:
            break
        node, line = child, child.start_mark.line + 1
    return line


def _children(node: yaml.Node | None) -> Iterator[tuple[Any, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)
