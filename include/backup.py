"""Backups of the warehouse: exact copies with checksums, rotated, and put back when needed.

    <backups>/<name>/warehouse.duckdb, manifest.json      one backup, complete or not there at all
    <backups>/archive/…                                   archive files that backups refer to

A backup is a copy of the file, made while nobody writes and after a checkpoint. What is restored is
a warehouse of its own: cursors and packages that stand beside the replaced one are forgotten, so
the next sync goes on from the cursors that lie in the backup, and reads again what came since.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb
import msgspec

from dlt_pipelines import lanes, pipeline
from dlt_pipelines.exceptions import PermanentError
from include import archive, durable, warehouse
from include.settings import Settings
from include.sources_file import Backups, ConfigError

FILE: Final = "warehouse.duckdb"
MANIFEST: Final = "manifest.json"


class Backup(msgspec.Struct, frozen=True):
    """One backup, as its manifest tells it; `archive` is what of the archive belongs to it."""

    name: str
    created_at: datetime
    warehouse_id: str
    bytes: int
    sha256: str
    duckdb_version: str
    archive: tuple[archive.File, ...] = ()


def back_up(settings: Settings, now: datetime | None = None) -> Backup:
    """Copy the warehouse, then remove backups that are no longer to be kept.

    Raises:
        PermanentError: there is no warehouse, or no room for the copy.
    """
    folder = settings.backups_folder
    now = now or datetime.now(UTC)
    name = f"{now:%Y-%m-%dT%H-%M-%S}.{now.microsecond // 1000:03}Z"
    if not settings.warehouse.exists():
        raise _error("there is no warehouse", "one", "run `headwater sync` first")
    with warehouse.writer_lock(settings):
        with warehouse.connect(settings) as db:
            db.execute("checkpoint")
            identity = warehouse.warehouse_id(db)
            files = archive.files(db)
        fresh = folder / f"{name}.tmp"
        try:
            _sweep(folder)
            fresh.mkdir(parents=True)
            for file in files:
                if not (kept := folder / file.path).exists():
                    durable.copy(settings.data / file.path, kept, file.sha256)
            digest = durable.copy(settings.warehouse, fresh / FILE)
            made = Backup(
                name,
                now,
                identity,
                (fresh / FILE).stat().st_size,
                digest,
                duckdb.__version__,
                tuple(files),
            )
            durable.write(fresh / MANIFEST, msgspec.json.format(msgspec.json.encode(made)))
            durable.put(fresh, folder / name)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _error(
                f"it cannot be written: {error.strerror or error}",
                f"room for a copy of the warehouse in {folder}",
                "make room there, or name another folder under `backups` in sources.yml",
            ) from None
        _rotate(folder, settings.backups)
    return made


def listed(settings: Settings) -> list[Backup]:
    """The backups that are there, newest first."""
    return _listed(settings.backups_folder)


def restore(settings: Settings, name: str | None = None) -> tuple[Backup, Path | None]:
    """Put a backup (the newest one unless named) in the warehouse's place.

    Returns it, and where the replaced file lies now.

    Raises:
        ConfigError: there is no such backup.
        PermanentError: the backup is damaged; everything is as it was.
        TransientError: a sync is running, or somebody has the warehouse open.
    """
    backup = _find(settings, name)
    fresh = settings.warehouse.with_name(f"{FILE}.restored.tmp")
    with warehouse.writer_lock(settings), lanes.stillness(settings.store):
        try:
            durable.copy(settings.backups_folder / backup.name / FILE, fresh, backup.sha256)
            for file in backup.archive:
                _restore_archived(settings, file)
            identity = str(uuid4())
            with duckdb.connect(str(fresh)) as db:
                db.execute("update main.headwater_warehouse set warehouse_id = $1", [identity])
            durable.sync(fresh)
            aside = _set_aside(settings)
            durable.put(fresh, settings.warehouse)
        finally:
            fresh.unlink(missing_ok=True)
        pipeline.adopt(identity, settings.store)
    return backup, aside


def _listed(folder: Path) -> list[Backup]:
    found = []
    for path in folder.glob(f"*Z/{MANIFEST}"):
        with suppress(msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Backup))
    return sorted(found, key=lambda backup: backup.created_at, reverse=True)


def _find(settings: Settings, name: str | None) -> Backup:
    found = {backup.name: backup for backup in listed(settings)}
    if name is None and found:
        return next(iter(found.values()))
    if name not in found:
        raise ConfigError(
            "headwater.restore",
            f"there is no backup {name}" if name else "there is no backup",
            f"one of {', '.join(found)}" if found else f"one in {settings.backups_folder}",
            "see `headwater restore --list`",
        )
    return found[name]


def _restore_archived(settings: Settings, file: archive.File) -> None:
    """Bring a file of the archive back unless it is there as it was."""
    target = settings.data / file.path
    if not target.exists() or durable.sha256(target) != file.sha256:
        durable.copy(settings.backups_folder / file.path, target, file.sha256)


def _set_aside(settings: Settings) -> Path | None:
    """Keep what is about to be replaced, its part of the archive included, in a folder of its own.

    Under a second name, so that at no moment there is no warehouse: an empty one would be made.
    """
    if not settings.warehouse.exists():
        return None
    known: list[archive.File] = []
    with suppress(duckdb.Error), duckdb.connect(str(settings.warehouse)) as db:
        db.execute("checkpoint")  # Or what its log holds would stay behind; a wreck has nothing.
        known = archive.files(db)
    folder = settings.data / "replaced" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%fZ}"
    for name in (FILE, *(file.path for file in known)):
        source, target = settings.data / name, folder / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:  # A file system without hard links.
                shutil.copy2(source, target)
    log = settings.warehouse.with_name(f"{FILE}.wal")
    if log.exists():
        log.replace(folder / log.name)
    return folder


def _rotate(folder: Path, policy: Backups) -> None:
    """Remove backups that are neither among the newest days nor the newest weeks."""
    found = _listed(folder)
    kept = _kept(found, policy)
    for backup in found:
        if backup.name not in kept:
            # Renamed first: what is only half there must not look like a backup.
            (folder / backup.name).replace(folder / f"{backup.name}.tmp")
    _sweep(folder)
    wanted = {folder / f.path for b in found if b.name in kept for f in b.archive}
    for path in (folder / archive.FOLDER).rglob("*.parquet"):
        if path not in wanted:
            path.unlink()


def _kept(newest_first: Iterable[Backup], policy: Backups) -> set[str]:
    """The last backup of each of the newest days and of the newest weeks that have one."""
    days: dict[str, str] = {}
    weeks: dict[str, str] = {}
    for backup in newest_first:
        days.setdefault(f"{backup.created_at:%Y-%m-%d}", backup.name)
        weeks.setdefault(f"{backup.created_at:%G-%V}", backup.name)
    return {*[*days.values()][: policy.keep_daily], *[*weeks.values()][: policy.keep_weekly]}


def _sweep(folder: Path) -> None:
    """Remove what a backup that was killed left behind."""
    for path in folder.glob("*.tmp"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.rglob("*.tmp"):
        path.unlink(missing_ok=True)


def _error(what: str, expected: str, remedy: str) -> PermanentError:
    return PermanentError("headwater.backup", what, expected, remedy, code="backup_failed")
