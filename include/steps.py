"""The steps of a run: the same functions inside the DAGs and behind the command line.

    prepare → extract (per container) → load → verify        one source
    transform → publish → docs                                everything

Nothing here imports Airflow; every argument and result is plain JSON, so that it fits an XCom.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dlt_pipelines import SOURCES, lanes, pipeline, visits
from dlt_pipelines.exceptions import AuthError, HeadwaterError, PermanentError, redact
from dlt_pipelines.ledger import Mode, SyncRun, Trigger
from include import archive, builds, durable, warehouse
from include.settings import ROOT, Settings
from include.sources_file import ConfigError

DBT_PROJECT: Final = ROOT / "dbt_project"
# Lines of dbt that say nothing new: two per test that passes, one more per model.
_ROUTINE: Final = re.compile(r" of \d+ (START|PASS) ")
Say = Callable[[str], None]


def prepare(
    settings: Settings,
    name: str,
    containers: Iterable[str] = (),
    *,
    mode: Mode = "incremental",
    resources: Iterable[str] = (),
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> tuple[list[str], list[dict[str, Any]]]:
    """Make the warehouse and its tables exist, restore cursors, and list what to sync.

    Returns the containers to visit, and a row for each that a probe found unchanged.

    Raises:
        ConfigError: an unknown source or container.
    """
    resources = list(resources)
    source = settings.source(name)
    wanted = list(containers) or [container.name for container in source.containers]
    for container in wanted:
        settings.container(name, container)
    source_type, store = settings.source_type(name), settings.store
    with warehouse.writer(settings) as db:
        pipeline.adopt(warehouse.warehouse_id(db), store)
        pipeline.prepare(SOURCES.values(), store, db)
        pipeline.restore(source_type, name, wanted, store, db)
        if mode == "reconcile":
            pipeline.note_known(source_type, name, wanted, store, db)
    try:
        requests = [
            replace(settings.request(name, container, resources=tuple(resources)), mode=mode)
            for container in wanted
        ]
    except AuthError:
        return wanted, []  # Extract says so, of each container.
    # A window, a reconciliation or one resource alone may say nothing about some containers.
    requests = [request for request in requests if source_type.resource_names(request)]
    if mode != "incremental" or list(resources):
        return [request.container for request in requests], []
    visit, unchanged = visits.choose(source_type, requests, store, trigger)
    return visit, visits.accounts(unchanged)


def extract(
    settings: Settings,
    name: str,
    container: str,
    *,
    mode: Mode = "incremental",
    start: datetime | None = None,
    end: datetime | None = None,
    resources: Iterable[str] = (),
    confirm_deletions: bool = False,
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """Read one container into a load package; touches no database.

    Raises:
        HeadwaterError: nothing of this container was kept; its cursors stand where they stood.
    """
    request = settings.request(
        name,
        container,
        mode=mode,
        start=start,
        end=end,
        resources=tuple(resources),
        confirm_deletions=confirm_deletions,
    )
    run = pipeline.extract(settings.source_type(name), request, settings.store, trigger)
    return _summary(run)


def load(settings: Settings, name: str, expected: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Commit every waiting package of a source; returns the syncs that ended.

    Of the syncs that are `expected` also those that another run has committed before; where another
    run reads a container of theirs just now, waits for that.

    Raises:
        AlreadyRunningError: others go on reading a container of an expected sync.
        PermanentError: a package cannot be committed; the others were.
    """
    source_type, syncs = settings.source_type(name), set(expected)
    while True:
        with warehouse.writer(settings) as db:
            pipeline.adopt(warehouse.warehouse_id(db), settings.store)
            try:
                ended = pipeline.load(source_type, name, settings.store, db)
            finally:
                pipeline.load_ledger(settings.store, db, settings.source_rows())
            syncs |= {run.sync_id for run in ended}
            loaded = pipeline.loaded(db, syncs)
        if not lanes.wait_to_load(name, syncs, settings.store):
            break
    return [
        {"sync_id": sync_id, "connection_id": name, "container": container, "rows_added": added}
        for sync_id, container, added in loaded
    ]


def verify(name: str, containers: Iterable[str], ended: Iterable[dict[str, Any]]) -> None:
    """Fail the run unless every container of it was read completely and committed.

    Raises:
        PermanentError: names the containers that were not.
    """
    wanted = set(containers)
    if missing := sorted(wanted - {sync["container"] for sync in ended}):
        raise PermanentError(
            name,
            f"{len(missing)} of {len(wanted)} containers were not synced: {', '.join(missing)}",
            "all of them",
            "see each one's error above, or in ops.sync_history",
            code="incomplete",
        )


def sync(
    settings: Settings,
    name: str,
    *,
    containers: Iterable[str] = (),
    mode: Mode = "incremental",
    start: datetime | None = None,
    end: datetime | None = None,
    resources: Iterable[str] = (),
    confirm_deletions: bool = False,
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
    say: Say = lambda _: None,
) -> tuple[list[dict[str, Any]], list[HeadwaterError]]:
    """Sync one source in one process: all steps; failures are returned, not raised.

    A refused credential or a wrong option fails the connection: its other containers are not tried.
    """
    failures: list[HeadwaterError] = []
    extracted: dict[str, dict[str, Any]] = {}
    resources = list(resources)
    wanted, unchanged = prepare(
        settings, name, containers, mode=mode, resources=resources, trigger=trigger
    )
    for container in wanted:
        try:
            done = extract(
                settings,
                name,
                container,
                mode=mode,
                start=start,
                end=end,
                resources=resources,
                confirm_deletions=confirm_deletions,
                trigger=trigger,
            )
            extracted[done["sync_id"]] = done
            say(f"{name}: {container}: {done['items_processed']} items read")
        except HeadwaterError as error:
            failures.append(error)
            if isinstance(error, AuthError | ConfigError):
                break
    try:
        ended = load(settings, name, extracted)
    except HeadwaterError as error:
        return [], [*failures, error]
    rows = [*unchanged, *({**extracted.get(sync["sync_id"], {}), **sync} for sync in ended)]
    order = {c.name: place for place, c in enumerate(settings.source(name).containers)}
    return sorted(rows, key=lambda row: order.get(row["container"], 0)), failures


def check(settings: Settings) -> Iterator[dict[str, Any]]:
    """Try each source's credential on its containers, up to a refusal; yields one row each."""
    for source in settings.sources:
        for container in source.containers:
            row = {"connection_id": source.name, "container": container.name}
            try:
                request = settings.request(source.name, container.name)
                found = settings.source_type(source.name).check(request)
                yield {**row, "is_ok": True, "message": found}
            except HeadwaterError as error:
                yield {**row, "is_ok": False, "message": str(error)}
                if isinstance(error, AuthError):
                    break  # The others have the same credential.


def transform(settings: Settings, *, full_refresh: bool = False, say: Say = lambda _: None) -> None:
    """Carry the ledger into the warehouse and build what changed since, tests included.

    Raises:
        PermanentError: names the first model or test that failed.
    """
    with warehouse.writer(settings) as db:
        pipeline.adopt(warehouse.warehouse_id(db), settings.store)
        pipeline.prepare(SOURCES.values(), settings.store, db)
        pipeline.load_ledger(settings.store, db, settings.source_rows())
        archive.prepare(db, settings)
    build(settings, full_refresh=full_refresh, say=say)


def build(settings: Settings, *, full_refresh: bool = False, say: Say = lambda _: None) -> None:
    """Build every model that anything new can have reached, and test it.

    Raises:
        PermanentError: names the first model or test that failed.
    """
    with warehouse.writer(settings) as db:
        found = builds.inputs(db, DBT_PROJECT)
        changed = None if full_refresh else builds.changed(db, found)
        if changed == []:
            say("Nothing has changed since the last build.")
            return
        builds.forget(db)
    options = ["--full-refresh"] if full_refresh else []
    if changed is not None:
        # Views hold nothing, and are as they were.
        options += ["--select", "int_headwater__load_checks+"]
        options += [
            f"source:{table}+,config.materialized:{kind}"
            for table in changed
            for kind in ("incremental", "table")
        ]
    # Unit tests prove the SQL on made-up rows: they belong to `make test`, not to every run.
    dbt(settings, "build", "--exclude-resource-type", "unit_test", *options, say=say)
    with warehouse.writer(settings) as db:
        builds.remember(db, found)


def publish(settings: Settings, store: str | None = None, *, is_public: bool = False) -> str:
    """Put a fresh copy of the marts, or of a part of them, where analysts open it.

    Returns its path.
    """
    return str(warehouse.publish(settings, store, is_public=is_public))


def docs(settings: Settings, *, say: Say = lambda _: None) -> str:
    """Write dbt's docs as one self-contained page, unless it is there already; returns its path."""
    page = settings.data / "dbt" / "target" / "static_index.html"
    note = page.with_suffix(".sha256")
    with warehouse.writer(settings) as db:
        told = builds.documented(db, DBT_PROJECT)
    if page.exists() and note.exists() and note.read_text() == told:
        say("The docs would tell what they tell.")
        return str(page)
    note.unlink(missing_ok=True)
    dbt(settings, "docs", "generate", "--static", say=say)
    note.write_text(told)
    return str(page)


def dbt(settings: Settings, *arguments: str, say: Say = lambda _: None) -> None:
    """Run dbt in a process of its own, which is sure to let go of the warehouse at its end.

    Raises:
        PermanentError: names what failed.
    """
    target = settings.data / "dbt" / "target"
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", *arguments]
    folders = {
        "--project-dir": DBT_PROJECT,
        "--profiles-dir": DBT_PROJECT,
        "--target-path": target,
        "--log-path": settings.data / "dbt" / "logs",
    }
    for option, folder in folders.items():
        command += [option, str(folder)]
    environment = {
        **os.environ,
        "HEADWATER_WAREHOUSE": str(settings.warehouse),
        "HEADWATER_DATA": str(settings.data),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # Half of a small build's time went into compiling dbt itself where nothing was kept.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": sys.pycache_prefix or str(settings.data / "dbt" / "bytecode"),
    }
    with (
        warehouse.writer_lock(settings) as lock,
        subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            env=environment,
            pass_fds=[lock],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        last = no_space = ""
        for line in process.stdout or ():
            last = line.rstrip() or last
            if durable.NO_SPACE in line:
                no_space = line.strip()
            if not _ROUTINE.search(line):
                say(redact(line.rstrip()))
    if process.returncode and no_space:  # It cannot write its results, either.
        raise durable.full_disk(f"dbt.{arguments[0]}", no_space)
    if process.returncode:
        raise PermanentError(
            f"dbt.{arguments[0]}",
            _first_failure(target) or f"exit code {process.returncode}: {last}",
            "every model and test to succeed",
            "correct it and run `headwater transform` again",
            code="dbt_failed",
        )


def _first_failure(target: Path) -> str:
    try:
        results = json.loads((target / "run_results.json").read_text())["results"]
    except (OSError, ValueError, KeyError):
        return ""
    failed = [r for r in results if r["status"] in ("error", "fail", "runtime error")]
    if not failed:
        return ""
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    reason = " ".join(str(failed[0].get("message") or "").split())
    return f"{failed[0]['unique_id']}{others}: {reason}"


def _summary(run: SyncRun) -> dict[str, Any]:
    runs = run.resources.values()
    return {
        "sync_id": run.sync_id,
        "connection_id": run.connection_id,
        "container": run.container,
        "items_processed": sum(r.items_processed for r in runs),
        "items_failed": sum(r.items_failed for r in runs),
        "requests_made": sum(r.meter.requests_made for r in runs),
    }
