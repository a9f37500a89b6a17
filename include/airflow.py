"""What the DAGs share: schedules, assets, pools, parameters, credentials. Wiring only.

Task bodies are the functions of `include.steps`; here is what only Airflow can tell them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from airflow.configuration import conf
from airflow.sdk import Asset, AssetAlias, Connection, Param
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRuntimeError,
)
from airflow.sdk.log import mask_secret
from airflow.timetables.interval import DeltaDataIntervalTimetable

from dlt_pipelines import SOURCES
from dlt_pipelines.exceptions import HeadwaterError, TransientError
from dlt_pipelines.ledger import Trigger
from include import notify
from include.settings import ROOT, Settings
from include.sources_file import GitHubSource, LinearSource, NotionSource

WAREHOUSE_POOL: Final = "warehouse"
API_SLOTS: Final = 2
# What trying again cannot help fails at once (see `failing_at_once`); this covers the rest, such as
# an API server that is not up yet.
TASK_DEFAULTS: Final = {
    "owner": "headwater",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}


def ingest_params(source: GitHubSource | LinearSource | NotionSource) -> dict[str, Param]:
    """What the trigger form of a source offers; empty lists mean all."""
    names = {"type": ["null", "array"], "items": {"type": "string"}}
    moment = {"type": ["null", "string"], "format": "date-time"}
    return {
        "mode": Param(
            "incremental",
            title="Mode",
            enum=["incremental", "window", "full", "reconcile"],
            values_display={
                "incremental": "incremental: what changed since the last run",
                "window": "window: what changed between start and end; cursors stay",
                "full": "full: everything again; cursors stay",
                "reconcile": "reconcile: look for what has been deleted",
            },
            description="How far to read. In a backfill each run is a window: its own interval.",
        ),
        "window_start": Param(
            None, title="Window start", description="With an end, makes it a window.", **moment
        ),
        "window_end": Param(
            None, title="Window end", description="The first moment that is not read.", **moment
        ),
        "containers": Param(
            None,
            title="Containers",
            description="Empty: all of this source.",
            examples=[container.name for container in source.containers],
            **names,
        ),
        "resources": Param(
            None,
            title="Resources",
            description="Empty: all. What shares a cursor with a chosen one is read with it.",
            examples=list(SOURCES[source.type].resources),
            **names,
        ),
        "confirm_deletions": Param(
            False,
            title="Confirm deletions",
            type=["boolean", "null"],
            description="For mode reconcile: accept that very much is missing at the source.",
        ),
    }


def settings() -> Settings:
    """Settings whose secrets come from Airflow connections first, then from the environment."""
    return Settings(secret_lookup=_secret)


def raw_asset(name: str) -> Asset:
    """Updated whenever a load of this source has committed."""
    return Asset(name=f"raw_{name}", uri=f"headwater://raw/{name}")


def loaded(name: str) -> AssetAlias:
    """Stands for the raw asset in a task that does not always tell of its load."""
    return AssetAlias(f"loaded_{name}")


def tell_of_load(name: str, context: Mapping[str, Any]) -> None:
    """Update the raw asset, which starts `transform`.

    But not in a backfill while further runs of the DAG wait to begin: each of them will come here,
    and the models would be built for every one.
    """
    instance = context["ti"]
    waiting = {"dag_id": instance.dag_id, "states": ["queued"]}
    if trigger_of(context).kind == "backfill" and instance.get_dr_count(**waiting):
        return
    context["outlet_events"][loaded(name)].add(raw_asset(name))


def api_pool(name: str) -> str:
    """The pool that bounds how many containers of a source are read at once."""
    return f"api_{name}"


def schedule(
    source: GitHubSource | LinearSource | NotionSource,
) -> DeltaDataIntervalTimetable | None:
    """Every `sync_frequency_minutes`, with data intervals, so that the UI can backfill periods."""
    if not source.sync_enabled:
        return None
    return DeltaDataIntervalTimetable(timedelta(minutes=source.sync_frequency_minutes))


def sync_options(
    run_type: str, params: Mapping[str, Any], interval: tuple[datetime | None, datetime | None]
) -> dict[str, Any]:
    """How far this run reads: a backfill its own data interval, any other what its form says."""
    options = {
        "resources": params["resources"] or [],
        "confirm_deletions": bool(params["confirm_deletions"]),
    }
    if run_type == "backfill":
        start, end = interval
        return {"mode": "window", "start": start, "end": end, **options}
    start, end = (_moment(params[name]) for name in ("window_start", "window_end"))
    mode = params["mode"]
    if mode == "incremental" and (start or end):  # As on the command line.
        mode = "window"
    return {"mode": mode, "start": start, "end": end, **options}


def run_options(context: Mapping[str, Any]) -> dict[str, Any]:
    """`sync_options` of the run that a task belongs to."""
    interval = _plain(context.get("data_interval_start")), _plain(context.get("data_interval_end"))
    return sync_options(trigger_of(context).kind, context["params"], interval)


def trigger_of(context: Mapping[str, Any]) -> Trigger:
    """Which task instance is syncing, for the ledger."""
    run, instance = context["dag_run"], context["ti"]
    run_type = getattr(run.run_type, "value", run.run_type)
    return Trigger(
        str(run_type), instance.dag_id, run.run_id, instance.try_number, instance.log_url
    )


@contextmanager
def failing_at_once() -> Iterator[None]:
    """Let Airflow retry only what trying again can help; an error's text carries no secret."""
    try:
        yield
    except TransientError:
        raise
    except HeadwaterError as error:
        raise AirflowFailException(str(error)) from None


def telling() -> dict[str, Any]:
    """What a DAG does when a run of it has ended, where somebody is to be told."""
    wanted = settings().notifications
    if not (wanted.webhook or wanted.email):
        return {}
    return {"on_failure_callback": _run_failed, "on_success_callback": _run_succeeded}


def run_url(dag_id: str, run_id: str) -> str:
    """Where the UI shows a run."""
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def announce(questions: list[dict[str, str]], context: Mapping[str, Any]) -> None:
    """Tell that decisions wait for a person, who finds them in the UI whether told or not."""
    url = run_url(context["ti"].dag_id, context["dag_run"].run_id)
    with suppress(HeadwaterError):
        notify.decisions_wait(settings(), questions, f"{url}/required_actions")


def _run_failed(context: Mapping[str, Any]) -> None:
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    last = context.get("ti")
    reason = f"{last.task_id}: {context['reason']}" if last else context["reason"]
    notify.run_failed(settings(), dag_id, reason, run_url(dag_id, run_id))


def _run_succeeded(context: Mapping[str, Any]) -> None:
    notify.run_succeeded(settings(), context["dag"].dag_id)


def create_pools(installation: Settings) -> None:
    """Create the pools that the DAGs name; safe to repeat."""
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(
        WAREHOUSE_POOL, 1, "One writer: load, dbt and publish", include_deferred=False
    )
    for source in installation.sources:
        Pool.create_or_update_pool(
            api_pool(source.name),
            API_SLOTS,
            f"Containers of {source.name} read at once",
            include_deferred=False,
        )


def _secret(name: str) -> str | None:
    secret: str | None
    try:
        secret = Connection.get(name.lower()).password
    except (AirflowNotFoundException, AirflowRuntimeError):
        secret = os.environ.get(name)
    if secret:
        mask_secret(secret)
    return secret


def _plain(moment: datetime | None) -> datetime | None:
    """Airflow's times are of a class of their own, which not every library takes for a time."""
    return datetime.fromtimestamp(moment.timestamp(), UTC) if moment else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def prepare_database() -> None:
    """Create or migrate Airflow's own database, and the pools; safe to repeat.

    Once in a process: it closes the sessions of all its threads.
    """
    from airflow.utils.db import initdb

    initdb()
    create_pools(settings())


def test_dags(dag_ids: list[str]) -> None:
    """Run DAGs one after another in this process, as `dag.test()` does; exits 1 on a failure."""
    from airflow.dag_processing.dagbag import DagBag

    prepare_database()
    bag = DagBag(str(ROOT / "dags"))
    for dag_id in dag_ids:
        if dag_id not in bag.dags:
            raise SystemExit(f"no DAG {dag_id}: {bag.import_errors}")
        state = bag.dags[dag_id].test().state
        if state != "success":
            raise SystemExit(f"DAG {dag_id} ended {state}")
