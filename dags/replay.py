"""The Airflow DAG replay: records that could not be read are tried again, by hand.

The form takes ids as `headwater errors list` prints them; without any, everything that is open and
has not failed too often.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, get_current_context, task

from include import airflow as wiring
from include import errors


@dag(
    dag_id="replay",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=wiring.TASK_DEFAULTS,
    params={
        "error_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            description="One a line; empty: all that are open.",
        )
    },
    **wiring.telling(),
    tags=["headwater"],
    doc_md=__doc__,
)
def replay() -> None:
    """One task: what it does depends on the stage of each error."""

    @task(outlets=[wiring.raw_asset(source.name) for source in wiring.settings().sources])
    def replay_errors() -> list[dict[str, str]]:
        context = get_current_context()
        with wiring.failing_at_once():
            ids = context["params"]["error_ids"] or ()
            done = errors.replay(wiring.settings(), ids, wiring.trigger_of(context))
            errors.verify(done)
        return done

    replay_errors()


replay()
