"""Discussions with their comments and replies, through GraphQL: REST does not have them.

Newest change first, up to the cursor: a comment or reply changes its discussion. There is nothing
to ask conditionally, so a repository that has discussions costs one point of GraphQL's quota.
https://docs.github.com/graphql/guides/using-the-graphql-api-for-discussions
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import dlt
import msgspec
import pyarrow as pa
from dlt.extract import DltResource

from dlt_pipelines.github.graphql import GraphQL, Json
from dlt_pipelines.github.rest import About, refusable
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import CURSOR, EARLIEST, EVENTS, Cursor, SyncRequest
from dlt_pipelines.raw_event import to_batches

# Discussions carry comments and these replies: thirty of them are 930 requests by GitHub's count.
PAGE = 30
FIRST_PAGE = 5


def discussions(
    graphql: GraphQL, about: About, request: SyncRequest, sync: SyncRun, cursor: Cursor
) -> list[DltResource]:
    """The two resources; comments come with the discussions that changed."""
    wants_comments = "discussion_comments" in sync.resources
    run = sync.account("discussions")
    comments: dict[str, list[Json]] = {}

    @dlt.resource(name="discussions", **EVENTS)
    def rows(occurred_at: Cursor = CURSOR) -> Iterator[pa.Table]:
        since, until = occurred_at.start_value or EARLIEST, request.end
        if about.repository.is_empty(run, None) or not about.has(run, "discussions"):
            return
        records: list[bytes] = []
        for node in refusable(_walk(graphql, run, request, since), run, request):
            if until and _changed_at(node) >= until:
                continue
            if wants_comments:
                comments[node["id"]] = read_comments(graphql, run, node)
            kept = {key: value for key, value in node.items() if key != "comments"}
            kept["labels"] = _labels(graphql, run, node)
            records.append(msgspec.json.encode(kept))
            if len(records) == PAGE:
                yield from to_batches(records, run, _keys)
                records = []
        yield from to_batches(records, run, _keys)

    @dlt.transformer(name="discussion_comments", **EVENTS)
    def comment_rows(changed: pa.Table) -> Iterator[pa.Table]:
        ids = changed["external_id"].to_pylist()
        records = [msgspec.json.encode(c) for i in ids for c in comments.pop(i, [])]
        yield from to_batches(records, sync.account("discussion_comments"), _keys)

    leader = rows(cursor)
    return [leader, leader | comment_rows]


def _walk(
    graphql: GraphQL, run: ResourceRun, request: SyncRequest, since: datetime
) -> Iterator[Json]:
    owner, name = request.container.split("/")
    most = FIRST_PAGE if since > EARLIEST else PAGE
    pages = graphql.walk(
        run,
        "discussions",
        "Discussions",
        {"owner": owner, "name": name},
        lambda data: data["repository"]["discussions"],
        most,
    )
    for page in pages:
        for node in page:
            if _changed_at(node) < since:
                return
            yield node


def read_comments(graphql: GraphQL, run: ResourceRun, discussion: Json) -> list[Json]:
    """All comments of a discussion, each followed by its replies, one flat list."""
    comments = graphql.complete(
        run,
        discussion["comments"],
        "discussions",
        "DiscussionPage",
        {"id": discussion["id"], "comments": True},
        lambda node: node["comments"],
    )
    flat: list[Json] = []
    for comment in comments:
        replies = graphql.complete(
            run,
            comment.pop("replies"),
            "discussions",
            "CommentPage",
            {"id": comment["id"]},
            lambda node: node["replies"],
        )
        flat += [comment, *replies]
    return flat


def _labels(graphql: GraphQL, run: ResourceRun, discussion: Json) -> Json | None:
    if discussion["labels"] is None:
        return None
    labels = graphql.complete(
        run,
        discussion["labels"],
        "discussions",
        "DiscussionPage",
        {"id": discussion["id"], "labels": True},
        lambda node: node["labels"],
    )
    return {"totalCount": len(labels), "nodes": labels}


class _Node(msgspec.Struct, rename="camel"):
    id: str
    updated_at: datetime


def _keys(record: bytes) -> tuple[str, datetime | None]:
    node = msgspec.json.decode(record, type=_Node)
    return node.id, node.updated_at


def _changed_at(node: Json) -> datetime:
    return datetime.fromisoformat(node["updatedAt"])
