r"""Notion blocks as Markdown: CommonMark with GitHub's tables, task lists, strikethrough and math.

Pure functions over the objects of the block API, each block with its children nested under
`children`. https://developers.notion.com/reference/block

No text is ever lost: a parser that reads the result finds every character that Notion holds, and
a type that is not known here shows as `[unsupported block: type]` above whatever text it carries.
Only what would change the meaning is escaped, so `#12`, `ENG-3`, `snake_case` and URLs stay as
they are. Dropped are colours, underlines, tables of contents and breadcrumbs. Forms that need a
reason:

- A toggle is a list item, as in Notion's own export: HTML would hide its text from a search.
- A divider is `***`: `---` at the top of a page would read as front matter.
- An equation that a plain CommonMark parser would damage takes GitHub's other form, a code span
  between dollars or a `math` fence.
- `<!-- -->` stands where Markdown cannot say that one thing ends and the next begins:
  `**Note:**<!-- -->text`, or two lists with nothing but an empty paragraph between them.
- The signature of a Notion-hosted file is cut off: it expires and differs at every read.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Any, Literal
from urllib.parse import quote, unquote

JsonObject = dict[str, Any]

NOTION_URL = "https://www.notion.so"
HARD_BREAK = "\\\n"
SEPARATOR = "<!-- -->"
MARKERS = {"bold": "**", "italic": "*", "strikethrough": "~~"}
PUNCTUATION = {"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"}
BULLETS = {"bulleted_list_item", "to_do", "toggle"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of inline text in one style; `space` is whitespace between styles."""

    text: str
    kind: Literal["text", "code", "equation", "space"]
    marks: frozenset[str] = frozenset()
    link: str | None = None


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


def rich_text_to_markdown(rich_text: list[JsonObject] | None) -> str:
    """Return rich text as Markdown that is safe as a block of its own; line breaks are kept."""
    return _guard(_inline(rich_text))


def plain_text(rich_text: list[JsonObject] | None) -> str:
    """Return rich text without any formatting, as Notion shows it in a title."""
    return "".join(item.get("plain_text") or _content(item)[0] for item in rich_text or [])


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
    text = _inline(block.payload.get("rich_text"), line_break=" ")
    text = re.sub(r"(?:(?<=\s)|^)#+$", r"\\\g<0>", text)  # would be read as a closing sequence
    return _stack(f"{'#' * int(block.type[-1])} {text}".rstrip(), block.inside)


def _bullet(block: Block) -> str:
    return _list_item("-", _item_text(block), block.inside)


def _numbered(block: Block) -> str:
    return _list_item(f"{block.number}.", _item_text(block), block.inside)


def _to_do(block: Block) -> str:
    box = "[x]" if block.payload.get("checked") else "[ ]"
    text = _guard(f"{box} {_inline(block.payload.get('rich_text'))}".rstrip())
    return _list_item("-", text, block.inside)


def _item_text(block: Block) -> str:
    text = rich_text_to_markdown(block.payload.get("rich_text"))
    return re.sub(r"^\[(?=[ xX]\]\s)", r"\\[", text)  # would be read as a task's box


def _list_item(marker: str, text: str, inside: str) -> str:
    # Only a list that starts with a filled item numbered 1 may follow a line of text directly.
    gap = "\n" if not text or re.match(r"(?:-|1\.) \S", inside) else "\n\n"
    return _prefix(text + gap + inside if inside else text, f"{marker} ", " " * len(f"{marker} "))


def _quote(block: Block) -> str:
    return _prefix(_stack(_icon_and_text(block), block.inside), "> ", "> ")


def _icon_and_text(block: Block) -> str:
    text = _inline(block.payload.get("rich_text"))
    return _guard(f"{_icon(block.payload.get('icon') or {})} {text}".strip(" "))


def _icon(icon: JsonObject) -> str:
    named = icon.get("custom_emoji") or icon.get("icon") or {}
    return icon.get("emoji") or (f":{named['name']}:" if named.get("name") else "")


def _code(block: Block) -> str:
    language = (block.payload.get("language") or "").replace("plain text", "").replace(" ", "-")
    code = _fence(plain_text(block.payload.get("rich_text")), language)
    return _stack(code, rich_text_to_markdown(block.payload.get("caption")), block.inside)


def _fence(text: str, info: str) -> str:
    fence = _backticks(text, at_least=3)
    return f"{fence}{info}\n{_newlines(text)}\n{fence}"


def _equation(block: Block) -> str:
    expression = _newlines(block.payload.get("expression") or "").strip()
    if not expression:
        return block.inside
    harmless = _guard(_escape(expression)) == expression and "\n\n" not in expression
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
    return _link("Synced block", _page_url(source))  # a copy whose original is not shared


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
    return _stack(_guard(" | ".join(_cells(block.payload, first_bold=False))), block.inside)


def _cells(row: JsonObject, *, first_bold: bool) -> list[str]:
    cells = enumerate(row.get("cells") or [])
    texts = (_inline(cell, line_break="<br>", bold=first_bold and i == 0) for i, cell in cells)
    return [text.replace("|", "\\|") for text in texts]


def _image(block: Block) -> str:
    url = _file_url(block.payload)
    caption = _inline(block.payload.get("caption"), line_break=" ", in_brackets=bool(url))
    return _stack("!" + _link(caption, url) if url else _guard(caption), block.inside)


def _file(block: Block) -> str:
    url = _file_url(block.payload)
    name = unquote(url.partition("?")[0].rpartition("/")[2])
    label = block.payload.get("name") or (name if "." in name else block.type)
    label = _escape(" ".join(label.split()), in_brackets=True)
    return _with_caption(_link(label, url) if url else _guard(label), block)


def _file_url(payload: JsonObject) -> str:
    hosted = payload.get("type") == "file"
    url: str = (payload.get(payload.get("type") or "") or {}).get("url") or ""
    return url.partition("?")[0] if hosted else url


def _web_link(block: Block) -> str:
    url = block.payload.get("url") or ""
    return _with_caption(_inline([{"plain_text": url, "href": url}]), block)


def _with_caption(link: str, block: Block) -> str:
    caption = _inline(block.payload.get("caption"), line_break=" ")
    line = f"{link} — {caption}" if link and caption else link or _guard(caption)
    return _stack(line, block.inside)


def _child(block: Block) -> str:
    title = _escape(" ".join((block.payload.get("title") or "Untitled").split()), in_brackets=True)
    return _stack(_link(title, _page_url(block.id)), block.inside)


def _link_to_page(block: Block) -> str:
    target = block.payload.get("type") or ""
    label = f"Linked {target.removesuffix('_id') or 'page'}"
    object_id = block.payload.get(target) or ""
    if target == "comment_id":  # a comment has no address of its own
        return _stack(f"{label} {object_id}", block.inside)
    return _stack(_link(label, _page_url(object_id)), block.inside)


def _meeting_notes(block: Block) -> str:
    event = block.payload.get("calendar_event") or {}
    when = _dates(event.get("start_time"), event.get("end_time"))
    title = _inline(block.payload.get("title"), bold=True)
    return _stack(_guard(f"{title} {when}".strip(" ")), block.inside)


def _unsupported(block: Block) -> str:
    return _stack(_placeholder(block.payload.get("block_type") or block.type), block.inside)


def _unknown(block: Block) -> str:
    texts = [rich_text_to_markdown(v) for v in block.payload.values() if _is_rich_text(v)]
    return _stack(_placeholder(block.type), *texts, block.inside)


def _placeholder(block_type: str) -> str:
    return f"[unsupported block: {_escape(block_type)}]"


def _is_rich_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and "plain_text" in v for v in value)


RENDERERS: dict[str, Callable[[Block], str]] = {
    "audio": _file,
    "bookmark": _web_link,
    "breadcrumb": _container,
    "bulleted_list_item": _bullet,
    "callout": _quote,
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


# Rich text


def _inline(
    rich_text: list[JsonObject] | None,
    *,
    line_break: str = HARD_BREAK,
    bold: bool = False,
    in_brackets: bool = False,
) -> str:
    """Return rich text as inline Markdown, whitespace around it removed.

    A link holds its marks inside, so that they never span its brackets. `in_brackets` escapes
    brackets, for text that will stand in a link or an image.
    """
    text = ""
    for link, group in groupby(_spans(rich_text or [], bold=bold), key=lambda span: span.link):
        spans = list(group)
        if link and spans == [Span(link, "text", link=link)] and _is_autolink(link):
            text += f"<{link}>"
        elif link:
            text = f"{text[:-1]}\\!" if text.endswith("!") else text  # or it would be an image
            text += _link(_emphasise(spans, in_brackets=True), link)
        else:
            text += _emphasise(spans, in_brackets=in_brackets)
    return text.replace("\n", line_break)


def _spans(rich_text: list[JsonObject], *, bold: bool) -> list[Span]:
    """Merge neighbours of equal style and split off the whitespace at their edges."""
    merged: list[Span] = []
    for span in (_to_span(item, bold=bold) for item in rich_text):
        if not span.text:
            continue
        if merged and span.kind != "equation" and span == replace(merged[-1], text=span.text):
            merged[-1] = replace(span, text=merged[-1].text + span.text)
        else:
            merged.append(span)
    pieces: list[Span] = []
    for span in merged:
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", _newlines(span.text))
        core = text.strip()
        head, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        pieces.append(Span(head, "space"))
        if core:
            pieces += [replace(span, text=core), Span(tail, "space")]
    return _settle([piece for piece in pieces if piece.text])


def _settle(pieces: list[Span]) -> list[Span]:
    """Drop whitespace at both ends; inside a link it belongs to the link."""
    settled: list[Span] = []
    spaces: list[Span] = []
    for piece in pieces:
        if piece.kind == "space":
            spaces.append(piece)
            continue
        if settled:
            link = piece.link if piece.link == settled[-1].link else None
            settled += [replace(space, link=link) for space in spaces]
        settled.append(piece)
        spaces = []
    return settled


def _to_span(item: JsonObject, *, bold: bool) -> Span:
    annotations = {**(item.get("annotations") or {}), **({"bold": True} if bold else {})}
    text, link = _content(item)
    marks = frozenset(mark for mark in MARKERS if annotations.get(mark))
    if item.get("type") == "equation":
        return Span(text, "equation", marks, link)
    return Span(text, "code" if annotations.get("code") else "text", marks, link)


def _content(item: JsonObject) -> tuple[str, str | None]:
    """Return what a rich text item says and where it links to."""
    value = item.get(item.get("type") or "") or {}
    shown, link = item.get("plain_text") or "", item.get("href") or None
    match item.get("type"):
        case "text":
            return value.get("content") or shown, link or (value.get("link") or {}).get("url")
        case "equation":
            return value.get("expression") or shown, link
        case "mention":
            return _mention(value, shown, link)
    return shown, link


def _mention(mention: JsonObject, shown: str, link: str | None) -> tuple[str, str | None]:
    value = mention.get(mention.get("type") or "") or {}
    match mention.get("type"):
        case "user":
            name = shown or value.get("name") or value.get("id") or "unknown"
            return f"@{name.removeprefix('@')}", link
        case "page" | "database":
            return shown or "Untitled", link or _page_url(value.get("id") or "")
        case "date":
            dates = _dates(value.get("start"), value.get("end"), value.get("time_zone"))
            return dates or shown, link
        case "link_preview":
            return shown or value.get("url") or "", link or value.get("url")
        case "link_mention":
            link = link or value.get("href")
            return value.get("title") or shown or link or "", link
        case "custom_emoji":
            return f":{value['name']}:" if value.get("name") else shown, link
        case "template_mention":
            return shown or f"@{value.get(value.get('type')) or ''}", link
    return shown, link


def _dates(start: str | None, end: str | None, time_zone: str | None = None) -> str:
    dates = " → ".join(date for date in (start, end) if date)
    return f"{dates} ({time_zone})" if dates and time_zone else dates


# Emphasis, escapes and links


def _emphasise(spans: list[Span], *, in_brackets: bool) -> str:
    """Write spans with their markers, nested and outside of whitespace."""
    text = ""
    is_open: list[str] = []
    for i, span in enumerate([*spans, Span("", "space")]):
        following = (s.marks for s in spans[i:] if s.kind != "space")
        marks = next(following, frozenset[str]())
        kept = list(takewhile(marks.__contains__, is_open))
        closing = "".join(MARKERS[mark] for mark in reversed(is_open[len(kept) :]))
        added = [] if span.kind == "space" else [m for m in MARKERS if m in marks - set(kept)]
        added.sort(key=lambda mark: _reach(mark, spans[i:]), reverse=True)
        opening = _opening(added, spans[i:])
        text = _join(text, closing, opening, _span_text(span, in_brackets=in_brackets))
        is_open = kept + added
    return text


def _opening(marks: list[str], spans: list[Span]) -> str:
    """Return the markers that open before `spans`, the one that reaches furthest first.

    Bold and italic open as one run, `***`, unless the inner one ends and comes back before the
    outer one ends: its second marker would then be read as the end of the outer one.
    """
    stars = [mark for mark in marks if mark != "strikethrough"]
    if len(stars) == 2:
        outer, inner = (_reach(mark, spans) for mark in stars)
        if any(stars[1] in span.marks for span in spans[inner:outer]):
            return SEPARATOR.join(MARKERS[mark] for mark in marks)
    return "".join(MARKERS[mark] for mark in marks)


def _reach(mark: str, spans: list[Span]) -> int:
    return len(list(takewhile(lambda span: mark in span.marks or span.kind == "space", spans)))


def _join(before: str, closing: str, opening: str, after: str) -> str:
    """Put markers between two texts, and a separator where they would not be read as markers.

    A marker must not touch its own character, and one with punctuation on its inner side must
    have whitespace or punctuation on its outer side (CommonMark 6.2, left- and right-flanking).
    """
    if opening.endswith("~") and after.startswith("~"):
        after = f"\\{after}"
    left, right = (before + closing)[-1:], (opening + after)[:1]
    clash = (
        bool(closing and (closing[-1] == right or _blocks(closing, before[-1:], right)))
        or bool(opening and (opening[0] == left or _blocks(opening, after[:1], left)))
        or (left == right == "$")
    )
    return f"{before}{closing}{SEPARATOR if clash else ''}{opening}{after}"


def _blocks(markers: str, inner: str, outer: str) -> bool:
    # Symbols such as emoji count as punctuation since CommonMark 0.31 only: assume the worse.
    punctuated = len(set(markers)) > 1 or unicodedata.category(inner)[0] in "PS"
    return punctuated and not _is_boundary(outer)


def _is_boundary(char: str) -> bool:
    ascii_symbol = char.isascii() and char.isprintable() and not char.isalnum()
    return char in "\t\n" or ascii_symbol or unicodedata.category(char) in {"Zs", *PUNCTUATION}


def _span_text(span: Span, *, in_brackets: bool) -> str:
    match span.kind:
        case "space":
            return span.text
        case "code" if not (in_brackets and "]:" in span.text):  # it could define a link
            return _code_span(span.text)
        case "text" | "code":
            return _escape(span.text, in_brackets=in_brackets)
    expression = span.text.replace("\n", " ")
    if _escape(expression, in_brackets=in_brackets) == expression:
        return f"${expression}$"
    return f"${_code_span(expression)}$"


def _code_span(text: str) -> str:
    text = text.replace("\n", " ")
    fence = _backticks(text, at_least=1)
    pad = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _backticks(text: str, *, at_least: int) -> str:
    return "`" * max([at_least, *(len(run) + 1 for run in re.findall("`+", text))])


_SPECIAL = re.compile(
    r"""
    \\(?=[!-/:-@\[-`{-~\s]|$)        # a backslash that would escape, or break the line
  | `
  | (?<![ ])\* | \*(?![ ])           # any asterisk but one between spaces
  | (?<!\w)_+(?![ \t_])              # underscores that could open emphasis: not snake_case
  | (?<=\S)~ | ~(?=~|$)              # tildes that could close or double: not ~/path
  | <(?=[A-Za-z/!?])                 # HTML and autolinks: not a < b
  | &(?=\#?\w+;)                     # entities
  | \](?=\()                         # a link typed by hand
    """,
    re.VERBOSE,
)
_SPECIAL_IN_BRACKETS = re.compile(rf"{_SPECIAL.pattern} | [\[\]]", re.VERBOSE)
_LINE_START = re.compile(
    r"""
    \d{1,9}(?=[.)](?:\s|$))             # a numbered item: the dot is escaped
  | (?=[-+](?:\s|$))                      # a bullet
  | (?=>)                                 # a quote
  | (?=\#{1,6}(?:\s|$))                   # a heading
  | (?=[-_=|:][-_=|:\s]*$)                # a rule, an underline or a table's second line
    """,
    re.VERBOSE,
)
_DEFINITION = re.compile(r"\[(?=(?:[^\[\]\\]|\\.)*\]:)", re.DOTALL)


def _escape(text: str, *, in_brackets: bool = False) -> str:
    """Escape what would be read as inline Markdown."""
    special = _SPECIAL_IN_BRACKETS if in_brackets else _SPECIAL
    return special.sub(lambda match: "".join(f"\\{char}" for char in match[0]), text)


def _guard(text: str) -> str:
    """Escape what would start a block: at the start of a line, or a link definition."""
    if _DEFINITION.match(text):
        text = f"\\{text}"
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    return "\n".join(_guard_line(line) for line in lines)


def _guard_line(line: str) -> str:
    match = _LINE_START.match(line)
    return f"{match[0]}\\{line[match.end() :]}" if match else line


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _link(label: str, url: str) -> str:
    return f"[{label}]({_destination(url)})"


def _destination(url: str) -> str:
    url = f"{NOTION_URL}{url}" if url.startswith("/") else url
    url = re.sub(r"&(?=#?\w+;)", "&amp;", url)
    return re.sub(r"[\s\x00-\x1f\x7f<>()\\`]", lambda match: quote(match[0]), url)


def _is_autolink(url: str) -> bool:
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", url)) and _destination(url) == url


def _page_url(object_id: str) -> str:
    return f"{NOTION_URL}/{object_id.replace('-', '')}"
