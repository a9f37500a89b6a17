"""What happened to issues: read of those that changed, for many of them in one request.

History has no connection of its own: `issues(filter: {id: {in: …}}) { history }`. An issue's
history grows only when the issue changes, so `updatedAt` of the issue says when to read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from dlt.extract import DltResource

from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.linear.graphql import Connection, Workspace, query_text
from dlt_pipelines.pipeline import EVENTS, keep_newest
from dlt_pipelines.raw_event import ReadKeys, to_batches

# An issue that was read this long after its last change has been seen as that change left it.
SETTLING_SECONDS: Final = 60


class _Issue(msgspec.Struct):
    id: str
    history: Connection


def issue_history(
    workspace: Workspace,
    sync: SyncRun,
    issues: DltResource,
    read_keys: ReadKeys,
    *,
    is_live: bool,
) -> DltResource:
    """The history of the issues that a listing of changed ones brings."""
    run = sync.account("issue_history")

    @dlt.transformer(name="issue_history", **EVENTS)
    def rows(changed: pa.Table) -> Iterator[pa.Table]:
        waiting = {row["external_id"]: row for row in _unsettled(changed, is_live=is_live)}
        yield from to_batches(_read(workspace, run, waiting), run, read_keys)

    return issues | rows


def _read(
    workspace: Workspace, run: ResourceRun, waiting: Mapping[str, Mapping[str, Any]]
) -> Iterator[msgspec.Raw]:
    missing = {*waiting}
    for node in workspace.fetch_ids(run, query_text("issue_history"), [*waiting]):
        try:
            issue = msgspec.json.decode(node, type=_Issue)
        except msgspec.MsgspecError as error:
            run.dead_letter(bytes(node), error)
            continue
        missing.discard(issue.id)
        yield from issue.history.nodes
        yield from workspace.read_on(run, "issue_history_page", issue.id, issue.history.page_info)
    for issue_id in sorted(missing):  # Gone since it was listed; the rest of the run is not.
        run.dead_letter(str(waiting[issue_id]["payload"]).encode(), _gone(issue_id))


def _unsettled(changed: pa.Table, *, is_live: bool) -> list[dict[str, Any]]:
    """The issues whose history may have grown since it was last read.

    The cursor's overlap lists the newest issues at every run; reading them again costs.
    """
    columns = ["external_id", "occurred_at", "observed_at", "payload"]
    there = changed.filter(pc.field("operation") == "upsert")
    rows: list[dict[str, Any]] = there.select(columns).to_pylist()
    if not is_live:
        return rows
    settled: dict[str, str] = dlt.current.resource_state("issue_history").setdefault("settled", {})
    unsettled = []
    for row in rows:
        mark = row["occurred_at"].isoformat()
        if settled.get(row["external_id"]) == mark:
            continue
        unsettled.append(row)
        if (row["observed_at"] - row["occurred_at"]).total_seconds() > SETTLING_SECONDS:
            settled[row["external_id"]] = mark
    keep_newest(settled)
    return unsettled


def _gone(issue_id: str) -> NotFoundError:
    return NotFoundError(
        "linear.issue_history",
        f"the issue {issue_id} is gone since it was listed",
        "an existing object",
        "run again: it is then listed no more",
    )
