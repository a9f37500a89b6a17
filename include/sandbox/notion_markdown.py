"""`GET /v1/pages/{id}/markdown`: a page's blocks as Notion's enhanced Markdown.

https://developers.notion.com/guides/data-apis/enhanced-markdown. Children are indented with tabs.
What has no form in it (bookmarks, embeds, buttons), what may not be read and what lies beyond the
limit of blocks stands there as `<unknown>`, its id among `unknown_block_ids`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from include.sandbox.collection import Json
from include.sandbox.notion_rich_text import (
    attributes,
    color_of,
    escaped,
    notion_url,
    plain,
    to_markdown,
)

if TYPE_CHECKING:
    from include.sandbox.stores import NotionStore

Sign = Callable[[Json], Json]


class MarkdownPage:
    """What is being rendered: how many blocks it has so far, and which could not be loaded."""

    def __init__(
        self, store: NotionStore, *, limit: int, transcripts: bool = False, sign: Sign
    ) -> None:
        self.store = store
        self.transcripts = transcripts
        self.truncated = False
        self.unknown: list[str] = []
        self._left = limit
        self._sign = sign

    def render(self, object_id: str) -> str:
        """The content of a page, or a block with what lies below it."""
        block = None if object_id in self.store.pages else self.store.blocks.get(object_id)
        lines = self.below(object_id) if block is None else self.block(block)
        return "\n".join(lines)

    def below(self, parent_id: str) -> list[str]:
        """The lines of everything below a page or block."""
        lines: list[str] = []
        number = 0
        ids = self.store.listed(self.store.blocks.below(parent_id), withdrawn=True)
        for block_id in ids:
            block = self.store.blocks.get(block_id)
            if block is None:
                continue
            number = number + 1 if block["type"] == "numbered_list_item" else 0
            lines += self.block(block, number)
        return lines

    def block(self, block: Json, number: int = 1) -> list[str]:
        """The lines of a block; `number` is its place in a numbered list."""
        render = BLOCKS.get(block["type"])
        if self._left <= 0:
            self.truncated = True
            return self.not_rendered(block)
        if render is None or not self.store.is_shared(block["id"]):
            return self.not_rendered(block)
        self._left -= 1
        if block["type"] == "numbered_list_item":
            start = block["numbered_list_item"].get("list_start_index")
            return self.text_line(block, f"{(int(start) if start else 0) or number}. ")
        return render(self, block)

    def not_rendered(self, block: Json) -> list[str]:
        """The tag for a block that has to be read otherwise."""
        self.unknown.append(block["id"])
        kind = block["type"]
        name = block[kind].get("block_type", kind) if kind == "unsupported" else kind
        return [f"<unknown{attributes(url=self.address(block), alt=name)}/>"]

    def address(self, block: Json) -> str:
        """The address of a block within its page."""
        page_id = next(
            (above for above in self.store.ancestors(block["id"]) if above in self.store.pages),
            block["id"],
        )
        return f"{notion_url(page_id)}#{block['id'].replace('-', '')}"

    def text_line(self, block: Json, mark: str = "", **more: str | None) -> list[str]:
        """A line of rich text with its attributes, what lies below it indented."""
        value = block[block["type"]]
        text = to_markdown(value["rich_text"])
        braces = attributes(**more, color=color_of(value)).strip()
        line = f"{mark}{text}" + (f" {{{braces}}}" if braces else "")
        return [line, *indented(self.below(block["id"]))]

    def paragraph(self, block: Json) -> list[str]:
        """Text; an empty line has a tag, since Markdown would drop it."""
        if not block["paragraph"]["rich_text"]:
            return ["<empty-block/>", *indented(self.below(block["id"]))]
        return self.text_line(block)

    def heading(self, block: Json) -> list[str]:
        """A heading, which holds something only if it can be toggled."""
        toggle = "true" if block[block["type"]].get("is_toggleable") else None
        return self.text_line(block, "#" * int(block["type"][-1]) + " ", toggle=toggle)

    def to_do(self, block: Json) -> list[str]:
        """A task."""
        return self.text_line(block, "- [x] " if block["to_do"]["checked"] else "- [ ] ")

    def toggle(self, block: Json) -> list[str]:
        """What is shown on a click."""
        value = block["toggle"]
        return [
            f"<details{attributes(color=color_of(value))}>",
            f"<summary>{to_markdown(value['rich_text'])}</summary>",
            *indented(self.below(block["id"])),
            "</details>",
        ]

    def callout(self, block: Json) -> list[str]:
        """A box with an icon."""
        value = block["callout"]
        first = [to_markdown(value["rich_text"])] if value["rich_text"] else []
        tag = f"callout{attributes(icon=icon_of(value.get('icon')), color=color_of(value))}"
        return self._tag(tag, [*first, *self.below(block["id"])])

    def code(self, block: Json) -> list[str]:
        """Code, literally, between as many backticks as it needs."""
        text = plain(block["code"]["rich_text"])
        fence = "```"
        while fence in text:
            fence += "`"
        return [f"{fence}{block['code'].get('language', '')}", *text.split("\n"), fence]

    def equation(self, block: Json) -> list[str]:
        """A formula on lines of its own."""
        return ["$$", *block["equation"]["expression"].split("\n"), "$$"]

    def table(self, block: Json) -> list[str]:
        """A table; its cells hold nothing but rich text."""
        value = block["table"]
        tag = "table" + attributes(
            header_row="true" if value.get("has_column_header") else None,
            header_column="true" if value.get("has_row_header") else None,
        )
        return [f"<{tag}>", *self.below(block["id"]), "</table>"]

    def table_row(self, block: Json) -> list[str]:
        """One row of a table."""
        cells = (f"<td>{to_markdown(cell)}</td>" for cell in block["table_row"]["cells"])
        return ["<tr>", *cells, "</tr>"]

    def columns(self, block: Json) -> list[str]:
        """Columns side by side."""
        return self._tag("columns", self.below(block["id"]))

    def column(self, block: Json) -> list[str]:
        """One of them."""
        ratio = block["column"].get("width_ratio")
        share = None if ratio is None else f"{ratio * 100:.0f}"
        return self._tag(f"column{attributes(ratio=share)}", self.below(block["id"]))

    def tabs(self, block: Json) -> list[str]:
        """Tabs: each paragraph in it is one, its text the title."""
        lines: list[str] = []
        for tab_id in self.store.listed(self.store.blocks.below(block["id"])):
            tab = self.store.blocks.get(tab_id)
            if tab is None:
                continue
            value = tab[tab["type"]]
            inside = [to_markdown(value.get("rich_text", [])), *self.below(tab_id)]
            lines += self._tag(f"tab{attributes(icon=icon_of(value.get('icon')))}", inside)
        return self._tag("tabs", lines)

    def synced_block(self, block: Json) -> list[str]:
        """A synced block, or a copy of one that shows what the original holds."""
        source = (block["synced_block"].get("synced_from") or {}).get("block_id")
        if source is None:
            tag = f"synced_block{attributes(url=self.address(block))}"
            return self._tag(tag, self.below(block["id"]))
        original = self.store.blocks.get(source)
        if original is None or not self.store.is_live("blocks", source):
            return self.not_rendered(block)
        tag = f"synced_block_reference{attributes(url=self.address(original))}"
        return self._tag(tag, self.below(source))

    def media(self, block: Json) -> list[str]:
        """A file with its caption; an image has Markdown's own form."""
        kind = block["type"]
        value = self._sign(block)[kind]
        url = value[value["type"]].get("url", "")
        caption = to_markdown(value.get("caption", []))
        if kind == "image":
            return [f"![{caption}]({url})"]
        return [f"<{kind}{attributes(src=url)}>{caption}</{kind}>"]

    def meeting_notes(self, block: Json) -> list[str]:
        """A meeting: summary, notes and, if asked for, the transcript."""
        value = block[block["type"]]
        lines = [to_markdown(value.get("title", []))]
        for part in ("summary", "notes", "transcript"):
            part_id = (value.get("children") or {}).get(f"{part}_block_id")
            if part_id is None:
                continue
            if part == "transcript" and not self.transcripts:
                shown = [f"Transcript left out: {escaped(self.address(block))}"]
            else:
                shown = self.below(part_id)
            lines += self._tag(part, shown)
        return self._tag("meeting-notes", lines)

    def child_page(self, block: Json) -> list[str]:
        """A page below this one, by its name."""
        url = notion_url(block["id"])
        return [f"<page{attributes(url=url)}>{escaped(block['child_page']['title'])}</page>"]

    def child_database(self, block: Json) -> list[str]:
        """A database, which is shown on the page or on one of its own."""
        database = self.store.databases.get(block["id"]) or {}
        inline = "true" if database.get("is_inline") else "false"
        tag = f"database{attributes(url=notion_url(block['id']), inline=inline)}"
        return [f"<{tag}>{escaped(block['child_database']['title'])}</database>"]

    def link_to_page(self, block: Json) -> list[str]:
        """A link to a page or database; to a comment there is none in Markdown."""
        value = block["link_to_page"]
        if value["type"] == "comment_id":
            return self.not_rendered(block)
        kind = value["type"].removesuffix("_id")
        return [f"<mention-{kind}{attributes(url=notion_url(value[value['type']]))}/>"]

    def table_of_contents(self, block: Json) -> list[str]:
        """The headings of the page."""
        return [f"<table_of_contents{attributes(color=color_of(block['table_of_contents']))}/>"]

    def _tag(self, tag: str, lines: list[str]) -> list[str]:
        return [f"<{tag}>", *indented(lines), f"</{tag.split()[0]}>"]


def indented(lines: Iterable[str]) -> list[str]:
    """Lines, one tab deeper."""
    return [f"\t{line}" for line in lines]


def icon_of(icon: Json | None) -> str | None:
    """An icon as an attribute has it."""
    if not icon:
        return None
    value = icon[icon["type"]]
    if icon["type"] == "emoji":
        return str(value)
    if icon["type"] == "custom_emoji":
        return f":{value['name'].strip(':')}:"
    if icon["type"] == "icon":
        return f"icons/{value['name']}_{value['color']}"
    return str(value["url"])


BLOCKS: dict[str, Callable[[MarkdownPage, Json], list[str]]] = {
    "paragraph": MarkdownPage.paragraph,
    **{f"heading_{level}": MarkdownPage.heading for level in (1, 2, 3, 4)},
    "bulleted_list_item": lambda page, block: page.text_line(block, "- "),
    "numbered_list_item": lambda page, block: page.text_line(block, "1. "),
    "quote": lambda page, block: page.text_line(block, "> "),
    "to_do": MarkdownPage.to_do,
    "toggle": MarkdownPage.toggle,
    "callout": MarkdownPage.callout,
    "code": MarkdownPage.code,
    "equation": MarkdownPage.equation,
    "divider": lambda page, block: ["---"],
    "table": MarkdownPage.table,
    "table_row": MarkdownPage.table_row,
    "column_list": MarkdownPage.columns,
    "column": MarkdownPage.column,
    "tab": MarkdownPage.tabs,
    "synced_block": MarkdownPage.synced_block,
    "image": MarkdownPage.media,
    "video": MarkdownPage.media,
    "audio": MarkdownPage.media,
    "file": MarkdownPage.media,
    "pdf": MarkdownPage.media,
    "meeting_notes": MarkdownPage.meeting_notes,
    "transcription": MarkdownPage.meeting_notes,
    "child_page": MarkdownPage.child_page,
    "child_database": MarkdownPage.child_database,
    "link_to_page": MarkdownPage.link_to_page,
    "table_of_contents": MarkdownPage.table_of_contents,
}
