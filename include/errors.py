"""Records that failed, at whatever stage: listed, shown, replayed, dismissed.

`ops.raw_event_errors` says what there is and what is open. A replay does what its stage needs:

    extract      the resource is read again from the source, whose records may have been mended
    load         the package that waits is committed
    normalize    the models behind the raw table are rebuilt

What was tried and what came of it goes through the ledger, like everything else that happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from dlt_pipelines import pipeline
from dlt_pipelines.exceptions import HeadwaterError, PermanentError, redact
from dlt_pipelines.ledger import Trigger
from include import steps, warehouse
from include.settings import Settings
from include.sources_file import ConfigError

# What has failed so often is only tried again when it is named.
MAX_REPLAYS: Final = 5
_MODELS: Final = (
    "stg_headwater__sync_events",
    "stg_headwater__dead_letters",
    "stg_headwater__error_events",
    "raw_event_errors",
)

Row = dict[str, Any]


def listed(settings: Settings, *, everything: bool = False) -> list[Row]:
    """Errors that are open, or all, newest first.

    Raises:
        PermanentError: the models have not been built yet.
    """
    which = "" if everything else "where status = 'open'"
    return _read(settings, f"{which} order by last_failed_at desc, raw_event_error_id")


def shown(settings: Settings, error_id: str) -> Row:
    """One error with its payload, by its id or the beginning of it.

    Raises:
        ConfigError: there is no such error, or there are several.
    """
    found = _read(settings, "where starts_with(raw_event_error_id, $id)", id=error_id)
    if len(found) != 1:
        raise ConfigError(
            f"headwater.errors.{error_id}",
            f"{len(found) or 'no'} errors have an id that begins so",
            "one",
            "see `headwater errors list --all`",
        )
    return found[0]


def dismiss(
    settings: Settings,
    ids: Iterable[str],
    reason: str,
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> list[Row]:
    """Close errors for good, with a reason; a package that cannot be loaded is set aside."""
    chosen = [shown(settings, error_id) for error_id in ids]
    for error in chosen:
        if error["stage"] == "load" and error["status"] == "open":
            for run in settings.store.ledger.all_open():
                if run.sync_id == error["sync_id"]:
                    pipeline.set_aside(run, settings.store)
    return _settle(settings, "dismiss", [(e, "dismissed", reason) for e in chosen], trigger)


def replay(
    settings: Settings,
    ids: Iterable[str] = (),
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> list[Row]:
    """Try errors again: the named ones, or all open ones that did not fail too often.

    Returns a row for each, with its outcome.
    """
    named = list(ids)
    chosen = (
        [shown(settings, error_id) for error_id in named]
        if named
        else [e for e in listed(settings) if e["replay_count"] < MAX_REPLAYS]
    )
    groups: dict[tuple[str, ...], list[Row]] = {}
    for error in chosen:
        place = {
            "extract": (error["connection_id"], error["container"], error["resource"]),
            "load": (error["connection_id"],),
            "normalize": (error["source_type"], error["resource"]),
        }
        groups.setdefault((error["stage"], *place[error["stage"]]), []).append(error)
    outcomes: list[tuple[Row, str, str]] = []
    for (stage, *where), errors in groups.items():
        try:
            failing, done = _REPLAYS[stage](settings, *where, trigger)
        except HeadwaterError as failure:
            failing, done = {error["raw_event_error_id"]: str(failure) for error in errors}, ""
        for error in errors:
            error_id = error["raw_event_error_id"]
            if error_id in failing:
                outcomes.append((error, "failed", failing[error_id]))
            else:
                outcomes.append((error, "resolved", done))
    return _settle(settings, "replay", outcomes, trigger)


def verify(done: Iterable[Row]) -> None:
    """Fail if a replay did not help.

    Raises:
        PermanentError: names the first error that is still there, and why.
    """
    failed = [row for row in done if row["outcome"] == "failed"]
    if failed:
        raise PermanentError(
            "headwater.errors",
            f"{len(failed)} are still open, such as {failed[0]['error_id']}: {failed[0]['reason']}",
            "records that can be read",
            "mend the source or the reader and replay them, or dismiss them",
            code="replay_failed",
        )


_READ: Final = "the resource was read again from the source"
_COMMITTED: Final = "the package was committed"
_REBUILT: Final = "the models were rebuilt"


# Why errors are still open, by id, and what helped the others.
_Replayed: TypeAlias = tuple[dict[str, str], str]


def _replay_extract(
    settings: Settings, name: str, container: str, resource: str, trigger: Trigger
) -> _Replayed:
    """Read a resource from the beginning."""
    ended, failures = steps.sync(
        settings, name, containers=[container], mode="full", resources=[resource], trigger=trigger
    )
    if failures:
        raise failures[0]
    values = {"syncs": [sync["sync_id"] for sync in ended], "resource": resource}
    with warehouse.writer(settings) as db:
        complete = db.execute(
            "select bool_and((details ->> '$.is_complete')::boolean)"
            " from raw_headwater.sync_events where event = 'extracted'"
            " and list_contains($syncs, sync_id) and resource = $resource",
            values,
        ).fetchone()
        rows = db.execute(
            "select dead_letter_id, error_message from raw_headwater.dead_letters"
            " where list_contains($syncs, sync_id) and resource = $resource",
            values,
        ).fetchall()
    if complete != (True,):
        raise PermanentError(
            f"{name}.{resource}", "it was not read completely", "all of it", "see ops.sync_history"
        )
    return {str(error_id): str(message) for error_id, message in rows}, _READ


def _replay_load(settings: Settings, name: str, trigger: Trigger) -> _Replayed:
    """Commit what waits; one package that cannot be does not keep the others waiting."""
    why = "its container is being synced: replay it again"
    try:
        steps.load(settings, name)
    except HeadwaterError as failure:
        why = str(failure)
    waiting = settings.store.ledger.open_syncs(name)
    return {f"load:{run.sync_id}": why for run, _ in waiting}, _COMMITTED


def _replay_normalize(
    settings: Settings, source_type: str, resource: str, trigger: Trigger
) -> _Replayed:
    """Rebuild what is made of a raw table, and the check of every payload."""
    models = (f"source:raw_{source_type}.{resource}+", "int_headwater__load_checks+")
    steps.dbt(settings, "run", "--full-refresh", "--select", *models)
    found = _read(settings, "where stage = 'normalize'")
    return {error["raw_event_error_id"]: str(error["error_message"]) for error in found}, _REBUILT


_REPLAYS: Final[dict[str, Callable[..., _Replayed]]] = {
    "extract": _replay_extract,
    "load": _replay_load,
    "normalize": _replay_normalize,
}


def _settle(
    settings: Settings, action: str, outcomes: list[tuple[Row, str, str]], trigger: Trigger
) -> list[Row]:
    """Record what came of errors, where `ops.raw_event_errors` shows it at once."""
    by = f"{trigger.dag_id} {trigger.run_id}" if trigger.run_id else trigger.kind
    rows = [
        {
            "error_id": error["raw_event_error_id"],
            "action": action,
            "outcome": outcome,
            "reason": redact(reason),
            "done_by": by,
        }
        for error, outcome, reason in outcomes
    ]
    if rows:
        settings.store.ledger.resolve(rows)
        with warehouse.writer(settings) as db:
            pipeline.load_ledger(settings.store, db, settings.source_rows())
        steps.dbt(settings, "run", "--select", *_MODELS)
    return rows


def _read(settings: Settings, which: str, **values: str) -> list[Row]:
    with warehouse.writer(settings) as db:
        built = db.execute(
            "select 1 from duckdb_columns() where schema_name = 'ops'"
            " and table_name = 'raw_event_errors' and column_name = 'status'"
        ).fetchone()
        if not built:
            raise PermanentError(
                "headwater.errors",
                "the models have not been built",
                "ops.raw_event_errors",
                "run `headwater transform` first",
                code="not_built",
            )
        found = db.execute(f"from ops.raw_event_errors {which}", values or None)
        rows: list[Row] = msgspec.to_builtins(found.to_arrow_table().to_pylist())
        return rows
