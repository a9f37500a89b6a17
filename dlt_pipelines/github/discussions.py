"""Discussions with their comments and replies, through GraphQL: REST does not have them.

Newest change first, up to the cursor: a comment or reply changes its discussion. There is nothing
to ask conditionally: the newest come with the repository's listings (`listings`).
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
from dlt_pipelines.github.listings import FIRST_DISCUSSIONS, NEWEST_DISCUSSIONS, Listings
from dlt_pipelines.github.rest import About, refusable
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import CURSOR, EARLIEST, EVENTS, Cursor, SyncRequest
from dlt_pipelines.raw_event import SCHEMA, to_batches, to_tombstones
from dlt_pipelines.webhook import deletion

Gone = list[tuple[str, Json]]


def discussions(
    graphql: GraphQL,
    about: About,
    listings: Listings,
    request: SyncRequest,
    sync: SyncRun,
    cursor: Cursor,
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
        for node in refusable(_walk(graphql, listings, run, request, since), run, request):
            if until and _changed_at(node) >= until:
                continue
            if wants_comments:
                comments[node["id"]] = read_comments(graphql, run, node)
            records.append(without_comments(graphql, run, node))
            if len(records) == FIRST_DISCUSSIONS:
                yield from to_batches(records, run, read_keys)
                records = []
        yield from to_batches(records, run, read_keys)

    @dlt.transformer(name="discussion_comments", **EVENTS)
    def comment_rows(changed: pa.Table) -> Iterator[pa.Table]:
        ids = changed["external_id"].to_pylist()
        records = [msgspec.json.encode(c) for i in ids for c in comments.pop(i, [])]
        yield from to_batches(records, sync.account("discussion_comments"), read_keys)

    leader = rows(cursor)
    return [leader, leader | comment_rows]


def named_discussions(graphql: GraphQL, request: SyncRequest, sync: SyncRun) -> list[DltResource]:
    """The discussions that deliveries name, with all their comments; tombstones of what is gone."""
    of_comments: list[pa.Table] = []

    def look_up(name: str, document: str, operation: str) -> tuple[list[Json], Gone]:
        run, gone = sync.account(name), []
        named = {subject.key: subject for subject in request.named(name)}
        found = []
        for node_id, node in graphql.nodes(run, document, operation, list(named), {}):
            if node is not None:
                found.append(node)
            elif named[node_id].deleted_by:
                gone.append((node_id, deletion(named[node_id], node=node_id, found=None)))
            else:
                run.note("not_found", node_id)
        return found, gone

    @dlt.resource(name="discussions", **EVENTS)
    def rows() -> Iterator[pa.Table]:
        run = sync.account("discussions")
        found, gone = look_up("discussions", "discussions", "NamedDiscussions")
        comments = [c for node in found for c in read_comments(graphql, run, node)]
        _, gone_comments = look_up("discussion_comments", "census", "Exists")
        run_of_comments = sync.account("discussion_comments")
        of_comments.extend(
            to_batches(map(msgspec.json.encode, comments), run_of_comments, read_keys)
        )
        of_comments.extend(to_tombstones(gone_comments, run_of_comments))
        whole = [without_comments(graphql, run, node) for node in found]
        yield from to_batches(whole, run, read_keys)
        yield from to_tombstones(gone, run)
        yield SCHEMA.empty_table()  # Lets the comments be taken where there is no discussion.

    @dlt.transformer(name="discussion_comments", **EVENTS)
    def comment_rows(_: pa.Table) -> Iterator[pa.Table]:
        while of_comments:
            yield of_comments.pop(0)

    leader = rows()
    return [leader, leader | comment_rows]


def _walk(
    graphql: GraphQL, listings: Listings, run: ResourceRun, request: SyncRequest, since: datetime
) -> Iterator[Json]:
    most = NEWEST_DISCUSSIONS if since > EARLIEST else FIRST_DISCUSSIONS
    for page in _pages(graphql, listings, run, request, most):
        for node in page:
            if _changed_at(node) < since:
                return
            yield node


def _pages(
    graphql: GraphQL, listings: Listings, run: ResourceRun, request: SyncRequest, most: int
) -> Iterator[list[Json]]:
    after = None
    if (first := listings.newest_discussions(run)) is not None:
        yield first["nodes"]
        if not first["pageInfo"]["hasNextPage"]:
            return
        after = first["pageInfo"]["endCursor"]
    owner, name = request.container.split("/")
    yield from graphql.walk(
        run,
        "discussions",
        "Discussions",
        {"owner": owner, "name": name},
        lambda data: data["repository"]["discussions"],
        most,
        after,
    )


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


def without_comments(graphql: GraphQL, run: ResourceRun, node: Json) -> bytes:
    """The record of a discussion: its comments are records of their own, its labels are whole."""
    kept = {key: value for key, value in node.items() if key not in ("__typename", "comments")}
    kept["labels"] = _labels(graphql, run, node)
    return msgspec.json.encode(kept)


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


def read_keys(record: bytes) -> tuple[str, datetime | None]:
    """Keys of what GraphQL tells, with its own last change."""
    node = msgspec.json.decode(record, type=_Node)
    return node.id, node.updated_at


def _changed_at(node: Json) -> datetime:
    return datetime.fromisoformat(node["updatedAt"])
