"""Whether `ops.sync_history` is true: what a test knows of its syncs against what is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from dlt_pipelines.ledger import Ledger, read_rows

GOOD = {"completed", "completed_with_errors"}


@dataclass
class Diary:
    """How each sync ended, as whoever started it saw it: by id, and failures by what they said.

    Those in `killed` had not said that they had read everything: they are interrupted, but for one
    whose rows were complete on disk, which the next load brings.
    """

    ended: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def syncs(self) -> int:
        return len(self.ended | self.killed) + self.failed.total()

    def read_left_behind(self, ledger: Ledger, known: list[tuple[str, str, str]]) -> None:
        """Of syncs whose process was killed: what must become of each, by what it had written.

        `known` are the events that the warehouse has (sync, event, message).
        """
        told: dict[str, dict[str, str]] = {}
        for sync_id, event, message in known:
            told.setdefault(sync_id, {})[event] = message
        for path in ledger.files():
            for row in read_rows(path):
                if row["table"] == "sync_events":
                    details = msgspec.json.decode(row["details"])
                    message = details.get("error_message") or ""
                    told.setdefault(row["sync_id"], {})[row["event"]] = message
        failures: Counter[str] = Counter()
        for sync_id, events in told.items():
            if {"extracted", "loaded"} & events.keys():
                self.ended.add(sync_id)
            elif "failed" in events:
                failures[events["failed"]] += 1
            else:
                self.killed.add(sync_id)
        self.failed |= failures


def lies(warehouse: Path, diary: Diary, name: str, requests: int | None) -> list[str]:
    """What the history says that is not so, or keeps to itself; empty where it is true."""
    with duckdb.connect(str(warehouse)) as db:
        db.execute("set timezone = 'UTC'")
        db.execute(f"set file_search_path = '{warehouse.parent}'")

        def rows(sql: str, **values: Any) -> list[tuple[Any, ...]]:
            return db.execute(sql, values or None).fetchall()

        found = [
            f"{what}: {row}"
            for what, sql in _LIES.items()
            for row in rows(sql.format(dataset=f"raw_{name}"))
        ]
        syncs = rows(
            "select sync_id, list(distinct status order by status), max(error_message)"
            " from ops.sync_history where source_type = $name group by sync_id",
            name=name,
        )
        ((made,),) = rows("select coalesce(sum(requests_made), 0) from ops.sync_history")
    good = {sync_id for sync_id, states, _ in syncs if {*states} <= GOOD}
    interrupted = {sync_id for sync_id, states, _ in syncs if states == ["interrupted"]}
    failed = Counter(message for _, states, message in syncs if states == ["failed"])
    if good - diary.killed != diary.ended - diary.killed:
        found.append(f"ended well: told {good - diary.ended}, not told {diary.ended - good}")
    if interrupted != diary.killed - good:
        found.append(f"interrupted: {interrupted} instead of {diary.killed - good}")
    if failed != diary.failed:
        found.append(f"failed: {failed} instead of {diary.failed}")
    if len(syncs) != len(good) + len(interrupted) + failed.total():
        found.append(f"ended in two ways: {syncs}")
    if requests is not None and made > requests:
        found.append(f"{made} requests instead of {requests} at most")
    return found


_RAW_ROWS = """
    select sync_id, resource, count(*) filter (where external_id <> '*') as row_count
    from ops.raw_events where source_type = substr('{dataset}', 5) group by all
"""
# Each finds what must not be.
_LIES = {
    "told twice": """
        select sync_id, resource from ops.sync_history group by all having count(*) > 1
    """,
    "other rows than it added": f"""
        select sync_id, resource, status, items_succeeded, items_unchanged, row_count
        from ops.sync_history full join ({_RAW_ROWS}) as raw using (sync_id, resource)
        where coalesce(row_count, 0) is distinct from
            if(status in ('completed', 'completed_with_errors'),
                items_succeeded - items_unchanged, 0)
    """,
    "numbers that do not add up": """
        select sync_id, resource, items_processed, items_succeeded, items_failed
        from ops.sync_history
        where items_processed <> items_succeeded + items_failed or items_unchanged < 0
            or completed_at < started_at
    """,
    "another number of unreadable records": """
        select sync_id, resource, items_failed, letters
        from (
            select sync_id, resource, items_failed from ops.sync_history
            where status in ('completed', 'completed_with_errors') and items_failed > 0
        ) full join (
            select sync_id, resource, count(*) as letters from raw_headwater.dead_letters
            where sync_id in (
                select sync_id from ops.sync_history
                where status in ('completed', 'completed_with_errors')
            ) group by all
        ) using (sync_id, resource)
        where items_failed is distinct from letters
    """,
    "no reason": """
        select sync_id, resource, status, is_complete from ops.sync_history
        where (status in ('failed', 'interrupted') or not is_complete) and error_message is null
    """,
    "a last state that is not good": """
        select container, last_status, consecutive_failure_count from ops.sync_state
        where last_status <> 'completed' or consecutive_failure_count > 0
    """,
    "logs of another end": """
        select sync_id, event, status from ops.sync_logs as logs
        inner join ops.sync_history as history using (sync_id)
        where event in ('completed', 'interrupted') and logs.resource is null
            and not starts_with(history.status, event)
    """,
}
