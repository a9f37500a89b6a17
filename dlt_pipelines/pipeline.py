"""How raw events get into the warehouse: the only module that knows destination and write strategy.

One dlt pipeline per container, so that one repository's failure, retry or backfill is its own:

    extract()  reads the API into a load package on disk; touches no database
    load()     commits waiting packages; the caller holds the only writing connection
    restore()  brings dlt's cursors back from the warehouse after the local folder was lost

A container's lanes (`dlt_pipelines/lanes.py`) are pipelines of their own, too.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.pipeline import LoadInfo
from dlt.extract import DltResource, DltSource

from dlt_pipelines import credentials, lanes, ledger, raw_event, visits
from dlt_pipelines.destination import Warehouse
from dlt_pipelines.exceptions import HeadwaterError, PermanentError
from dlt_pipelines.http import Meter, RetryPolicy
from dlt_pipelines.ledger import Ledger, Mode, SyncRun, Trigger
from dlt_pipelines.webhook import Subject, Webhook

# Objects with a last-change time: a re-read adds nothing, a change adds one row, history is kept.
EVENTS: Final[dict[str, Any]] = {
    "primary_key": "event_id",
    "write_disposition": {"disposition": "merge", "strategy": "insert-only"},
}
# Complete listings: a row that is absent from the next listing of its container is retired.
LISTING: Final[dict[str, Any]] = {
    "merge_key": ["connection_id", "container"],
    "write_disposition": {
        "disposition": "merge",
        "strategy": "scd2",
        "row_version_column_name": "event_id",
    },
}
# How dlt works here. It asks for each of its settings hundreds of times in a sync, of every place
# that may have some: as variables they are found in the first, and no other place has any.
DLT_SETTINGS: Final = {
    # dlt looks for secrets in Airflow's Variables wherever Airflow can be imported: one query to
    # Airflow's database per setting. Everything it needs is passed explicitly.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    # What was written to disk as one piece is carried on as one, whatever its size.
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "1",
    # One writer: DuckDB serialises commits anyway, and one thread keeps memory to one batch.
    "LOAD__WORKERS": "1",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
}
FROZEN: Final = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}
_RAISED: Final = re.compile(r"^[\w.]+(?:Error|Exception): (.+)$", re.MULTILINE)
EARLIEST: Final = datetime(2008, 1, 1, tzinfo=UTC)

Cursor: TypeAlias = "dlt.sources.incremental[datetime]"
# dlt finds a resource's cursor by its default value; `SyncRequest.cursor` passes the real one.
CURSOR: Final[Cursor] = dlt.sources.incremental("occurred_at", primary_key=())


@dataclass(frozen=True)
class Resource:
    """One raw table: how it is written, and in which kind of container it is read.

    `also_in` is a second kind of container that has such objects. `follows` names the resource
    whose changes say what to read of this one: it is never read without that one. Resources without
    `has_times` are not part of a window. `locator` is the JSON path of what finds an object at the
    provider; only resources that have one are reconciled.
    """

    strategy: Mapping[str, Any]
    kind: str
    follows: str = ""
    has_times: bool = True
    locator: str = ""
    also_in: str = ""


@dataclass(frozen=True)
class SyncRequest:
    """What to sync: one container of one connection, how far, and with which credential.

    `data` is the folder for what containers share. `content_types` are what the configuration wants
    of this container (empty: everything), `resources` what this one sync is limited to. `blobs` is
    the URL of the object store for large contents (empty: a folder in `data`). `client_secret` goes
    with a `secret` that is a refresh token. `probed` is what the same run's probe answered of this
    container (empty: it made none). `objects` are what deliveries name (mode `webhook`).
    """

    source_type: str
    connection_id: str
    owner: str
    container: str
    kind: str
    base_url: str
    secret: str = field(repr=False)
    secret_name: str
    data: Path
    client_secret: str = field(default="", repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    siblings: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    mode: Mode = "incremental"
    start: datetime | None = None
    end: datetime | None = None
    confirm_deletions: bool = False
    blobs: str = ""
    probed: bytes = b""
    objects: tuple[Subject, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def is_live(self) -> bool:
        """Whether this sync goes on from what is remembered, and remembers."""
        return self.mode == "incremental"

    def named(self, resource: str) -> list[Subject]:
        """The objects of a resource that deliveries name."""
        return [subject for subject in self.objects if subject.resource == resource]

    def cursor(self, overlap_seconds: float) -> Cursor:
        """The dlt cursor on `occurred_at`.

        Live: inclusive, re-reading `overlap_seconds`. In a window or a full read: fixed bounds,
        which dlt keeps out of its state, so the live cursor stays where it is.
        """
        if self.is_live:
            return dlt.sources.incremental("occurred_at", lag=overlap_seconds, primary_key=())
        return dlt.sources.incremental(
            "occurred_at",
            initial_value=self.start or EARLIEST,
            end_value=self.end or datetime(9999, 1, 1, tzinfo=UTC),
            primary_key=(),
        )


@dataclass(frozen=True)
class Known:
    """What the warehouse knows of a container, as files, so that reading needs no database.

    `deletions` is of its whole connection: what left one container may come back in another.
    """

    path: Path
    deletions: Path

    def objects(self, resource: str) -> dict[str, str]:
        """Where each object that is not deleted is found at the provider, by external id."""
        rows = pq.read_table(self.path, filters=[("resource", "==", resource)])
        ids, locators = rows["external_id"].to_pylist(), rows["locator"].to_pylist()
        return dict(zip(ids, locators, strict=True))

    def deleted(self, resource: str) -> dict[str, datetime]:
        """When each object of the connection was deleted that is, by external id."""
        rows = pq.read_table(self.deletions, filters=[("resource", "==", resource)])
        ids, times = rows["external_id"].to_pylist(), rows["deleted_at"].to_pylist()
        return dict(zip(ids, times, strict=True))


Opened: TypeAlias = AbstractContextManager[Iterable[DltResource]]


@dataclass(frozen=True)
class SourceType:
    """A registered source: its resources and how to open it on a container.

    `reconcile` looks for what has vanished among the known objects. `probe` tells, for many
    containers of `probed_kind` at once, what moves whenever anything in one of them does. `scope`
    names what of the configuration decides which objects a container has: where it grows, they are
    read from the beginning. `rows_in_memory` is after how many rows of a table they are written to
    disk, fewer where single records are large. `webhook` reads the objects that deliveries name.
    """

    name: str
    default_url: str
    resources: Mapping[str, Resource]
    open: Callable[[SyncRequest, SyncRun], Opened]
    check: Callable[[SyncRequest], str]
    reconcile: Callable[[SyncRequest, SyncRun, Known], Opened] | None = None
    probe: Callable[[Sequence[SyncRequest], Meter], Mapping[str, bytes]] | None = None
    probed_kind: str = ""
    scope: Callable[[SyncRequest], Sequence[str]] | None = None
    rows_in_memory: int = 5_000
    webhook: Webhook | None = None

    @property
    def dataset(self) -> str:
        """The schema of its raw tables in the warehouse."""
        return f"raw_{self.name}"

    def resource_names(self, request: SyncRequest) -> tuple[str, ...]:
        """What a request reads.

        Of what the configuration wants, and only with what it follows: where one sync is limited
        to some resources, all that share their cursor come along. Objects without times are not
        part of a window, and only what can be found again is reconciled. A delivery is about what
        it names, and what follows that.
        """
        wanted = {*request.content_types}
        wanted |= {self.resources[name].follows for name in wanted}
        limits = {self.resources[name].follows or name for name in request.resources}
        named = {subject.resource for subject in request.objects}
        return tuple(
            name
            for name, resource in self.resources.items()
            if request.kind in (resource.kind, resource.also_in)
            and (not request.content_types or name in wanted)
            and (not limits or (resource.follows or name) in limits)
            and (request.mode != "window" or (resource.strategy is EVENTS and resource.has_times))
            and (request.mode != "reconcile" or resource.locator)
            and (request.mode != "webhook" or {name, resource.follows} & named)
        )


@dataclass(frozen=True)
class Store:
    """Where pipelines keep their files, and the warehouse that they load into."""

    root: Path
    warehouse: Path

    @property
    def ledger(self) -> Ledger:
        """The accounts of all syncs."""
        return Ledger(self.root / "ledger")

    @property
    def visits(self) -> Path:
        """What is remembered of each container's last visit; it goes with the cursors."""
        return self.pipelines / "visits"

    @property
    def known(self) -> Path:
        """Lists of what the warehouse knows, written for reconciliation."""
        return self.root / "known"

    @property
    def pipelines(self) -> Path:
        """dlt's working folders: one per container."""
        return self.root / "pipelines"


def keep_newest(settled: dict[str, str], most: int = 1_000) -> None:
    """Trim what a resource remembers per object to the newest times, in place.

    Only objects inside the cursor's overlap are ever looked up, so older ones are dead weight.
    """
    for key in sorted(settled, key=lambda key: settled[key], reverse=True)[most:]:
        del settled[key]


def note_known(
    source_type: SourceType,
    connection_id: str,
    containers: Iterable[str],
    store: Store,
    db: duckdb.DuckDBPyConnection,
) -> None:
    """Write down what the warehouse knows of containers, for their reconciliation."""
    store.known.mkdir(parents=True, exist_ok=True)
    listed = " union all ".join(
        f"""
        select '{name}' as resource, external_id,
            max_by(payload, (occurred_at, observed_at, event_id))
                filter (where operation = 'upsert') ->> '{resource.locator}' as locator
        from {source_type.dataset}.{name}
        where connection_id = $connection_id and container = $container
        group by external_id
        having max_by(operation, (occurred_at, observed_at, event_id)) = 'upsert'
        """
        for name, resource in source_type.resources.items()
        if resource.locator
    )
    if not listed:
        return
    deleted = " union all ".join(
        f"""
        select '{name}' as resource, external_id, max(occurred_at) as deleted_at
        from {source_type.dataset}.{name}
        where connection_id = $connection_id and external_id in (
            select external_id from {source_type.dataset}.{name} where operation = 'delete'
        )
        group by external_id
        having max_by(operation, (occurred_at, observed_at, event_id)) = 'delete'
        """
        for name, resource in source_type.resources.items()
        if resource.locator
    )
    values = {"connection_id": connection_id}
    path = _deletions(store, connection_id)
    pq.write_table(db.execute(deleted, values).to_arrow_table(), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)  # Others of the connection may be reading it.
    for container in containers:
        path = _known(store, connection_id, container)
        values = {"connection_id": connection_id, "container": container}
        pq.write_table(db.execute(listed, values).to_arrow_table(), path)


def extract(
    source_type: SourceType, request: SyncRequest, store: Store, trigger: Trigger
) -> SyncRun:
    """Read one container into a load package on disk and account for it in the ledger.

    An orchestrator's run waits a while for others that read the same container.

    Raises:
        HeadwaterError: nothing of this container was kept and its cursors stand where they stood.
    """
    names = source_type.resource_names(request)
    seconds = lanes.SECONDS_TO_WAIT if trigger.run_id else 0
    with lanes.free(request, store, seconds) as lane:
        lanes.close(request.connection_id, request.container, lane, store)
        run = store.ledger.start(
            request.source_type,
            request.connection_id,
            request.container,
            mode=request.mode,
            resources=names,
            trigger=trigger,
            window=(request.start, request.end),
            tokens=credentials.describe(request.secret),
            lane=lane,
        )
        try:
            if request.is_live and not request.resources:
                request = replace(request, probed=visits.take_answer(request, store, trigger))
            _extract_package(source_type, request, store, run, names)
        except Exception as error:  # noqa: BLE001 - dlt wraps anything; the ledger keeps it
            cause = _cause(error, request)
            run.failed("extract", cause)
            raise cause from None
        run.extracted()
        if request.is_live and not request.resources:
            visits.extracted(request, run, store)
        return run


def load(
    source_type: SourceType, connection_id: str, store: Store, db: duckdb.DuckDBPyConnection
) -> list[SyncRun]:
    """Commit every package of a connection that waits on disk; return the syncs that ended.

    One container that cannot be loaded does not stop the others.

    Raises:
        HeadwaterError: after all were tried, the first failure.
    """
    waiting: dict[tuple[str, int], list[SyncRun]] = {}
    for run in lanes.waiting_syncs(connection_id, store):
        waiting.setdefault((run.container, run.lane), []).append(run)
    ended: list[SyncRun] = []
    failure: HeadwaterError | None = None
    for (container, lane), runs in waiting.items():
        try:
            with lanes.held(source_type.name, connection_id, container, store, lane):
                pipeline = _pipeline(source_type, connection_id, container, store, db, lane)
                load_ids = _load_packages(pipeline)
        except lanes.AlreadyRunningError:
            continue  # The sync that is reading this container loads what waits before it.
        except Exception as error:  # noqa: BLE001 - dlt wraps anything; the ledger keeps the reason
            failure = failure or _load_error(source_type, container, error)
            for run in runs:
                run.failed("load", _load_error(source_type, container, error), ends=False)
            continue
        for run in runs:
            run.loaded(load_ids, _rows_added(db, source_type, run))
            visits.loaded(run, store)
            ended.append(run)
    if failure:
        raise failure
    return ended


def loaded(db: duckdb.DuckDBPyConnection, expected: Iterable[str]) -> list[tuple[str, str, int]]:
    """Those of some syncs that are in the warehouse, whoever committed them.

    Each with its id, its container and the rows it added, in the order they were committed.
    """
    rows: list[tuple[str, str, int]] = db.execute(
        """
        select
            sync_id,
            container,
            coalesce(
                list_sum(map_values((details -> '$.rows_added')::map(varchar, bigint))), 0
            )::bigint
        from raw_headwater.sync_events
        where event = 'loaded' and list_contains($expected, sync_id)
        order by occurred_at, sync_id
        """,
        {"expected": list(expected)},
    ).fetchall()
    return rows


def prepare(
    source_types: Iterable[SourceType], store: Store, db: duckdb.DuckDBPyConnection
) -> None:
    """Make every raw table exist, so that models build before, or without, a first sync."""
    existing = {
        (schema, table)
        for schema, table in db.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    for source_type in source_types:
        missing = [n for n in source_type.resources if (source_type.dataset, n) not in existing]
        if missing:
            tables = [
                _table(n, raw_event.SCHEMA.empty_table(), source_type.resources[n].strategy)
                for n in missing
            ]
            _run_once(f"{source_type.name}_tables", source_type.name, tables, store, db)
    if any(("raw_headwater", name) not in existing for name in (*ledger.TABLES, "sources")):
        load_ledger(store, db, [], is_new=True)
    if ("raw_headwater", "webhook_deliveries") not in existing:
        load_deliveries([], store, db)


def restore(
    source_type: SourceType,
    connection_id: str,
    containers: Iterable[str],
    store: Store,
    db: duckdb.DuckDBPyConnection,
) -> None:
    """Bring cursors back from the warehouse for containers that have no local state."""
    for container in containers:
        if not (store.pipelines / lanes.name_of(connection_id, container)).exists():
            _pipeline(source_type, connection_id, container, store, db).sync_destination()


def set_aside(run: SyncRun, store: Store) -> None:
    """Give up a package that cannot be loaded: kept for people, and read anew by the next sync.

    Its container's folder goes as a whole, cursors included: they are restored from the warehouse.
    """
    name = lanes.name_of(run.connection_id, run.container, run.lane)
    with lanes.held(run.source_type, run.connection_id, run.container, store, run.lane):
        folder = store.root / "set_aside"
        folder.mkdir(parents=True, exist_ok=True)
        (store.visits / f"{name}.json").unlink(missing_ok=True)
        if (store.pipelines / name).exists():
            (store.pipelines / name).replace(folder / f"{name}.{run.sync_id}")
        for waiting, _ in store.ledger.open_syncs(run.connection_id):
            if (waiting.container, waiting.lane) == (run.container, run.lane):
                waiting.interrupted("its package was set aside by hand")


def adopt(warehouse_id: str, store: Store) -> None:
    """Forget local cursors and packages that belong to another warehouse file than this one.

    A cursor is only true beside the rows it stands for: after the warehouse was deleted or
    replaced, reading on from it would leave everything before it out, silently.
    """
    stamp = store.pipelines / "warehouse_id"
    if stamp.exists() and stamp.read_text() == warehouse_id:
        return
    shutil.rmtree(store.pipelines, ignore_errors=True)
    for run in store.ledger.all_open():  # Their packages are gone.
        run.interrupted("the warehouse was replaced before the load")
    store.pipelines.mkdir(parents=True)
    stamp.write_text(warehouse_id)


def load_deliveries(
    rows: list[dict[str, Any]], store: Store, db: duckdb.DuckDBPyConnection
) -> None:
    """Keep how attempts to follow deliveries ended; safe to repeat."""
    table = pa.Table.from_pylist(rows, schema=ledger.DELIVERIES)
    strategy = {**EVENTS, "primary_key": ledger.DELIVERIES.names[0]}
    tables = [_table("webhook_deliveries", table, strategy)]
    _run_once("headwater_deliveries", "headwater", tables, store, db)


def load_ledger(
    store: Store,
    db: duckdb.DuckDBPyConnection,
    sources: list[dict[str, Any]],
    *,
    is_new: bool = False,
) -> None:
    """Carry the ledger's files and changes of the configuration into `raw_headwater`.

    Safe to repeat: every line has an id of its own, and a file is removed only after its commit.
    Where a table `is_new` (an older Headwater did not have it), it is made even without a row.
    """
    paths = store.ledger.files()
    recorded = _recorded_sources(db)
    changed = _changed_sources(recorded or {}, sources)
    if not is_new and recorded is not None and not paths and not changed:
        return
    tables = [
        _table(name, ledger.to_table(name, paths), {**EVENTS, "primary_key": schema.names[0]})
        for name, schema in ledger.TABLES.items()
    ]
    upsert = {"disposition": "merge", "strategy": "upsert"}
    rows = pa.Table.from_pylist(changed, schema=ledger.SOURCES)
    strategy = {"primary_key": "connection_id", "write_disposition": upsert}
    _run_once("headwater", "headwater", [*tables, _table("sources", rows, strategy)], store, db)
    store.ledger.forget(paths)


def _extract_package(
    source_type: SourceType,
    request: SyncRequest,
    store: Store,
    run: SyncRun,
    names: tuple[str, ...],
) -> None:
    place = (request.connection_id, request.container, store)
    pipeline = _pipeline(source_type, *place, str(store.warehouse), run.lane)
    if request.is_live:
        _rewind(pipeline, source_type, names)
        if source_type.scope:
            _widen(pipeline, source_type, names, source_type.scope(request))
    before = _cursors(pipeline, source_type.name)
    for name in names:
        run.resource(name).cursor_before = before.get(name)
    if names and not request.resources:
        run.resource(names[0]).meter.requests_made += visits.take_probe_requests(request, store)
    with _open(source_type, request, run, store) as resources:
        source = _source(source_type.name, [r for r in resources if r.name in names])
        os.environ["SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS"] = str(source_type.rows_in_memory)
        pipeline.extract(source, loader_file_format="parquet")
    _normalize(pipeline)
    pa.default_memory_pool().release_unused()  # A load in the same process needs the room.
    after = _cursors(pipeline, source_type.name)
    for name in names:
        run.resource(name).cursor_after = after.get(name)


def _open(source_type: SourceType, request: SyncRequest, run: SyncRun, store: Store) -> Opened:
    if request.mode == "webhook" and source_type.webhook:
        return source_type.webhook.open(request, run)
    if request.mode != "reconcile":
        return source_type.open(request, run)
    if source_type.reconcile is None:
        raise PermanentError(
            f"{source_type.name}.{request.container}",
            "this source cannot be reconciled",
            "a source that can",
            "leave it out",
        )
    path = _known(store, request.connection_id, request.container)
    known = Known(path, _deletions(store, request.connection_id))
    return source_type.reconcile(request, run, known)


def _known(store: Store, connection_id: str, container: str) -> Path:
    return store.known / f"{lanes.name_of(connection_id, container)}.parquet"


def _deletions(store: Store, connection_id: str) -> Path:
    return store.known / f"{ledger.slug(connection_id)}.parquet"


def _rewind(pipeline: dlt.Pipeline, source_type: SourceType, names: tuple[str, ...]) -> None:
    """Forget how far a resource was read if it was read without one that follows it.

    That happens when a content type is switched on later. What was read before is read again, and
    adds nothing to the resource that had it.
    """
    with pipeline.managed_state() as state:
        resources = _resource_states(state, source_type.name)
        for leader in {resource.follows for resource in source_type.resources.values()} & {*names}:
            followers = sorted(n for n in names if source_type.resources[n].follows == leader)
            known = resources.get(leader, {})
            if not {*followers} <= {*known.get("followers", ())}:
                for name in (leader, *followers):
                    resources.pop(name, None)
            resources.setdefault(leader, {})["followers"] = followers


def _widen(
    pipeline: dlt.Pipeline, source_type: SourceType, names: tuple[str, ...], scope: Sequence[str]
) -> None:
    """Forget how far resources were read if their container now stands for more than it did."""
    with pipeline.managed_state() as state:
        resources = _resource_states(state, source_type.name)
        for name in names:
            known = resources.setdefault(name, {}).get("scope", scope)
            if not {*scope} <= {*known}:
                resources[name] = {}
            resources[name]["scope"] = [*scope]


def _resource_states(state: Any, schema: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = (
        state.setdefault("sources", {}).setdefault(schema, {}).setdefault("resources", {})
    )
    return found


def _normalize(pipeline: dlt.Pipeline) -> None:
    """Normalize what was extracted, but not what a killed process had already normalized.

    dlt moves a package on at once and removes what it was made from afterwards. Killed in between,
    it would make the same package again and find its place taken.
    """
    done = pipeline.list_normalized_load_packages()
    for load_id in {*pipeline.list_extracted_load_packages()} & {*done}:
        pipeline._get_normalize_storage().extracted_packages.delete_package(load_id)
    pipeline.normalize()


def _load_packages(pipeline: dlt.Pipeline) -> list[str]:
    _normalize(pipeline)
    info: LoadInfo | None = pipeline.load()
    return list(info.loads_ids) if info else []


def _rows_added(
    db: duckdb.DuckDBPyConnection, source_type: SourceType, run: SyncRun
) -> dict[str, int]:
    counts = " union all ".join(
        f"select '{name}', count(*) from {source_type.dataset}.{name}"
        f" where sync_id = $sync_id and external_id <> '{raw_event.WHOLE_LISTING}'"
        for name in run.resources
    )
    return dict(db.execute(counts, {"sync_id": run.sync_id}).fetchall()) if counts else {}


def _recorded_sources(db: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]] | None:
    """The connections that the warehouse knows; None before its first ledger was loaded."""
    exists = db.execute(
        "select count(*) from information_schema.tables"
        " where table_schema = 'raw_headwater' and table_name = 'sources'"
    ).fetchone()
    if not exists or not exists[0]:
        return None
    names = ", ".join(ledger.SOURCES.names)
    rows = db.execute(f"select {names} from raw_headwater.sources").to_arrow_table().to_pylist()
    return {row["connection_id"]: row for row in rows}


def _changed_sources(
    recorded: Mapping[str, Mapping[str, Any]], sources: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows that differ from what is recorded; whoever is no longer configured keeps a row."""
    if not sources:
        return []
    configured = {source["connection_id"] for source in sources}
    removed = [
        {**row, "is_configured": False}
        for name, row in recorded.items()
        if name not in configured and row["is_configured"]
    ]
    return [
        source
        for source in [*sources, *removed]
        if {**recorded.get(source["connection_id"], {}), "observed_at": None}
        != {**source, "observed_at": None}
    ]


def _pipeline(
    source_type: SourceType,
    connection_id: str,
    container: str,
    store: Store,
    credentials: duckdb.DuckDBPyConnection | str,
    lane: int = 0,
) -> dlt.Pipeline:
    name = lanes.name_of(connection_id, container, lane)
    pipeline = _dlt_pipeline(name, source_type.dataset, store, credentials)
    if lane:  # There is nothing to remember, so no state goes into the warehouse.
        pipeline.config.restore_from_destination = False
    return pipeline


def _dlt_pipeline(
    name: str, dataset: str, store: Store, credentials: duckdb.DuckDBPyConnection | str
) -> dlt.Pipeline:
    os.environ.update(DLT_SETTINGS)
    return dlt.pipeline(
        name,
        destination=Warehouse(credentials),
        dataset_name=dataset,
        pipelines_dir=str(store.pipelines),
    )


def _source(name: str, resources: Iterable[DltResource]) -> DltSource:
    @dlt.source(name=name, schema_contract=FROZEN, max_table_nesting=0)
    def raw() -> Iterable[DltResource]:
        return list(resources)

    return raw()


def _table(name: str, rows: pa.Table, strategy: Mapping[str, Any]) -> DltResource:
    return dlt.resource([rows], name=name, **strategy)


def _run_once(
    name: str,
    schema: str,
    tables: list[DltResource],
    store: Store,
    db: duckdb.DuckDBPyConnection,
) -> None:
    """Extract and load in one go what is already at hand, leaving no local state behind."""
    shutil.rmtree(store.pipelines / name, ignore_errors=True)
    pipeline = _dlt_pipeline(name, f"raw_{schema}", store, db)
    pipeline.run(_source(schema, tables), loader_file_format="parquet")


def _cursors(pipeline: dlt.Pipeline, schema: str) -> dict[str, str]:
    """Each resource's live cursor, as ISO 8601 text."""
    resources = pipeline.state.get("sources", {}).get(schema, {}).get("resources", {})
    found = {}
    for name, state in resources.items():
        value = state.get("incremental", {}).get("occurred_at", {}).get("last_value")
        if value is not None:
            found[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return found


def _cause(error: BaseException, request: SyncRequest) -> HeadwaterError:
    """The error in the house form that dlt wrapped, or any other one put into it."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, HeadwaterError):
            return link
        if not isinstance(link, StopIteration):  # How dlt's loops end; nothing went wrong there.
            error = link
        link = link.__cause__ or link.__context__
    return PermanentError(
        f"{request.source_type}.{request.container}",
        f"extract failed: {type(error).__name__}: {error}",
        "a complete read",
        "run again, and report this if it persists",
        code="unexpected",
    )


def _load_error(source_type: SourceType, container: str, error: Exception) -> HeadwaterError:
    # dlt tells of a job that failed in its whole traceback: what was raised stands last in it.
    raised = _RAISED.findall(str(error)) or [f"{type(error).__name__}: {error}"]
    return PermanentError(
        f"{source_type.name}.{container}",
        f"load failed: {' '.join(raised[-1].split())}",
        "the package to commit",
        "run again: the package waits on disk and nothing is lost",
        code="load_failed",
    )
