"""What GitHub's webhooks name, and reading just that: one request an object, two a pull request.

    issues                               → GET /issues/{number}
    issue_comment                        → GET /issues/comments/{id}
    pull_request_review_comment          → GET /pulls/comments/{id}
    pull_request, its reviews, threads   → GET /pulls/{number}, and its parts by GraphQL
    discussion, discussion_comment       → the discussion with its comments by GraphQL

For what has no reader of its own (pushes, runs, labels, …) the delivery says which resource of
which repository to visit: a sync of that alone goes on from its cursor, which is one request for a
listing, two for runs and deployments, and compare, trees and contents for a push.

https://docs.github.com/webhooks/webhook-events-and-payloads,
https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.github import parts
from dlt_pipelines.github.discussions import named_discussions
from dlt_pipelines.github.graphql import GraphQL
from dlt_pipelines.github.nested import Together
from dlt_pipelines.github.rest import PER_PAGE
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.pipeline import EVENTS, SyncRequest
from dlt_pipelines.raw_event import ReadKeys, to_batches, to_tombstones
from dlt_pipelines.webhook import (
    Json,
    Place,
    RefusedError,
    Signed,
    Subject,
    check_signature,
    decode,
    deletion,
)

_PATHS: Final = {
    "issues": "/issues/{}",
    "issue_comments": "/issues/comments/{}",
    "review_comments": "/pulls/comments/{}",
    "pull_requests": "/pulls/{}",
}
# Of which part of a body each event tells, which resource that is, and what finds it.
_NAMED: Final = {
    "issues": ("issue", "issues", "number"),
    "issue_comment": ("comment", "issue_comments", "id"),
    "pull_request_review_comment": ("comment", "review_comments", "id"),
    "pull_request": ("pull_request", "pull_requests", "number"),
    "pull_request_review": ("pull_request", "pull_requests", "number"),
    "pull_request_review_thread": ("pull_request", "pull_requests", "number"),
    "discussion": ("discussion", "discussions", "node_id"),
    "discussion_comment": ("discussion", "discussions", "node_id"),
}
_GONE: Final = {
    ("issues", "deleted"),
    ("issues", "transferred"),
    ("issue_comment", "deleted"),
    ("pull_request_review_comment", "deleted"),
    ("discussion", "deleted"),
    ("discussion", "transferred"),
}
# What else changes, and in which resources of the repository that is seen.
_VISITED: Final[Mapping[str, tuple[str, ...]]] = {
    "push": ("branches", "commits", "commit_files", "files"),
    "create": ("branches", "tags"),
    "delete": ("branches", "tags"),
    "release": ("releases",),
    "label": ("labels",),
    "milestone": ("milestones",),
    "member": ("collaborators",),
    "gollum": ("wiki_pages",),
    "repository": ("repositories",),
    "public": ("repositories",),
    "star": ("repositories",),
    "fork": ("repositories",),
    "workflow_run": ("workflow_runs",),
    "workflow_job": ("workflow_runs",),
    "deployment": ("deployments",),
    "deployment_status": ("deployments",),
}
_VISITED_IN_ORGANIZATION: Final[Mapping[str, tuple[str, ...]]] = {
    "organization": ("organizations",),
    "team": ("teams",),
    "membership": ("teams",),
}


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> Signed:
    """Prove a delivery; GitHub signs the body alone, so the id is only a hint against repeats."""
    kind, _, signature = headers.get("x-hub-signature-256", "").partition("=")
    check_signature(body, signature if kind == "sha256" else "", secrets)
    delivery_id, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not delivery_id or not event:
        raise RefusedError(400, "X-GitHub-Delivery or X-GitHub-Event is missing")
    return Signed(delivery_id, event, str(decode(body).get("action") or ""))


def subjects(signed: Signed, body: Json, place: Place) -> Iterator[Subject]:
    """The objects that an event names, in the repositories and organization that are configured."""
    names = {name.lower(): name for name in place.containers}
    login = (body.get("organization") or {}).get("login") or ""
    if organization := names.get(login.lower()):
        for resource in _VISITED_IN_ORGANIZATION.get(signed.event, ()):
            yield Subject(organization, resource)
    repository = names.get(((body.get("repository") or {}).get("full_name") or "").lower())
    if not repository:
        return
    for resource in _VISITED.get(signed.event, ()):
        yield Subject(repository, resource)
    if signed.event not in _NAMED:
        return
    part, resource, key = _NAMED[signed.event]
    named = body[part]
    says = f"{signed.event} {signed.action} {signed.delivery_id}"
    deleted_by = says if (signed.event, signed.action) in _GONE else ""
    yield Subject(repository, resource, str(named[key]), named["node_id"], deleted_by)
    if (signed.event, signed.action) == ("discussion_comment", "deleted"):
        comment = body["comment"]["node_id"]
        yield Subject(repository, "discussion_comments", comment, comment, says)


def named_objects(
    client: Client, request: SyncRequest, sync: SyncRun, read_keys: ReadKeys
) -> list[DltResource]:
    """One resource for each kind of object that is named, and those that follow it."""
    graphql = GraphQL(client)
    pulls = parts.pull_request_parts(Together(graphql), sync, is_live=False)
    resources = []
    for name in _PATHS:
        if name in sync.resources:
            found = _named(name, client, request, sync, read_keys)
            resources.append(found)
            if name == "pull_requests":
                resources += pulls.resources(found)
    return [*resources, *named_discussions(graphql, request, sync)]


def _named(
    name: str, client: Client, request: SyncRequest, sync: SyncRun, read_keys: ReadKeys
) -> DltResource:
    run = sync.account(name)

    @dlt.resource(name=name, **EVENTS)
    def rows() -> Iterator[pa.Table]:
        def read(gone: list[tuple[str, Json]]) -> Iterator[msgspec.Raw]:
            for subject in request.named(name):
                path = f"/repos/{request.container}{_PATHS[name].format(subject.key)}"
                record, status = client.find(run.meter, path, msgspec.Raw)
                found = msgspec.json.decode(record, type=_Address) if record else None
                if record and found and found.node_id == subject.external_id:
                    yield record
                elif not subject.deleted_by:  # Perhaps not visible any more: reconciliation asks.
                    run.note("not_found", path)
                else:
                    reason = deletion(subject, url=path, status=status)
                    if found:  # The old address leads to another object.
                        reason |= {"reason": "transferred", "transferred_to": found.html_url}
                    gone.append((subject.external_id, reason))

        gone: list[tuple[str, Json]] = []
        yield from to_batches(read(gone), run, read_keys, rows_at_once=PER_PAGE)
        yield from to_tombstones(gone, run)

    return rows()


class _Address(msgspec.Struct):
    node_id: str
    html_url: str = ""
