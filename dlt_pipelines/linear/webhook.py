"""What Linear's webhooks name, and reading just that: one request for up to a page of each kind.

Every object with a connection that filters by id is asked for by it, issues with their history.
What is not there any more is asked for once more without the team filter, and is `deleted` or
`out_of_scope`. Small listings (labels, people) are read whole, as ever: one request each.

https://linear.app/developers/webhooks; payloads are the types `…WebhookPayload` of Linear's schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.linear.graphql import Workspace
from dlt_pipelines.linear.history import issue_history
from dlt_pipelines.linear.reconcile import Census
from dlt_pipelines.linear.scope import scope_of
from dlt_pipelines.pipeline import EVENTS, SyncRequest
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_tombstones
from dlt_pipelines.webhook import (
    MAX_AGE_SECONDS,
    Json,
    Place,
    RefusedError,
    Signed,
    Subject,
    check_signature,
    decode,
    deletion,
)

# Kinds of objects that are read by id, all but issues and comments in the workspace's container.
_NAMED: Final = {
    "Issue": "issues",
    "Comment": "comments",
    "Attachment": "attachments",
    "Project": "projects",
    "ProjectUpdate": "project_updates",
    "Initiative": "initiatives",
    "InitiativeUpdate": "initiative_updates",
    "Document": "documents",
    "Cycle": "cycles",
    "Customer": "customers",
    "CustomerNeed": "customer_needs",
}
_LISTED: Final = {"IssueLabel": "labels", "User": "users"}


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> Signed:
    """Prove a delivery, and that it was signed within the last minute."""
    check_signature(body, headers.get("linear-signature", ""), secrets)
    content = decode(body)
    sent_at = content.get("webhookTimestamp")
    if not isinstance(sent_at, int | float) or isinstance(sent_at, bool):
        raise RefusedError(400, "webhookTimestamp is missing")
    if abs(now.timestamp() - sent_at / 1000) > MAX_AGE_SECONDS:
        raise RefusedError(401, "webhookTimestamp is not within a minute of now")
    delivery_id = headers.get("linear-delivery", "")
    if not delivery_id:
        raise RefusedError(400, "Linear-Delivery is missing")
    return Signed(delivery_id, str(content.get("type") or ""), str(content.get("action") or ""))


def subjects(signed: Signed, body: Json, place: Place) -> Iterator[Subject]:
    """The object that an event names: of a configured team, or of the workspace."""
    workspace = next(iter(place.of_kind("workspace")), "")
    if signed.event in _LISTED:
        yield Subject(workspace, _LISTED[signed.event])
    if signed.event not in _NAMED:
        return
    data, resource = body["data"], _NAMED[signed.event]
    container = workspace
    if resource == "issues":
        container = data["team"]["key"]
    elif resource == "comments" and data.get("issueId"):
        container = data["issue"]["team"]["key"]
    if container in place.containers:
        says = f"{signed.event} {signed.action} {signed.delivery_id}"
        deleted_by = says if signed.action == "remove" else ""
        yield Subject(container, resource, data["id"], data["id"], deleted_by)


def named_objects(
    workspace: Workspace, request: SyncRequest, sync: SyncRun, read_keys: ReadKeys
) -> list[DltResource]:
    """One resource for each kind of object that is named; issues with their history."""
    resources = {
        name: _named(name, workspace, request, sync, read_keys)
        for name in sync.resources
        if name != "issue_history"
    }
    found = list(resources.values())
    if "issue_history" in sync.resources:
        issues = resources["issues"]
        found.append(issue_history(workspace, sync, issues, read_keys, is_live=False))
    return found


def _named(
    name: str, workspace: Workspace, request: SyncRequest, sync: SyncRun, read_keys: ReadKeys
) -> DltResource:
    run = sync.account(name)
    scope = scope_of(request)
    census = Census(workspace, run, scope, frozenset(request.siblings))
    named = {subject.key: subject for subject in request.named(name)}

    @dlt.resource(name=name, **EVENTS)
    def rows() -> Iterator[pa.Table]:
        missing = {*named}
        found = census.read(sorted(named))
        if scope.is_checked_here(name):
            found = scope.of_these_teams(workspace, run, found)
        yield from to_batches(_noting(found, missing), run, read_keys)
        yield from to_tombstones(_gone(sorted(missing), run), run)

    def _gone(missing: list[str], run: ResourceRun) -> Iterator[tuple[str, Json]]:
        for object_id, reason in census.confirmed_gone(missing).items():
            if reason["reason"] == "out_of_scope":
                yield object_id, dict(reason)
            elif named[object_id].deleted_by:
                yield object_id, deletion(named[object_id], **reason["evidence"])
            else:
                run.note("not_found", object_id)

    return rows()


class _Id(msgspec.Struct):
    id: str


def _noting(records: Iterator[bytes], missing: set[str]) -> Iterator[bytes]:
    for record in records:
        missing.discard(msgspec.json.decode(record, type=_Id).id)
        yield record
