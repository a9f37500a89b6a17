"""Settings: where data lies, and what sources.yml says, put to use.

Secrets are in no file: a source names its secret, which is looked up when a request is about to be
made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from dlt_pipelines import SOURCES
from dlt_pipelines.exceptions import AuthError, register_secret
from dlt_pipelines.http import RetryPolicy
from dlt_pipelines.ledger import Mode
from dlt_pipelines.pipeline import SourceType, Store, SyncRequest
from include import sources_file
from include.sources_file import (
    Backups,
    ConfigError,
    Container,
    GitHubSource,
    LinearSource,
    Notifications,
    NotionSource,
    Retention,
    SourcesFile,
)

ROOT: Final = Path(__file__).parents[1]
SANDBOX_TOKEN: Final = "sandbox-token"  # noqa: S105 - opens nothing but the local sandbox

# dlt writes paths into SQL and templates, and DuckDB takes some as patterns or lists.
_NOT_IN_A_PATH: Final = re.compile(r"['\"%*?\[\]{},;\\\x00-\x1f]")
SecretLookup = Callable[[str], str | None]


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
    def _file(self) -> SourcesFile:
        return sources_file.load(self.sources_file)

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


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
