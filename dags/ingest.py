"""One Airflow DAG per entry of sources.yml: ingest_<name>.

    prepare → extract (one mapped task per container) → load → verify

Runs every `sync_frequency_minutes` of its source. A backfill run reads exactly its data interval
and leaves the live cursor alone. `load` updates the asset `raw_<name>`, which starts `transform`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, TriggerRule, dag, get_current_context, task

from include import airflow as wiring
from include import steps
from include.settings import GitHubSource, LinearSource, NotionSource


def ingest(source: GitHubSource | LinearSource | NotionSource) -> DAG:
    """The DAG of one source."""
    name = source.name

    @task(pool=wiring.WAREHOUSE_POOL)
    def prepare() -> list[str]:
        context = get_current_context()
        options = wiring.run_options(context)
        with wiring.failing_at_once():
            visit, _ = steps.prepare(
                wiring.settings(),
                name,
                context["params"]["containers"] or (),
                mode=options["mode"],
                resources=options["resources"],
                trigger=wiring.trigger_of(context),
            )
        return visit

    @task(
        pool=wiring.api_pool(name),
        map_index_template="{{ task.op_kwargs['container'] }}",
    )
    def extract(container: str) -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_at_once():
            return steps.extract(
                wiring.settings(),
                name,
                container,
                trigger=wiring.trigger_of(context),
                **wiring.run_options(context),
            )

    @task(
        pool=wiring.WAREHOUSE_POOL,
        trigger_rule=TriggerRule.ALL_DONE,
        outlets=[wiring.raw_asset(name)],
    )
    def load() -> list[dict[str, Any]]:
        trigger = wiring.trigger_of(get_current_context())
        with wiring.failing_at_once():
            return steps.load(wiring.settings(), name, trigger)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def verify(containers: list[str], ended: list[dict[str, Any]] | None) -> None:
        with wiring.failing_at_once():
            steps.verify(name, containers, ended or [])

    @dag(
        dag_id=f"ingest_{name}",
        schedule=wiring.schedule(source),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args=wiring.TASK_DEFAULTS,
        params=wiring.INGEST_PARAMS,
        **wiring.telling(),
        tags=["headwater", source.type],
        doc_md=__doc__,
    )
    def pipeline() -> None:
        containers = prepare()
        extracted = extract.expand(container=containers)
        ended = load()
        extracted >> ended
        verify(containers, ended)

    return pipeline()


for entry in wiring.settings().sources:
    globals()[f"ingest_{entry.name}"] = ingest(entry)
