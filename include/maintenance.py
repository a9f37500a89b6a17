"""What is done once a day: dead syncs are found, sources are compared with what is known of them.

The archive and backups, which belong to the same day, are rooms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from dlt_pipelines import lanes, pipeline
from dlt_pipelines.deletions import MASS_DELETION
from dlt_pipelines.exceptions import AuthError, HeadwaterError
from dlt_pipelines.ledger import Trigger
from include import steps, warehouse
from include.settings import Settings

# Plain text, so that it fits an XCom: source, container, mode, message.
Question: TypeAlias = dict[str, str]
CONFIRM: Final = "Confirm the deletions"
KEEP: Final = "Keep everything"


def find_interrupted(settings: Settings) -> list[str]:
    """End the accounts of syncs whose process died, and carry them into the warehouse.

    Returns their ids.
    """
    found = lanes.close_interrupted(settings.store)
    if found:
        with warehouse.writer(settings) as db:
            pipeline.load_ledger(settings.store, db, settings.source_rows())
    return [run.sync_id for run in found]


def reconcilable(settings: Settings) -> list[str]:
    """The sources that are synced and whose deletions can be looked for."""
    return [
        source.name
        for source in settings.sources
        if source.sync_enabled and settings.source_type(source.name).reconcile
    ]


def reconcile(
    settings: Settings,
    name: str,
    *,
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> list[Question]:
    """Look for what has been deleted at a source.

    Returns where so much is missing that a person has to decide, be it now or at the last sync.

    Raises:
        TransientError: a container is being synced by somebody else.
        HeadwaterError: another failure; all containers were tried.
    """
    failure: HeadwaterError | None = None
    wanted, _ = steps.prepare(settings, name, mode="reconcile", trigger=trigger)
    questions = _left_by_syncs(settings, name)
    for container in wanted:
        try:
            steps.extract(settings, name, container, mode="reconcile", trigger=trigger)
        except HeadwaterError as error:
            if error.code == MASS_DELETION:
                questions.append(_question(name, container, "reconcile", str(error)))
                continue
            failure = failure or error
            if isinstance(error, AuthError):
                break  # The others have the same credential.
    steps.load(settings, name)
    if failure:
        raise failure
    return questions


def carry_out(
    settings: Settings,
    questions: Iterable[Question],
    answers: Iterable[Iterable[str]],
    *,
    trigger: Trigger = Trigger(),  # noqa: B008 - frozen
) -> list[Question]:
    """Sync again, deletions included, where a person has confirmed them; returns these.

    Raises:
        HeadwaterError: the first failure; all were tried.
    """
    chosen = [q for q, answer in zip(questions, answers, strict=True) if CONFIRM in answer]
    failures = [
        failure
        for question in chosen
        for failure in steps.sync(
            settings,
            question["source"],
            containers=[question["container"]],
            mode="reconcile" if question["mode"] == "reconcile" else "incremental",
            confirm_deletions=True,
            trigger=trigger,
        )[1]
    ]
    if failures:
        raise failures[0]
    return chosen


def _left_by_syncs(settings: Settings, name: str) -> list[Question]:
    """Where the last sync stopped because a listing had lost very much."""
    with warehouse.writer(settings) as db:
        rows = db.execute(
            """
            select container, max_by(details, occurred_at) as ending
            from raw_headwater.sync_events
            where
                connection_id = $name
                and event in ('loaded', 'failed', 'interrupted')
                and sync_id in (
                    select sync_id from raw_headwater.sync_events
                    where event = 'started' and (details ->> '$.mode') = 'incremental'
                )
            group by container
            having (ending ->> '$.error_code') = $code
            order by container
            """,
            {"name": name, "code": MASS_DELETION},
        ).fetchall()
    return [
        _question(name, container, "incremental", msgspec.json.decode(ending)["error_message"])
        for container, ending in rows
    ]


def _question(source: str, container: str, mode: str, message: str) -> Question:
    return {"source": source, "container": container, "mode": mode, "message": message}
