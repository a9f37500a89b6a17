"""Blocks, what lies below them, comments on them, and pages as Markdown."""

from __future__ import annotations

from include.sandbox.collection import Json
from include.sandbox.notion_markdown import MarkdownPage
from include.sandbox.notion_objects import plain_title, signed
from include.sandbox.notion_requests import (
    Call,
    InvalidRequestError,
    NotFoundError,
    not_shared,
    to_id,
)

MARKDOWN_VERSION = "2026-03-11"
SHARED_FIELDS = (
    "id",
    "parent",
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
    "in_trash",
)


def block(call: Call) -> Json:
    """`GET /v1/blocks/{id}`; a page can be asked for as the block that it is."""
    store, object_id = call.store, to_id(call.names["id"])
    page = store.pages.get(object_id)
    if page is None or object_id in store.blocks:
        return call.shown(call.find("blocks"))
    page = call.find("pages")
    return call.shown(
        {
            "object": "block",
            **{name: page[name] for name in SHARED_FIELDS},
            "has_children": bool(store.blocks.below(object_id)),
            "type": "child_page",
            "child_page": {"title": plain_title(page)},
        }
    )


def children(call: Call) -> Json:
    """`GET /v1/blocks/{id}/children`: what lies directly below a page or block, without trash."""
    store = call.store
    parent_id = call.holder_of(call.names["id"])
    ids = store.listed(store.blocks.below(parent_id))
    return call.listing(ids, store.blocks.get, "block")


def comments(call: Call) -> Json:
    """`GET /v1/comments`: those of a page or block whose discussions are not resolved."""
    if "block_id" not in call.query:
        raise InvalidRequestError(
            "query failed validation: query.block_id should be defined, instead was `undefined`."
        )
    store = call.store
    holder_id = call.holder_of(call.query["block_id"], "query.block_id")
    open_ids = [key for key in store.comments.below(holder_id) if not store.is_resolved(key)]
    return call.listing(open_ids, store.comments.get, "comment")


def markdown(call: Call) -> Json:
    """`GET /v1/pages/{id}/markdown`: a page, or a block with what lies below it."""
    if not call.limits.notion_has_markdown or call.version < MARKDOWN_VERSION:
        raise NotFoundError(f"Pages cannot be read as Markdown before version {MARKDOWN_VERSION}.")
    transcripts = call.query.get("include_transcript", "false")
    if transcripts not in ("true", "false"):
        raise InvalidRequestError(
            "query failed validation: query.include_transcript should be a boolean, instead was "
            f'`"{transcripts}"`.'
        )
    try:
        object_id = call.holder_of(call.names["id"])
    except NotFoundError as error:
        raise not_shared("page", call.names["id"]) from error
    page = MarkdownPage(
        call.store,
        limit=call.limits.notion_markdown_blocks,
        transcripts=transcripts == "true",
        sign=signed,
    )
    return {
        "object": "page_markdown",
        "id": object_id,
        "markdown": page.render(object_id),
        "truncated": page.truncated,
        "unknown_block_ids": page.unknown,
    }
