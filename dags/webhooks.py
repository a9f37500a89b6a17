"""The Airflow DAG webhooks: reads what deliveries of webhooks name, seconds after they arrived.

    the inbox's folder → asset `webhooks` → follow → assets raw_<name>, which start `transform`
                                              → verify

What it reads stays small: the objects that are named, each once however many deliveries name it.
Deliveries that cannot be followed wait, and the folder's watcher tells again every minute; so
nothing here is retried. The task is in no pool: reading may have to wait for a quota, and who
writes is ordered by the warehouse's lock.
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include import airflow as wiring
from include import webhooks
from include.airflow_watch import DeliveriesTrigger

SOURCES = [source for source in wiring.settings().sources if source.webhook_secret]
# Where deliveries never cease, the marts are built after so long; the watcher tells of the rest.
SECONDS = 30.0
INBOX = Asset(
    name="webhooks",
    uri="headwater://inbox",
    watchers=[AssetWatcher(name="inbox", trigger=DeliveriesTrigger())],
)


@dag(
    dag_id="webhooks",
    schedule=[INBOX],
    catchup=False,
    max_active_runs=1,
    default_args={**wiring.TASK_DEFAULTS, "retries": 0},
    **wiring.telling(),
    tags=["headwater"],
    doc_md=__doc__,
)
def follow_deliveries() -> None:
    """What waits when it begins, and what arrives in the next half minute."""

    @task(outlets=[wiring.raw_asset(source.name) for source in SOURCES])
    def follow() -> None:
        context = get_current_context()
        with wiring.failing_at_once():
            trigger = wiring.trigger_of(context)
            rows = webhooks.process(wiring.settings(), trigger, print, SECONDS)
        errors = sorted({row["error_message"] for row in rows if row["error_message"]})
        context["ti"].xcom_push("errors", errors)
        if not any(row["status"] == "processed" for row in rows):
            raise AirflowSkipException("nothing was read")  # Or the marts would be built for it.

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def verify() -> None:
        context = get_current_context()
        if errors := context["ti"].xcom_pull(task_ids="follow", key="errors"):
            raise AirflowFailException("\n".join(errors))

    follow() >> verify()


if SOURCES:
    follow_deliveries()
