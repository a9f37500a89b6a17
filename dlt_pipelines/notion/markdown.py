r"""Notion blocks as Markdown: CommonMark with GitHub's tables, task lists, strikethrough and math.

Pure functions over the objects of the block API, each block with its children nested under
`children`. https://developers.notion.com/reference/block

No text is ever lost: a parser that reads the result finds every character that Notion holds, and
a type that is not known here shows as `[unsupported block: type]` above whatever text it carries.
Only what would change the meaning is escaped, so `#12`, `ENG-3`, `snake_case` and URLs stay as
they are. Dropped are colours, underlines, tables of contents and breadcrumbs. Forms that need a
reason:

- A callout is an alert, `> [!NOTE]`: as a plain quote it would be what somebody else said.
- A toggle is a list item, as in Notion's own export: HTML would hide its text from a search.
- A divider is `***`: `---` at the top of a page would read as front matter.
- An equation that a plain CommonMark parser would damage takes GitHub's other form, a code span
  between dollars or a `math` fence.
- `<!-- -->` stands where Markdown cannot say that one thing ends and the next begins:
  `**Note:**<!-- -->text`, or two lists with nothing but an empty paragraph between them.
- The signature of a Notion-hosted file is cut off: it expires and differs at every read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from dlt_pipelines.notion.escapes import backticks, escape, guard, link_to, newlines, page_url
from dlt_pipelines.notion.rich_text import (
    SEPARATOR,
    JsonObject,
    UserMention,
    date_range,
    inline,
    plain_text,
    rich_text_to_markdown,
)
from dlt_pipelines.notion.rich_text import user_mentions as mentions_in

BULLETS = {"bulleted_list_item", "to_do", "toggle"}
# What stands there is said by somebody else, or to nobody.
UNSPOKEN = {"code", "quote"}


@dataclass(frozen=True, slots=True)
class Block:
    """One API block, its children already rendered into `inside`."""

    type: str
    id: str
    payload: JsonObject
    children: list[JsonObject]
    inside: str
    number: int


def render_markdown(blocks: list[JsonObject]) -> str:
    """Return the Markdown of a list of sibling blocks, without a trailing newline.

    The deepest siblings are rendered first, without recursion: Notion sets no limit to depth.
    """
    groups = [blocks]
    for siblings in groups:  # grows while it is read: parents before children
        groups.extend(block["children"] for block in siblings if block.get("children"))
    rendered: dict[int, str] = {}
    for siblings in reversed(groups):
        rendered[id(siblings)] = _render_siblings(siblings, rendered)
    return rendered[id(blocks)]


def user_mentions(blocks: list[JsonObject]) -> Iterator[UserMention]:
    """Yield the people whom blocks name at any depth, in their order; code and quotes left out."""
    waiting = blocks[::-1]
    while waiting:
        block = waiting.pop()
        block_type = block.get("type") or ""
        if block_type in UNSPOKEN:
            continue
        for value in (block.get(block_type) or {}).values():
            texts = value if isinstance(value, list) else []
            # The cells of a table's row are a list of texts.
            for text in [texts, *texts]:
                if _is_rich_text(text):
                    yield from mentions_in(text)
        waiting.extend((block.get("children") or [])[::-1])


# Siblings


def _render_siblings(siblings: list[JsonObject], rendered: dict[int, str]) -> str:
    parts: list[str] = []
    last = before = ""  # type of the last block with text; of the block before this one
    number = 0
    for raw in siblings:
        block_type = raw.get("type") or "unknown"
        payload = raw.get(block_type) or {}
        children = raw.get("children") or []
        number = number + 1 if before == "numbered_list_item" else 1
        if payload.get("list_start_index") is not None:
            number = int(payload["list_start_index"])
        inside = rendered[id(children)] if children else ""
        block = Block(block_type, raw.get("id") or "", payload, children, inside, number)
        if text := RENDERERS.get(block_type, _unknown)(block):
            if parts:
                parts.append(_gap(last, block_type, adjacent=last == before))
            parts.append(text)
            last = block_type
        before = block_type
    return "".join(parts)


def _gap(above: str, below: str, *, adjacent: bool) -> str:
    if above != below and not {above, below} <= BULLETS:
        return "\n\n"
    if above not in BULLETS | {"numbered_list_item"}:
        return "\n\n"
    return "\n" if adjacent else f"\n\n{SEPARATOR}\n\n"


def _stack(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _prefix(text: str, first: str, rest: str) -> str:
    """Put `first` before the first line and `rest` before the others, no trailing blanks."""
    head, *tail = text.split("\n")
    lines = [first + head if head else first.rstrip()]
    lines += [rest + line if line else rest.rstrip() for line in tail]
    return "\n".join(lines)


# Blocks


def _paragraph(block: Block) -> str:
    return _stack(_icon_and_text(block), block.inside)


def _heading(block: Block) -> str:
    text = inline(block.payload.get("rich_text"), line_break=" ")
    text = re.sub(r"(?:(?<=\s)|^)#+$", r"\\\g<0>", text)  # would be read as a closing sequence
    return _stack(f"{'#' * int(block.type[-1])} {text}".rstrip(), block.inside)


def _bullet(block: Block) -> str:
    return _list_item("-", _item_text(block), block.inside)


def _numbered(block: Block) -> str:
    return _list_item(f"{block.number}.", _item_text(block), block.inside)


def _to_do(block: Block) -> str:
    box = "[x]" if block.payload.get("checked") else "[ ]"
    text = guard(f"{box} {inline(block.payload.get('rich_text'))}".rstrip())
    return _list_item("-", text, block.inside)


def _item_text(block: Block) -> str:
    text = rich_text_to_markdown(block.payload.get("rich_text"))
    return re.sub(r"^\[(?=[ xX]\]\s)", r"\\[", text)  # would be read as a task's box


def _list_item(marker: str, text: str, inside: str) -> str:
    # Only a list that starts with a filled item numbered 1 may follow a line of text directly.
    gap = "\n" if not text or re.match(r"(?:-|1\.) \S", inside) else "\n\n"
    return _prefix(text + gap + inside if inside else text, f"{marker} ", " " * len(f"{marker} "))


def _quote(block: Block) -> str:
    text = _stack(_icon_and_text(block), block.inside)
    text = re.sub(r"^\[(?=![\w-]+\])", r"\\[", text)  # would be read as a callout
    return _prefix(text, "> ", "> ")


def _callout(block: Block) -> str:
    text = f"[!NOTE]\n{_icon_and_text(block)}".strip()
    return _prefix(_stack(text, block.inside), "> ", "> ")


def _icon_and_text(block: Block) -> str:
    text = inline(block.payload.get("rich_text"))
    return guard(f"{_icon(block.payload.get('icon') or {})} {text}".strip(" "))


def _icon(icon: JsonObject) -> str:
    named = icon.get("custom_emoji") or icon.get("icon") or {}
    return icon.get("emoji") or (f":{named['name']}:" if named.get("name") else "")


def _code(block: Block) -> str:
    language = (block.payload.get("language") or "").replace("plain text", "").replace(" ", "-")
    code = _fence(plain_text(block.payload.get("rich_text")), language)
    return _stack(code, rich_text_to_markdown(block.payload.get("caption")), block.inside)


def _fence(text: str, info: str) -> str:
    fence = backticks(text, at_least=3)
    return f"{fence}{info}\n{newlines(text)}\n{fence}"


def _equation(block: Block) -> str:
    expression = newlines(block.payload.get("expression") or "").strip()
    if not expression:
        return block.inside
    harmless = guard(escape(expression)) == expression and "\n\n" not in expression
    math = f"$$\n{expression}\n$$" if harmless else _fence(expression, "math")
    return _stack(math, block.inside)


def _divider(block: Block) -> str:
    return _stack("***", block.inside)


def _container(block: Block) -> str:
    return block.inside


def _synced(block: Block) -> str:
    source = (block.payload.get("synced_from") or {}).get("block_id")
    if block.inside or not source:
        return block.inside
    return link_to("Synced block", page_url(source))  # a copy whose original is not shared


def _table(block: Block) -> str:
    plain_rows = (r.get("type") == "table_row" and not r.get("children") for r in block.children)
    if not block.children or not all(plain_rows):
        return block.inside
    bold = bool(block.payload.get("has_row_header"))
    rows = [_cells(row.get("table_row") or {}, first_bold=bold) for row in block.children]
    width = max(1, *map(len, rows))
    header = rows.pop(0) if block.payload.get("has_column_header") else []
    lines = [header, ["---"] * width, *rows]
    return "\n".join(f"| {' | '.join(line + [''] * (width - len(line)))} |" for line in lines)


def _table_row(block: Block) -> str:
    return _stack(guard(" | ".join(_cells(block.payload, first_bold=False))), block.inside)


def _cells(row: JsonObject, *, first_bold: bool) -> list[str]:
    cells = enumerate(row.get("cells") or [])
    texts = (inline(cell, line_break="<br>", bold=first_bold and i == 0) for i, cell in cells)
    return [text.replace("|", "\\|") for text in texts]


def _image(block: Block) -> str:
    url = _file_url(block.payload)
    caption = inline(block.payload.get("caption"), line_break=" ", in_brackets=bool(url))
    return _stack("!" + link_to(caption, url) if url else guard(caption), block.inside)


def _file(block: Block) -> str:
    url = _file_url(block.payload)
    name = unquote(url.partition("?")[0].rpartition("/")[2])
    label = block.payload.get("name") or (name if "." in name else block.type)
    label = escape(" ".join(label.split()), in_brackets=True)
    return _with_caption(link_to(label, url) if url else guard(label), block)


def _file_url(payload: JsonObject) -> str:
    hosted = payload.get("type") == "file"
    url: str = (payload.get(payload.get("type") or "") or {}).get("url") or ""
    return url.partition("?")[0] if hosted else url


def _web_link(block: Block) -> str:
    url = block.payload.get("url") or ""
    return _with_caption(inline([{"plain_text": url, "href": url}]), block)


def _with_caption(link: str, block: Block) -> str:
    caption = inline(block.payload.get("caption"), line_break=" ")
    line = f"{link} — {caption}" if link and caption else link or guard(caption)
    return _stack(line, block.inside)


def _child(block: Block) -> str:
    title = escape(" ".join((block.payload.get("title") or "Untitled").split()), in_brackets=True)
    return _stack(link_to(title, page_url(block.id)), block.inside)


def _link_to_page(block: Block) -> str:
    target = block.payload.get("type") or ""
    label = f"Linked {target.removesuffix('_id') or 'page'}"
    object_id = block.payload.get(target) or ""
    if target == "comment_id":  # a comment has no address of its own
        return _stack(f"{label} {object_id}", block.inside)
    return _stack(link_to(label, page_url(object_id)), block.inside)


def _meeting_notes(block: Block) -> str:
    event = block.payload.get("calendar_event") or {}
    when = date_range(event.get("start_time"), event.get("end_time"))
    title = inline(block.payload.get("title"), bold=True)
    return _stack(guard(f"{title} {when}".strip(" ")), block.inside)


def _unsupported(block: Block) -> str:
    return _stack(_placeholder(block.payload.get("block_type") or block.type), block.inside)


def _unknown(block: Block) -> str:
    texts = [rich_text_to_markdown(v) for v in block.payload.values() if _is_rich_text(v)]
    return _stack(_placeholder(block.type), *texts, block.inside)


def _placeholder(block_type: str) -> str:
    return f"[unsupported block: {escape(block_type)}]"


def _is_rich_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and "plain_text" in v for v in value)


RENDERERS: dict[str, Callable[[Block], str]] = {
    "audio": _file,
    "bookmark": _web_link,
    "breadcrumb": _container,
    "bulleted_list_item": _bullet,
    "callout": _callout,
    "child_database": _child,
    "child_page": _child,
    "code": _code,
    "column": _container,
    "column_list": _container,
    "divider": _divider,
    "embed": _web_link,
    "equation": _equation,
    "file": _file,
    "heading_1": _heading,
    "heading_2": _heading,
    "heading_3": _heading,
    "heading_4": _heading,
    "image": _image,
    "link_preview": _web_link,
    "link_to_page": _link_to_page,
    "meeting_notes": _meeting_notes,
    "numbered_list_item": _numbered,
    "paragraph": _paragraph,
    "pdf": _file,
    "quote": _quote,
    "synced_block": _synced,
    "tab": _container,
    "table": _table,
    "table_of_contents": _container,
    "table_row": _table_row,
    "template": _paragraph,
    "to_do": _to_do,
    "toggle": _bullet,
    "transcription": _meeting_notes,
    "unsupported": _unsupported,
    "video": _file,
}
