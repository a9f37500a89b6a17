"""How every source and container is doing, as the published file tells it; read-only, for a page.

The published file is replaced whole, so whoever reads it neither waits nor is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb

from include.settings import Settings
from include.spool import STATES, Spool

RUNS_PLOTTED: Final = 40
ERRORS_SHOWN: Final = 20
# Without success for more than so many periods, and for half an hour at least.
LATE_AFTER: Final = 2
_LATE_MINUTES: Final = 30

_QUERIES: Final = {
    "sources": """
        select
            sources.connection_id,
            sources.source_type,
            sources.sync_frequency_minutes,
            sources.is_enabled,
            sources.last_succeeded_at,
            count(errors.raw_event_error_id) as error_count
        from ops.ingestion_sources as sources
        left join ops.raw_event_errors as errors
            on sources.connection_id = errors.connection_id and errors.status = 'open'
        where sources.is_configured
        group by all
        order by sources.connection_id
    """,
    "containers": """
        with syncs as (
            select
                connection_id,
                container,
                sync_id,
                max(dag_id) as dag_id,
                max(run_id) as run_id,
                max(log_url) as log_url,
                bool_and(coalesce(is_complete, false)) as is_complete,
                max(error_message) as error_message,
                min(rate_limit_remaining) as quota_left,
                sum(requests_made) as requests_made,
                sum(requests_not_modified) + sum(requests_saved) as requests_free
            from ops.sync_history
            group by connection_id, container, sync_id
        )
        select
            state.connection_id,
            state.container,
            state.last_status,
            state.last_succeeded_at,
            state.consecutive_failure_count,
            newest.dag_id,
            newest.run_id,
            newest.log_url,
            newest.is_complete,
            newest.error_message,
            newest.quota_left,
            newest.requests_made,
            newest.requests_free
        from ops.sync_state as state
        left join syncs as newest
            on state.connection_id = newest.connection_id
            and state.container = newest.container
            and state.last_sync_id = newest.sync_id
        order by state.connection_id, state.container
    """,
    "runs": """
        select
            connection_id,
            coalesce(run_id, sync_id) as run,
            max(dag_id) as dag_id,
            max(run_id) as run_id,
            min(started_at) as started_at,
            date_diff('millisecond', min(started_at), max(completed_at)) / 1000 as seconds,
            sum(items_processed - items_unchanged)::bigint as rows_added,
            bool_or(status in ('failed', 'interrupted')) as has_failed
        from ops.sync_history
        where completed_at is not null
        group by connection_id, run
        qualify row_number() over (
            partition by connection_id order by min(started_at) desc, run desc
        ) <= $runs
        order by connection_id, min(started_at), run
    """,
    "errors": """
        select connection_id, container, resource, stage, error_message, attempt_count,
            last_failed_at
        from ops.raw_event_errors
        where status = 'open'
        order by last_failed_at desc nulls last, raw_event_error_id
        limit $errors
    """,
    "deliveries": """
        select connection_id, status, count(*) as deliveries, max(received_at) as received_at
        from ops.webhook_deliveries
        group by all
        order by all
    """,
}


@dataclass(frozen=True)
class Health:
    """Rows of each query by its name; empty before anything was published."""

    observed_at: datetime
    is_published: bool
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    inbox: dict[str, int] = field(default_factory=dict)

    def is_late(self, succeeded_at: datetime | None, frequency_minutes: int) -> bool:
        """Whether what should succeed so often has not for too long."""
        allowed = timedelta(minutes=max(LATE_AFTER * frequency_minutes, _LATE_MINUTES))
        return succeeded_at is None or self.observed_at - succeeded_at > allowed


def read(settings: Settings, now: datetime | None = None) -> Health:
    """What the published file and the inbox's folder tell."""
    now = now or datetime.now(UTC)
    inbox: dict[str, int] = {state: len(Spool(settings.inbox).names(state)) for state in STATES}
    if not settings.published.exists():
        return Health(now, False, inbox=inbox)
    given = {"runs": {"runs": RUNS_PLOTTED}, "errors": {"errors": ERRORS_SHOWN}}
    with duckdb.connect(str(settings.published), read_only=True) as db:
        db.execute("set timezone = 'UTC'")
        rows = {
            name: db.execute(query, given.get(name)).to_arrow_table().to_pylist()
            for name, query in _QUERIES.items()
        }
    return Health(now, True, rows, inbox)
