"""The Airflow DAG transform: dbt build, then publish, then docs.

Runs when any raw asset was updated, one run at a time. One dbt process builds every model: with one
writer, a task per model would only queue.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from airflow.sdk import dag, task

from include import airflow as wiring
from include import steps


@dag(
    dag_id="transform",
    schedule=reduce(or_, [wiring.raw_asset(s.name) for s in wiring.settings().sources]),
    catchup=False,
    max_active_runs=1,
    # Where loads wait, they go first: one build serves them all.
    default_args={**wiring.TASK_DEFAULTS, "weight_rule": "absolute"},
    **wiring.telling(),
    tags=["headwater"],
    doc_md=__doc__,
)
def transform() -> None:
    """One build, one copy, one page."""

    @task(pool=wiring.WAREHOUSE_POOL)
    def build() -> None:
        with wiring.failing_at_once():
            steps.transform(wiring.settings(), say=print)

    @task(pool=wiring.WAREHOUSE_POOL)
    def publish() -> str:
        return steps.publish(wiring.settings())

    @task(pool=wiring.WAREHOUSE_POOL)
    def docs() -> str:
        with wiring.failing_at_once():
            return steps.docs(wiring.settings(), say=print)

    build() >> publish() >> docs()


transform()
