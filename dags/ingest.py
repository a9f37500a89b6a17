"""One Airflow DAG per entry of sources.yml: ingest_<name>.

    prepare → extract (one mapped task per container) → load → verify

It runs every `sync_frequency_minutes` of its source and reads what changed. `load` updates the
asset `raw_<name>`, which starts `transform`.

**Trigger, Backfill** reads a range again: one run per interval of the schedule, each exactly its
own; cursors stay where they are. *Max Active Runs* says how many at once (type the number).
`transform` follows when no run waits to begin.

**Trigger, Single Run** with mode *window* reads any range in one run, for chosen containers and
resources. Every sync is a row of `ops.sync_history`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, TriggerRule, dag, get_current_context, task

from include import airflow as wiring
from include import steps
from include.sources_file import GitHubSource, LinearSource, NotionSource


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
        outlets=[wiring.loaded(name)],
    )
    def load(extracted: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
        with wiring.failing_at_once():
            syncs = [done["sync_id"] for done in extracted or ()]
            ended = steps.load(wiring.settings(), name, syncs)
        wiring.tell_of_load(name, get_current_context())
        return ended

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
        params=wiring.ingest_params(source),
        **wiring.telling(),
        tags=["headwater", source.type],
        doc_md=__doc__,
    )
    def pipeline() -> None:
        containers = prepare()
        verify(containers, load(extract.expand(container=containers)))

    return pipeline()


for entry in wiring.settings().sources:
    globals()[f"ingest_{entry.name}"] = ingest(entry)
