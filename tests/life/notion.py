"""What a team does at Notion: pages, rows, blocks, comments; trash and what comes back from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from include.sandbox.collection import Json
from include.sandbox.notion_life import edited
from tests import workspaces
from tests.deliveries import from_notion
from tests.include.sandbox.notion_workspaces import block, text, words
from tests.life.program import Change, Done, Program, any_of
from tests.workspaces import below, uuid

MOST_PAGES, MOST_BLOCKS, MOST_COMMENTS = 110, 1_500, 120


class NotionTeam:
    """Changes in the demo's workspace."""

    def __init__(self, program: Program) -> None:
        self.program, self.random = program, program.random
        self.store = program.sandbox.workspace.notion
        self.number = 0

    def choices(self) -> Iterator[tuple[float, Change]]:
        yield 1.5, self.add_page
        yield 1.5, self.add_row
        yield 4, self.rename_page
        yield 3, self.edit_row
        yield 5, self.add_paragraph
        yield 5, self.edit_paragraph
        yield 1.5, self.trash_paragraph
        yield 0.7, self.trash_page
        yield 0.8, self.restore_page
        yield 0.3, self.delete_page
        yield 0.6, self.move_page
        yield 2, self.comment

    def add_page(self) -> Done | None:
        if len(self.store.pages) >= MOST_PAGES:
            return None
        holder, moment = self._any_page(), self._now()
        row = workspaces.page(f"life page {self._next()}", parent=below(holder)) | edited(moment)
        row |= {"created_time": row["last_edited_time"], "id": uuid(f"life page {self.number}")}
        row["properties"] = {"title": self._title()}
        stub = block("child_page", holder, title=self._plain(row)) | {"id": row["id"]}
        self.store.pages.upsert(row)
        self.store.add_block(stub, moment)
        self.store.touch(holder["id"], moment)
        return self._page_done("add page", "page.created", row["id"])

    def add_row(self) -> Done | None:
        if len(self.store.pages) >= MOST_PAGES:
            return None
        rows = [row for row in self._pages() if row["parent"]["type"] == "data_source_id"]
        like = self.random.choice(rows)
        name = next(n for n, v in like["properties"].items() if v["type"] == "title")
        row = like | {"id": uuid(f"life row {self._next()}")} | edited(self._now())
        row |= {"created_time": row["last_edited_time"]}
        row["url"] = f"https://www.notion.so/{row['id'].replace('-', '')}"
        row["properties"] = like["properties"] | {name: self._title()}
        self.store.pages.upsert(row)
        return self._page_done("add row", "page.created", row["id"])

    def rename_page(self) -> Done | None:
        page = self._any_page()
        name = next(n for n, v in page["properties"].items() if v["type"] == "title")
        self.store.edit_page(page["id"], self._now(), **{name: self._title()})
        return self._page_done("rename page", "page.properties_updated", page["id"])

    def edit_row(self) -> Done | None:
        rows = [
            (row, name)
            for row in self._pages()
            for name, value in row["properties"].items()
            if value["type"] == "rich_text"
        ]
        page, name = self.random.choice(rows)
        value = page["properties"][name] | {"rich_text": [text(self._text("a reason"))]}
        self.store.edit_page(page["id"], self._now(), **{name: value})
        return self._page_done("edit row", "page.properties_updated", page["id"], marked=False)

    def add_paragraph(self) -> Done | None:
        if len(self.store.blocks) >= MOST_BLOCKS:
            return None
        page = self._any_page()
        row = words(page, self._text("a paragraph")) | {"id": uuid(f"life block {self._next()}")}
        self.store.add_block(row | edited(self._now()), self._now())
        return self._page_done("add paragraph", "page.content_updated", page["id"])

    def edit_paragraph(self) -> Done | None:
        found = self._any_paragraph()
        if found is None:
            return None
        row, page_id = found
        said = [text(self._text("edited words"))]
        self.store.edit_block(row["id"], self._now(), rich_text=said)
        return self._page_done("edit paragraph", "page.content_updated", page_id)

    def trash_paragraph(self) -> Done | None:
        found = self._any_paragraph()
        if found is None:
            return None
        row, page_id = found
        self.store.trash(row["id"], self._now())
        return self._page_done("trash paragraph", "page.content_updated", page_id, marked=False)

    def trash_page(self) -> Done | None:
        page = self._any_page()
        if len(self.store.pages) < 40 or self._holds_much(page["id"]):
            return None
        self.store.trash(page["id"], self._now())
        return self._page_done("trash page", "page.deleted", page["id"], marked=False)

    def restore_page(self) -> Done | None:
        away = sorted(self.store.trash_roots & {row["id"] for row in self.store.pages})
        if not away:
            return None
        page_id = self.random.choice(away)
        self.store.restore(page_id, self._now())
        return self._page_done("restore page", "page.undeleted", page_id, marked=False)

    def delete_page(self) -> Done | None:
        """Notion deletes for good what lay in the trash."""
        away = sorted(self.store.trash_roots & {row["id"] for row in self.store.pages})
        if not away:
            return None
        page_id = self.random.choice(away)
        self.store.delete_forever(page_id)
        return Done("notion: delete page for good")

    def move_page(self) -> Done | None:
        pages = [row for row in self._pages() if row["parent"]["type"] == "page_id"]
        page, target = self.random.choice(pages), self._any_page()
        lies_below = page["id"] in self.store.ancestors(target["id"])
        if lies_below or target["parent"]["type"] == "data_source_id":
            return None
        self.store.move(page["id"], below(target), self._now())
        self.store.touch(target["id"], self._now())
        return self._page_done("move page", "page.moved", page["id"], marked=False)

    def comment(self) -> Done | None:
        """A comment moves nothing that polling sees before the day is over: it is always told."""
        if len(self.store.comments) >= MOST_COMMENTS:
            return None
        page = self._any_page()
        row = workspaces.notion_comment(f"life comment {self._next()}", page) | edited(self._now())
        row |= {"created_time": row["last_edited_time"], "discussion_id": uuid(row["id"])}
        row["rich_text"] = [text(self._text("a remark"))]
        self.store.add_comment(row)
        parent = {"id": page["id"], "type": "page"}
        delivery = from_notion("comment.created", row["id"], self._next(), parent=parent)
        mark = self.program.marks.last
        document_id = f"notion:comment:{row['id']}"
        return Done("notion: comment", document_id, mark, delivery, is_always_told=True)

    # How things are made and told.

    def _text(self, said: str) -> str:
        return self.program.marks.text(said)

    def _title(self) -> Json:
        # Unlike texts: a page's title also stands in the body of the page that holds it.
        title = self._text("a page").replace(":", ",")
        return {"id": "title", "type": "title", "title": [text(title)]}

    def _plain(self, row: Json) -> str:
        return str(row["properties"]["title"]["title"][0]["plain_text"])

    def _page_done(self, kind: str, event: str, page_id: str, *, marked: bool = True) -> Done:
        mark = self.program.marks.last if marked else 0
        delivery: Any = from_notion(event, page_id, self._next())
        return Done(f"notion: {kind}", f"notion:page:{page_id}", mark, delivery)

    def _pages(self) -> list[Json]:
        return [row for row in self.store.pages if self.store.is_live("pages", row["id"])]

    def _any_page(self) -> Json:
        def is_live(row: Json) -> bool:
            return self.store.is_live("pages", row["id"])

        found = any_of(self.random, self.store.pages, is_live)
        assert found is not None
        return found

    def _any_paragraph(self) -> tuple[Json, str] | None:
        """A paragraph by chance, and its page."""
        ids = self.store.blocks.ids()
        self.random.shuffle(ids)
        for block_id in ids:
            row = self.store.blocks.get(block_id) or {}
            page_id = next((a for a in self.store.ancestors(block_id) if a in self.store.pages), "")
            is_whole = page_id and self.store.is_live("blocks", block_id)
            if row["type"] == "paragraph" and is_whole and self.store.is_live("pages", page_id):
                return row, page_id
        return None

    def _holds_much(self, page_id: str) -> bool:
        """Whether more than a page or two would go along into the trash."""
        held = [row for row in self._pages() if page_id in self.store.ancestors(row["id"])]
        return len(held) > 3

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _next(self) -> int:
        self.number += 1
        return self.number
