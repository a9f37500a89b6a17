"""What a page holds: its blocks to any depth, the comments on it, and the files in it.

https://developers.notion.com/reference/get-block-children,
https://developers.notion.com/reference/retrieve-page-markdown
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Final

import msgspec

from dlt_pipelines.exceptions import AuthError, NotFoundError, PermanentError
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.notion.files import files_of_blocks, files_of_comment
from dlt_pipelines.notion.rest import SEPARATE_PAGES, Json, Workspace

# Blocks on which nobody can comment, or whose comments are a page's own.
_WITHOUT_COMMENTS: Final = SEPARATE_PAGES | {
    "breadcrumb",
    "column",
    "column_list",
    "divider",
    "tab",
    "table_of_contents",
    "table_row",
    "unsupported",
}
_PAGE_TAG: Final = re.compile(r"<(page|database)\b[^>]*?\burl=\"[^\"]*?([0-9a-f]{32})\b[^\"]*\"")

Child = tuple[str, str, Json]


@dataclass
class Content:
    """What was read of one page; `children` are pages and databases below it, with their block."""

    record: Json
    comments: list[bytes]
    files: list[Json]
    children: list[Child]
    is_whole: bool = True


@dataclass
class Contents:
    """Reads pages; `block_comments` is how many requests comments on blocks may still take."""

    workspace: Workspace
    sync: SyncRun
    form: str
    block_comments: int
    blocks_not_asked: int = 0
    _has_markdown: bool = True
    comments_refused: bool = field(default=False, repr=False)

    def read(self, page: Json) -> Content:
        """Everything below a page.

        Raises:
            NotFoundError: the page is gone since it was listed.
        """
        run = self.sync.account("page_contents")
        page_id, edited = page["id"], page["last_edited_time"]
        record: Json = {"object": "page_content", "page_id": page_id, "last_edited_time": edited}
        if (markdown := self._markdown(run, page_id)) is not None:
            record["markdown"] = markdown
            comments = self._comments(page_id, [])
            content = Content(record, comments, [], _children_in_markdown(markdown))
        else:
            failed = run.items_failed
            try:
                blocks = fetch_blocks(self.workspace, run, page_id)
            except NotFoundError:
                self._has_markdown = True
                raise
            record["blocks"] = blocks
            files = list(files_of_blocks(page_id, edited, blocks))
            comments = self._comments(page_id, blocks)
            children = [
                (kind, block["id"], block)
                for block in walk_blocks(blocks)
                if (kind := block.get("type", "")) in SEPARATE_PAGES
            ]
            content = Content(record, comments, files, children, failed == run.items_failed)
        for comment in comments:
            content.files += files_of_comment(msgspec.json.decode(comment, type=Json))
        return content

    def read_comments(self, page_id: str) -> list[bytes]:
        """Open comments on a page itself, of which nothing else is read."""
        return self._comments(page_id, [])

    def _markdown(self, run: ResourceRun, page_id: str) -> str | None:
        """The page as Notion writes it, if that is wanted and nothing of it is missing."""
        if self.form != "markdown" or not self._has_markdown:
            return None
        path = f"/v1/pages/{page_id}/markdown?include_transcript=true"
        try:
            found = self.workspace.get(run, path)
        except PermanentError as error:
            if error.code not in ("not_found", "bad_request"):
                raise
            # No such address, where the version or plan lacks it; or no such page, which then has
            # no blocks either.
            self._has_markdown = False
            return None
        if found.get("truncated") or found.get("unknown_block_ids"):
            return None
        return str(found.get("markdown") or "")

    def _comments(self, page_id: str, blocks: list[Json]) -> list[bytes]:
        """Open comments on a page and, as long as requests are left, on its blocks."""
        run = self.sync.account("comments")
        asked = [page_id]
        for block in walk_blocks(blocks):
            if block.get("type") in _WITHOUT_COMMENTS or "id" not in block:
                continue
            if self.block_comments <= 0:
                self.blocks_not_asked += 1
                continue
            self.block_comments -= 1
            asked.append(block["id"])
        return [c for holder in asked for c in self._comments_on(run, holder)]

    def _comments_on(self, run: ResourceRun, holder: str) -> list[bytes]:
        if self.comments_refused:
            return []
        try:
            return list(self.workspace.fetch_comments(run, holder))
        except NotFoundError:
            return []  # Deleted since it was listed, and its comments with it.
        except AuthError as error:
            if error.code != "forbidden":
                raise
            self.comments_refused = True  # The integration may not read comments.
            run.refused(error)
            return []


def fetch_blocks(workspace: Workspace, run: ResourceRun, page_id: str) -> list[Json]:
    """All blocks below a page, every page of children, nested under `children`, to any depth.

    A block whose children cannot be read is kept without them, and put aside with the reason.

    Raises:
        NotFoundError: the page itself is gone.
    """
    blocks = workspace.fetch_children(run, page_id)
    waiting = list(reversed(blocks))
    while waiting:
        block = waiting.pop()
        if block.get("type") in SEPARATE_PAGES:
            continue
        children: list[Json] = []
        if block.get("has_children"):
            children = _or_nothing(run, block, partial(workspace.fetch_children, run, block["id"]))
        there = {child.get("id") for child in children}
        for pointer in (pointer for pointer in _pointers(block) if pointer not in there):
            fetch = partial(_fetch_block, workspace, run, pointer)
            children += _or_nothing(run, block, fetch)
        if children or block.get("has_children"):
            block["children"] = children
        waiting.extend(reversed(children))
    return blocks


def walk_blocks(blocks: list[Json]) -> Iterator[Json]:
    """Every block at any depth, in reading order."""
    waiting = list(reversed(blocks))
    while waiting:
        block = waiting.pop()
        yield block
        waiting.extend(reversed(block.get("children") or []))


def _fetch_block(workspace: Workspace, run: ResourceRun, block_id: str) -> list[Json]:
    """A block by its id, unless it lies in the trash, where it is on no page."""
    block = workspace.get(run, f"/v1/blocks/{block_id}")
    return [] if block.get("in_trash") or block.get("archived") else [block]


def _or_nothing(run: ResourceRun, block: Json, fetch: Callable[[], list[Json]]) -> list[Json]:
    try:
        return fetch()
    except NotFoundError as error:
        synced = block.get("synced_block") or {}
        if not synced.get("synced_from"):  # Else its original is not shared: nothing is missing.
            run.dead_letter(msgspec.json.encode(block), error)
        return []


def _pointers(block: Json) -> list[str]:
    """Blocks that meeting notes name as theirs: summary, notes and transcript."""
    held = block.get(block.get("type") or "")
    named = held.get("children") if isinstance(held, dict) else None
    if not isinstance(named, dict):
        return []
    return [value for key, value in named.items() if key.endswith("_block_id") and value]


def _children_in_markdown(markdown: str) -> list[Child]:
    """Pages and databases that a page's Markdown names as its own, by their tags."""
    found: list[Child] = []
    for kind, identifier in _PAGE_TAG.findall(markdown):
        found.append((f"child_{kind}", _dashed(identifier), {"markdown": kind, "id": identifier}))
    return found


def _dashed(identifier: str) -> str:
    lengths = (0, 8, 12, 16, 20, 32)
    return "-".join(identifier[a:b] for a, b in pairwise(lengths))
