"""The Airflow DAG maintain, once a day.

    find_interrupted → archive → back_up
    find_interrupted → reconcile (one mapped task per source) → ask → decide → confirm
    and verify, which fails the run if any of them did

`reconcile` writes tombstones for what has vanished. Where very much has, `decide` waits under
Required Actions for a person, one decision per container; whoever says nothing for twenty hours
has kept everything, and is asked again the next day. Archive and backup do not wait for that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import TriggerRule, dag, get_current_context, task

from include import airflow as wiring
from include import archive as archives
from include import backup, maintenance

SOURCES = maintenance.reconcilable(wiring.settings())


@dag(
    dag_id="maintain",
    schedule="@daily",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=wiring.TASK_DEFAULTS,
    **wiring.telling(),
    tags=["headwater"],
    doc_md=__doc__,
)
def maintain() -> None:
    """Two ways from one start."""

    @task(pool=wiring.WAREHOUSE_POOL)
    def find_interrupted() -> list[str]:
        return maintenance.find_interrupted(wiring.settings())

    @task(pool=wiring.WAREHOUSE_POOL, trigger_rule=TriggerRule.ALL_DONE)
    def archive() -> int:
        with wiring.failing_at_once():
            return sum(moved.rows for moved in archives.archive(wiring.settings()))

    @task(pool=wiring.WAREHOUSE_POOL, trigger_rule=TriggerRule.ALL_DONE)
    def back_up() -> str:
        with wiring.failing_at_once():
            return backup.back_up(wiring.settings()).name

    @task(
        map_index_template="{{ task.op_kwargs['name'] }}",
        outlets=[wiring.raw_asset(name) for name in SOURCES],
    )
    def reconcile(name: str) -> list[dict[str, str]]:
        trigger = wiring.trigger_of(get_current_context())
        with wiring.failing_at_once():
            return maintenance.reconcile(wiring.settings(), name, trigger=trigger)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def ask(found: list[list[dict[str, str]] | None] | None) -> list[dict[str, str]]:
        questions = [question for asked in found or () for question in asked or ()]
        wiring.announce(questions, get_current_context())
        return questions

    @task
    def to_forms(questions: list[dict[str, str]]) -> list[dict[str, str]]:
        return [
            {"subject": f"{q['source']}: {q['container']}", "body": q["message"]} for q in questions
        ]

    decide = HITLOperator.partial(
        task_id="decide",
        options=[maintenance.CONFIRM, maintenance.KEEP],
        defaults=maintenance.KEEP,
        response_timeout=timedelta(hours=20),
    )

    @task(outlets=[wiring.raw_asset(name) for name in SOURCES])
    def confirm(questions: list[dict[str, str]], answers: list[dict[str, Any]]) -> None:
        trigger = wiring.trigger_of(get_current_context())
        chosen = [answer["chosen_options"] for answer in answers]
        with wiring.failing_at_once():
            maintenance.carry_out(wiring.settings(), questions, chosen, trigger=trigger)

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def verify() -> None:
        """Fails the run if anything failed that others did not wait for."""

    start, archived, backed_up = find_interrupted(), archive(), back_up()
    found = reconcile.expand(name=SOURCES)
    start >> archived >> backed_up
    start >> found
    questions = ask(found)
    answers = decide.expand_kwargs(to_forms(questions))
    [start, archived, backed_up, found, confirm(questions, answers.output)] >> verify()


maintain()
