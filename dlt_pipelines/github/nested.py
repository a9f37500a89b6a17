"""What hangs on objects that changed: read by GraphQL, up to a hundred objects in one request.

A REST listing tells, for free where nothing did, which objects changed; their ids are asked for
here. Several resources come out of one request, whichever of them are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.github.graphql import GraphQL, Json
from dlt_pipelines.http import NotFoundError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import EVENTS, keep_newest
from dlt_pipelines.raw_event import to_batches

# An object that was read this long after its last change has been seen as that change left it.
SETTLING_SECONDS: Final = 60

Records = Mapping[str, list[Json]]
Split = Callable[["Nested", ResourceRun, Json], Records]


@dataclass
class Nested:
    """Reads the resources that follow one, for each batch of its changed objects.

    `split` turns one object into records by resource, reading on in lists that did not fit; `key`
    is the field of a record that identifies it.
    """

    graphql: GraphQL
    sync: SyncRun
    leader: str
    names: tuple[str, ...]
    document: str
    operation: str
    variables: Mapping[str, Any]
    split: Split
    is_live: bool
    key: str = "id"
    _waiting: dict[tuple[str, ...], dict[str, list[pa.Table]]] = field(default_factory=dict)

    def resources(self, leader: DltResource) -> list[DltResource]:
        """One transformer for each resource that is wanted."""
        return [leader | self._transformer(name) for name in self.names]

    def _transformer(self, name: str) -> DltResource:
        @dlt.transformer(name=name, **EVENTS)
        def rows(changed: pa.Table) -> Iterator[pa.Table]:
            key = tuple(changed["event_id"].to_pylist())
            if key not in self._waiting:
                self._waiting[key] = self._read(changed)
            found = self._waiting[key]
            tables = found.pop(name)
            if not found:
                del self._waiting[key]
            yield from tables

        return rows

    def _read(self, changed: pa.Table) -> dict[str, list[pa.Table]]:
        run = self.sync.account(self.names[0])
        rows = {_node_id(row["payload"]): row for row in self._unsettled(changed)}
        records: dict[str, list[bytes]] = {name: [] for name in self.names}
        times: dict[str, dict[str, datetime]] = {name: {} for name in self.names}
        found = self.graphql.nodes(run, self.document, self.operation, list(rows), self.variables)
        for node_id, node in found:
            row = rows[node_id]
            if node is None:  # Gone since it was listed; the rest of the run is not.
                run.dead_letter(row["payload"].encode(), _gone(run, node_id))
                continue
            for name, parts in self.split(self, run, node).items():
                for part in parts:
                    records[name].append(msgspec.json.encode(part))
                    times[name][str(part[self.key])] = _time_of(part) or row["occurred_at"]
        return {
            name: list(
                to_batches(
                    records[name], self.sync.account(name), _keys_with(self.key, times[name])
                )
            )
            for name in self.names
        }

    def _unsettled(self, changed: pa.Table) -> list[dict[str, Any]]:
        """The objects whose parts may have changed since they were last read.

        The cursor's overlap lists the newest objects at every run; reading them again costs.
        """
        columns = ["external_id", "occurred_at", "observed_at", "payload"]
        rows: list[dict[str, Any]] = changed.select(columns).to_pylist()
        if not self.is_live:
            return rows
        state = dlt.current.source_state().setdefault("settled", {})
        settled = state.setdefault(self.leader, {})
        asked = ",".join(self.names)
        unsettled = []
        for row in rows:
            mark = f"{row['occurred_at'].isoformat()} {asked}"
            if settled.get(row["external_id"]) == mark:
                continue
            unsettled.append(row)
            if (row["observed_at"] - row["occurred_at"]).total_seconds() > SETTLING_SECONDS:
                settled[row["external_id"]] = mark
        keep_newest(settled)
        return unsettled

    def rest_of(
        self, run: ResourceRun, parent: Json, name: str, operation: str = "Page", **names: Any
    ) -> list[Json]:
        """All items of a list of an object that came with its first page."""
        flags = {name: True} if operation == "Page" else {}
        return self.graphql.complete(
            run,
            parent[name],
            self.document,
            operation,
            {"id": parent["id"], **flags, **names},
            lambda node: node[name],
        )


def pull_request_parts(graphql: GraphQL, sync: SyncRun, is_live: bool) -> Nested:
    """Details, reviews, threads, files and commits of pull requests."""
    flags = {
        "details": "pull_request_details",
        "reviews": "reviews",
        "threads": "review_threads",
        "files": "pull_request_files",
        "commits": "pull_request_commits",
    }
    return Nested(
        graphql,
        sync,
        "pull_requests",
        tuple(name for name in flags.values() if name in sync.resources),
        "pull_requests",
        "PullRequests",
        {flag: name in sync.resources for flag, name in flags.items()},
        _split_pull_request,
        is_live,
    )


def workflow_jobs(graphql: GraphQL, sync: SyncRun, is_live: bool) -> Nested:
    """The jobs of workflow runs."""
    return Nested(
        graphql,
        sync,
        "workflow_runs",
        tuple(name for name in ("workflow_jobs",) if name in sync.resources),
        "workflow_jobs",
        "WorkflowJobs",
        {},
        _split_run,
        is_live,
        key="databaseId",
    )


def deployment_statuses(graphql: GraphQL, sync: SyncRun, is_live: bool) -> Nested:
    """The statuses of deployments."""
    return Nested(
        graphql,
        sync,
        "deployments",
        tuple(name for name in ("deployment_statuses",) if name in sync.resources),
        "deployment_statuses",
        "DeploymentStatuses",
        {},
        _split_deployment,
        is_live,
    )


def _split_pull_request(nested: Nested, run: ResourceRun, pull: Json) -> Records:
    identity = {"id": pull["id"], "number": pull["number"], "updatedAt": pull["updatedAt"]}
    records: dict[str, list[Json]] = {}
    if "reviews" in pull:
        records["reviews"] = nested.rest_of(run, pull, "reviews")
    if "reviewThreads" in pull:
        threads = nested.rest_of(run, pull, "reviewThreads")
        for thread in threads:
            comments = nested.rest_of(run, thread, "comments", "ThreadPage")
            thread["comments"] = {"totalCount": len(comments), "nodes": comments}
        records["review_threads"] = threads
    if "files" in pull:
        # Null where GitHub cannot compute the difference, for instance of a vanished fork.
        files = nested.rest_of(run, pull, "files") if pull["files"] else []
        records["pull_request_files"] = [{**identity, "files": files}]
    if "commits" in pull:
        commits = [item["commit"] for item in nested.rest_of(run, pull, "commits")]
        records["pull_request_commits"] = [{**identity, "commits": commits}]
    if "state" in pull:
        for name in ("reviewRequests", "closingIssuesReferences"):
            if pull[name]:
                items = nested.rest_of(run, pull, name)
                pull[name] = {"totalCount": len(items), "nodes": items}
        lists = ("__typename", "reviews", "reviewThreads", "files", "commits")
        details = {key: value for key, value in pull.items() if key not in lists}
        records["pull_request_details"] = [details]
    return records


def _split_run(nested: Nested, run: ResourceRun, workflow_run: Json) -> Records:
    suite = workflow_run["checkSuite"]
    jobs = nested.rest_of(run, suite, "checkRuns", "JobPage") if suite["checkRuns"] else []
    identity = {"id": workflow_run["id"], "databaseId": workflow_run["databaseId"]}
    return {"workflow_jobs": [{**job, "run": identity} for job in jobs]}


def _split_deployment(nested: Nested, run: ResourceRun, deployment: Json) -> Records:
    if not deployment["statuses"]:
        return {"deployment_statuses": []}
    return {"deployment_statuses": nested.rest_of(run, deployment, "statuses", "StatusPage")}


class _Listed(msgspec.Struct):
    node_id: str


def _node_id(payload: str) -> str:
    return msgspec.json.decode(payload, type=_Listed).node_id


def _keys_with(
    key: str, times: Mapping[str, datetime]
) -> Callable[[bytes], tuple[str, datetime | None]]:
    def read(record: bytes) -> tuple[str, datetime | None]:
        external_id = str(msgspec.json.decode(record)[key])
        return external_id, times[external_id]

    return read


def _time_of(part: Json) -> datetime | None:
    """A part's own last change; None for those that have none, and change with their parent."""
    text = part.get("updatedAt")
    return datetime.fromisoformat(text) if text else None


def _gone(run: ResourceRun, external_id: str) -> NotFoundError:
    return NotFoundError(
        f"github.{run.resource}",
        f"{external_id} is gone since it was listed",
        "an existing object",
        "run again: it is then listed no more",
    )
