"""The Airflow DAG notify: says what needs somebody, where `notifications` in sources.yml says.

Every quarter of an hour it looks at the published file for sources that are late and records that
cannot be read. Each thing is said once, and when it is over. Runs that fail say so by themselves
(`include.airflow.telling`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

from include import airflow as wiring
from include import notify


@dag(
    dag_id="notify",
    schedule=timedelta(minutes=15),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=wiring.TASK_DEFAULTS,
    tags=["headwater"],
    doc_md=__doc__,
)
def tell_people() -> None:
    """One task."""

    @task
    def tell() -> list[str]:
        with wiring.failing_at_once():
            return notify.tell_what_is_wrong(wiring.settings())

    tell()


if wiring.telling():
    tell_people()
