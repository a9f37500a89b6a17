"""What Notion's webhooks name, and reading just that.

    page.*          → GET /v1/pages/{id}, its blocks, comments on the page itself
    comment.*       → GET /v1/comments?block_id= of the page or block that holds it
    data_source.*   → GET /v1/data_sources/{id}
    database.*      → GET /v1/databases/{id}

Events carry no content and may be late or joined, so the object is read as it is now. They do not
say where a page lies: with several roots each decides by the page's parents. A subscription begins
with an unsigned request that brings the token with which all later ones are signed.

https://developers.notion.com/reference/webhooks
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.deletions import Reason
from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import SyncRun
from dlt_pipelines.notion.contents import Contents
from dlt_pipelines.notion.files import files_of_comment, files_of_object
from dlt_pipelines.notion.memory import Memory
from dlt_pipelines.notion.people import People
from dlt_pipelines.notion.properties import complete_properties
from dlt_pipelines.notion.rest import Workspace
from dlt_pipelines.notion.rows import Rows
from dlt_pipelines.notion.tree import Tree
from dlt_pipelines.pipeline import EVENTS, SyncRequest
from dlt_pipelines.raw_event import SCHEMA
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

# Notion tries again for a day, with the time of the event; what is older was replayed.
OLDEST: Final = timedelta(days=2)
_PATHS: Final = {
    "pages": "/v1/pages/{}",
    "data_sources": "/v1/data_sources/{}",
    "databases": "/v1/databases/{}",
}


class _Handshake(msgspec.Struct):
    verification_token: str


class _Event(msgspec.Struct):
    id: str
    type: str
    timestamp: datetime


def handshake(body: bytes) -> str:
    """The token that a new subscription brings; empty for any other body."""
    try:
        return msgspec.json.decode(body, type=_Handshake).verification_token
    except msgspec.MsgspecError:
        return ""


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
) -> Signed:
    """Prove a delivery, and that its event is not older than Notion's last attempt."""
    kind, _, signature = headers.get("x-notion-signature", "").partition("=")
    check_signature(body, signature if kind == "sha256" else "", secrets)
    try:
        event = msgspec.convert(decode(body), _Event, strict=False)
    except msgspec.ValidationError:
        raise RefusedError(400, "id, type or timestamp is missing") from None
    if event.timestamp.tzinfo is None or abs(now - event.timestamp) > OLDEST:
        raise RefusedError(401, "timestamp is not within two days of now")
    entity, _, action = event.type.partition(".")
    return Signed(event.id, entity, action)


def subjects(signed: Signed, body: Json, place: Place) -> Iterator[Subject]:
    """The object that an event names, in every container that it may belong to."""
    entity = body["entity"]["id"]
    says = f"{signed.event} {signed.action} {signed.delivery_id}"
    deleted_by = says if signed.action == "deleted" else ""
    for container in place.containers:
        if signed.event == "comment":
            holder = body["data"]["parent"]["id"]
            yield Subject(container, "comments", f"{holder}/{entity}", entity, deleted_by)
        elif f"{signed.event}s" in _PATHS:
            yield Subject(container, f"{signed.event}s", entity, entity, deleted_by)


def named_objects(workspace: Workspace, request: SyncRequest, sync: SyncRun) -> list[DltResource]:
    """One resource that reads what is named, and one for each kind of row that comes of it."""
    reader = _Reader(workspace, request, sync)
    leader = reader.pages()
    return [leader, *(leader | reader.following(n) for n in sync.resources if n != "pages")]


class _Reader:
    """Reads named objects of one container, into rows that their resources take."""

    def __init__(self, workspace: Workspace, request: SyncRequest, sync: SyncRun) -> None:
        form = request.settings.get("content") or "blocks"
        self._workspace, self._request, self._sync = workspace, request, sync
        self._tree = Tree(workspace, request.settings)
        # Comments on blocks have deliveries of their own.
        self._contents = Contents(workspace, sync, form, block_comments=0)

    def pages(self) -> DltResource:
        """Everything that is named is read here, pages or not."""

        @dlt.resource(name="pages", **EVENTS)
        def rows() -> Iterator[pa.Table]:
            self._memory = Memory(dlt.current.resource_state("pages"), is_live=True)
            people = People(self._workspace, self._sync.account("users"), self._memory)
            self._rows = Rows(self._sync, self._memory.told_at, people.meet)
            for resource, path in _PATHS.items():
                for subject in self._request.named(resource):
                    self._read(resource, path.format(subject.key), subject)
            self._read_comments()
            people.leave_to_next_walk()
            self._memory.keep_forgotten()
            yield from self._rows.take("pages")
            yield SCHEMA.empty_table()  # Lets the others take what is theirs.

        return rows()

    def following(self, name: str) -> Any:
        """What was read of another resource."""

        @dlt.transformer(name=name, **EVENTS)
        def rows(_: pa.Table) -> Iterator[pa.Table]:
            yield from self._rows.take(name)

        return rows

    def _read(self, resource: str, path: str, subject: Subject) -> None:
        run = self._sync.account(resource)
        record = self._workspace.find_alive(run, path)
        if not isinstance(record, bytes):
            self._vanished(resource, path, subject, record)
        elif not self._tree.covers(run, record):
            if self._memory.knows(subject.external_id):
                evidence = {"delivery": subject.deleted_by, "url": path}
                self._bury(resource, subject, {"reason": "out_of_scope", "evidence": evidence})
        elif resource == "pages":
            self._read_page(record)
        else:
            self._rows.add(resource, [record])
            files = files_of_object(msgspec.json.decode(record, type=Json))
            self._rows.add("files", map(msgspec.json.encode, files))

    def _vanished(self, resource: str, path: str, subject: Subject, reason: Reason) -> None:
        if reason["reason"] == "access_lost" and not subject.deleted_by:
            # Perhaps no longer shared: reconciliation asks again.
            self._sync.account(resource).note("not_found", path)
            return
        evidence = deletion(subject, **reason["evidence"])["evidence"]
        self._bury(resource, subject, {**reason, "evidence": evidence})

    def _bury(self, resource: str, subject: Subject, reason: Json) -> None:
        self._rows.bury(resource, {subject.external_id: reason})
        # Or it would count as read, and not be read again when it comes back.
        self._memory.forget(subject.external_id, str(reason["reason"]))

    def _read_page(self, record: bytes) -> None:
        whole = complete_properties(self._workspace, self._sync.account("pages"), record)
        page: Json = msgspec.json.decode(whole)
        try:
            content = self._contents.read(page)
        except NotFoundError as error:  # The rest of the run is not gone.
            run = self._sync.account("pages")
            path = f"/v1/pages/{page['id']}"
            if not isinstance(self._workspace.find_alive(run, path), bytes):
                run.note("not_found", path)  # Its deletion has a delivery, too.
            else:
                self._sync.account("page_contents").dead_letter(whole, error)
            return
        returned_at = self._memory.returned_at(page["id"])
        self._rows.add("pages", [whole])
        self._rows.add("page_contents", [msgspec.json.encode(content.record)])
        returned_at = returned_at or self._memory.returned_at(page["id"])
        self._rows.add("comments", content.comments, returned_at)
        files = [*files_of_object(page), *content.files]
        self._rows.add("files", map(msgspec.json.encode, files))

    def _read_comments(self) -> None:
        """Each page or block that holds named comments is asked once for all of its comments."""
        run = self._sync.account("comments")
        holders: dict[str, list[Subject]] = defaultdict(list)
        for subject in self._request.named("comments"):
            holders[subject.key.partition("/")[0]].append(subject)
        for holder, named in holders.items():
            if not self._covers(holder):
                continue
            comments = self._contents.read_comments(holder)
            there = {msgspec.json.decode(comment)["id"] for comment in comments}
            self._rows.add("comments", comments, self._memory.returned_at(holder))
            for comment in comments:
                files = files_of_comment(msgspec.json.decode(comment, type=Json))
                self._rows.add("files", map(msgspec.json.encode, files))
            evidence = {"holder": holder, "listed": len(there)}
            gone = [s for s in named if s.external_id not in there and s.deleted_by]
            is_told = run.refusal is None
            buried = {s.external_id: deletion(s, **evidence) for s in gone if is_told}
            self._rows.bury("comments", buried)

    def _covers(self, holder: str) -> bool:
        """Whether a page or block lies in this container; without filters everything does."""
        if self._tree.is_everything:
            return True
        record = self._workspace.find(self._sync.account("comments"), f"/v1/blocks/{holder}")
        return record is not None and self._tree.covers(self._sync.account("comments"), record)
