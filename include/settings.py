"""Settings: where data lives, and the sources of `sources.yml`, typed and validated.

A mistake in the file is reported with its name, its line and what to do about it. Secrets are never
in the file: a source names its secret, which is looked up when a request is about to be made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import msgspec
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
from dlt_pipelines.exceptions import AuthError, HeadwaterError, redact, register_secret
from dlt_pipelines.http import RetryPolicy
from dlt_pipelines.ledger import Mode
from dlt_pipelines.pipeline import SourceType, Store, SyncRequest

ROOT: Final = Path(__file__).parents[1]
SANDBOX_TOKEN: Final = "sandbox-token"  # noqa: S105 - opens nothing but the local sandbox

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
# dlt writes paths into SQL and templates, and DuckDB takes some as patterns or lists.
_NOT_IN_A_PATH: Final = re.compile(r"['\"%*?\[\]{},;\\\x00-\x1f]")
SecretLookup = Callable[[str], str | None]


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


class _SourcesFile(_Model):
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    retention: Retention = Retention()
    backups: Backups = Backups()
    notifications: Notifications = Notifications()

    @model_validator(mode="after")
    def _unique_names(self) -> _SourcesFile:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source name {twice[0]!r} is used twice; give each its own name")
        return self


class Settings:
    """One installation: its data folder, its sources, and how to reach their secrets.

    Environment: `HEADWATER_DATA` (folder, default `data`), `HEADWATER_SOURCES` (file, default
    `include/config/sources.yml`), `HEADWATER_SANDBOX_URL` (used by sources without a credential),
    `HEADWATER_BLOBS` (URL of the object store for binary and large files, default a folder there).
    """

    def __init__(
        self,
        data: Path | None = None,
        sources_file: Path | None = None,
        sandbox_url: str | None = None,
        secret_lookup: SecretLookup = os.environ.get,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        """Read the environment for what is not given.

        Raises:
            ConfigError: the data folder has a path that DuckDB would misread.
        """
        environ = os.environ
        self.data = (data or Path(environ.get("HEADWATER_DATA") or ROOT / "data")).resolve()
        if found := _NOT_IN_A_PATH.search(str(self.data)):
            raise ConfigError(
                "headwater.data",
                f"the data folder's path {str(self.data)!r} holds {found[0]!r}",
                "a path without quotes, wildcards, percent signs, commas, semicolons and the like,"
                " which DuckDB and dlt do not take as they are",
                "set HEADWATER_DATA to another folder",
            )
        default_file = ROOT / "include" / "config" / "sources.yml"
        self.sources_file = sources_file or Path(environ.get("HEADWATER_SOURCES") or default_file)
        self.sandbox_url = sandbox_url or environ.get("HEADWATER_SANDBOX_URL") or None
        self.retry = retry
        self._lookup = secret_lookup

    @property
    def warehouse(self) -> Path:
        """The file that runs write; analysts open `published` instead."""
        return self.data / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The file for analysts."""
        return self.data / "published" / "headwater.duckdb"

    def published_file(self, store: str | None = None, *, is_public: bool = False) -> Path:
        """The file for analysts of everything, of one store, or of what is public in either.

        Raises:
            ConfigError: no source belongs to the store.
        """
        stores = sorted({name for source in self.sources for name in source.stores})
        if store is not None and store not in stores:
            raise ConfigError(
                f"{self.sources_file.name}.{store}",
                "no source belongs to this store",
                f"one of {', '.join(stores)}",
                "correct the name, or add it to the stores of a source",
            )
        name = store or self.published.stem
        return self.published.with_name(f"{name}{'.public' if is_public else ''}.duckdb")

    @property
    def inbox(self) -> Path:
        """Where deliveries of webhooks are kept."""
        return self.data / "inbox"

    @property
    def store(self) -> Store:
        """Where load packages and the ledger wait."""
        return Store(self.data, self.warehouse)

    @property
    def sources(self) -> tuple[GitHubSource | LinearSource | NotionSource, ...]:
        """The entries of sources.yml.

        Raises:
            ConfigError: the file is missing or wrong; names file, line and remedy.
        """
        return self._file.sources

    @property
    def retention(self) -> Retention:
        """How long rows stay in the warehouse before they move into the archive."""
        return self._file.retention

    @property
    def backups(self) -> Backups:
        """Where backups go, and how many are kept."""
        return self._file.backups

    @property
    def backups_folder(self) -> Path:
        """Where backups lie."""
        return self.data / self.backups.folder.expanduser()

    @property
    def notifications(self) -> Notifications:
        """Where to say what needs somebody."""
        return self._file.notifications

    @cached_property
    def _file(self) -> _SourcesFile:
        return _load(self.sources_file)

    def source(self, name: str) -> GitHubSource | LinearSource | NotionSource:
        """The entry with this name."""
        for source in self.sources:
            if source.name == name:
                return source
        raise ConfigError(
            f"{self.sources_file.name}.{name}",
            "no source has this name",
            f"one of {', '.join(source.name for source in self.sources)}",
            "correct the name, or add the source",
        )

    def source_type(self, name: str) -> SourceType:
        """How the source of this name is read."""
        return SOURCES[self.source(name).type]

    def request(
        self,
        name: str,
        container: str,
        *,
        mode: Mode = "incremental",
        start: datetime | None = None,
        end: datetime | None = None,
        resources: tuple[str, ...] = (),
        confirm_deletions: bool = False,
    ) -> SyncRequest:
        """Everything needed to sync one container, its secret included.

        Raises:
            ConfigError: unknown container or resource, or an impossible window.
            AuthError: no credential and no sandbox.
        """
        source = self.source(name)
        entry = self.container(name, container)
        known = SOURCES[source.type].resources
        for resource in resources:
            if resource not in known:
                expected = f"any of {', '.join(known)}"
                raise ConfigError(
                    f"{name}.{resource}", "no such resource", expected, "correct the option"
                )
        if mode == "window" and not (start and end and start < end):
            raise ConfigError(
                f"{name}.window", "it is not a period", "a start before an end", "give both"
            )
        if mode != "window" and (start or end):
            raise ConfigError(
                f"{name}.window",
                f"mode {mode} has no start and no end",
                "a window, or neither",
                "choose mode window, or leave both out",
            )
        base_url, secret = self._access(source)
        return SyncRequest(
            source_type=source.type,
            connection_id=name,
            owner=source.owner,
            container=container,
            kind=entry.kind,
            base_url=base_url,
            secret=secret,
            secret_name=source.secret,
            data=self.data,
            client_secret=self._client_secret(source),
            settings=entry.settings,
            siblings=tuple(c.name for c in source.containers if c.name != source.owner),
            content_types=tuple(entry.settings.get("content_types") or ()),
            resources=resources,
            mode=mode,
            start=start,
            end=end,
            confirm_deletions=confirm_deletions,
            blobs=os.environ.get("HEADWATER_BLOBS", ""),
            retry=self.retry,
        )

    def source_rows(self) -> list[dict[str, Any]]:
        """The configuration as rows of `raw_headwater.sources`; no secret, only its name."""
        now = datetime.now(UTC)
        return [
            {
                "connection_id": source.name,
                "source_type": source.type,
                "stores": _json(source.stores),
                "sync_frequency_minutes": source.sync_frequency_minutes,
                "is_enabled": source.sync_enabled,
                "content_visibility": source.content_visibility,
                "owner": source.owner,
                "base_url": str(source.base_url) if source.base_url else None,
                "secret_name": source.secret,
                "containers": _json(
                    [
                        {"container": c.name, "kind": c.kind, "settings": c.settings}
                        for c in source.containers
                    ]
                ),
                "is_configured": True,
                "observed_at": now,
            }
            for source in self.sources
        ]

    def container(self, name: str, container: str) -> Container:
        """One container of a source.

        Raises:
            ConfigError: it is not in sources.yml.
        """
        source = self.source(name)
        for candidate in source.containers:
            if candidate.name == container:
                return candidate
        raise ConfigError(
            f"{source.name}.{container}",
            "no such container in sources.yml",
            f"one of {', '.join(c.name for c in source.containers)}",
            "correct the option, or add it to the source",
        )

    def secret(self, name: str) -> str:
        """A secret by its name, for what belongs to no source.

        Raises:
            AuthError: it is not set.
        """
        secret = (self._lookup(name) or "").strip()
        if not secret:
            raise AuthError("headwater", f"the secret {name} is not set", "it", f"export {name}")
        register_secret(secret)
        return secret

    def webhook_secrets(self, name: str) -> list[str]:
        """What deliveries to a source may be signed with: while one is replaced, two lines."""
        secret_name = self.source(name).webhook_secret
        secrets = (self._lookup(secret_name) or "") if secret_name else ""
        found = [line.strip() for line in secrets.splitlines() if line.strip()]
        for secret in found:
            register_secret(secret)
        return found

    def _access(self, source: GitHubSource | LinearSource | NotionSource) -> tuple[str, str]:
        """Base URL and secret: the real API with a credential, else the sandbox."""
        secret = (self._lookup(source.secret) or "").strip()
        if secret:
            register_secret(secret)
            url = str(source.base_url) if source.base_url else SOURCES[source.type].default_url
            return url.rstrip("/"), secret
        if self.sandbox_url:
            return f"{self.sandbox_url.rstrip('/')}/{source.type}", SANDBOX_TOKEN
        raise AuthError(
            f"{source.type}.{source.name}",
            f"the secret {source.secret} is not set",
            "a token",
            f"export {source.secret}, or try `headwater demo`, which needs no account",
        )

    def _client_secret(self, source: GitHubSource | LinearSource | NotionSource) -> str:
        """The secret of the source's OAuth application, which the sandbox's token does without."""
        name = source.client_secret if isinstance(source, LinearSource) else None
        if not name or not (self._lookup(source.secret) or "").strip():
            return ""
        secret = (self._lookup(name) or "").strip()
        if not secret:
            raise AuthError(
                f"{source.type}.{source.name}",
                f"the secret {name} is not set",
                "the OAuth application's client secret",
                f"export {name}",
            )
        register_secret(secret)
        return secret


def load_sources(path: Path) -> tuple[GitHubSource | LinearSource | NotionSource, ...]:
    """Parse and validate a sources file.

    Raises:
        ConfigError: with file, line and remedy.
    """
    return _load(path).sources


def _load(path: Path) -> _SourcesFile:
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        return _SourcesFile.model_validate(yaml.safe_load(text) or {})
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


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
