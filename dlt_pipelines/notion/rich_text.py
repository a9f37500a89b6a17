"""Notion's rich text as inline Markdown: styles, links, mentions, equations.

https://developers.notion.com/reference/rich-text. Dropped are colours and underlines.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Any, Literal, NamedTuple

from dlt_pipelines.notion.escapes import (
    code_span,
    escape,
    guard,
    is_autolink,
    link_to,
    newlines,
    page_url,
)

JsonObject = dict[str, Any]

HARD_BREAK = "\\\n"
SEPARATOR = "<!-- -->"
MARKERS = {"bold": "**", "italic": "*", "strikethrough": "~~"}
PUNCTUATION = {"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of inline text in one style; `space` is whitespace between styles."""

    text: str
    kind: Literal["text", "code", "equation", "space"]
    marks: frozenset[str] = frozenset()
    link: str | None = None


def rich_text_to_markdown(rich_text: list[JsonObject] | None) -> str:
    """Return rich text as Markdown that is safe as a block of its own; line breaks are kept."""
    return guard(inline(rich_text))


def plain_text(rich_text: list[JsonObject] | None) -> str:
    """Return rich text without any formatting, as Notion shows it in a title."""
    return "".join(item.get("plain_text") or _content(item)[0] for item in rich_text or [])


class UserMention(NamedTuple):
    """A person whom a text names: by id, as they are called there, and with what stands around."""

    user_id: str
    shown: str
    evidence: str


def user_mentions(rich_text: list[JsonObject] | None) -> Iterator[UserMention]:
    """Yield the people whom rich text names, those in inline code left out."""
    items = rich_text or []
    texts = [_content(item)[0] for item in items]
    whole, place = "".join(texts), 0
    for item, shown in zip(items, texts, strict=True):
        mention = (item.get("type") == "mention" and item.get("mention")) or {}
        user = (mention.get("type") == "user" and mention.get("user")) or {}
        is_code = (item.get("annotations") or {}).get("code")
        if isinstance(user.get("id"), str) and not is_code:
            yield UserMention(user["id"], shown, surroundings(whole, place, shown))
        place += len(shown)


def surroundings(text: str, place: int, found: str) -> str:
    """What stands around something that was found, on its line: 80 characters to each side."""
    start, end = text.rfind("\n", 0, place) + 1, place + len(found)
    line_end = text.find("\n", end)
    stop = min(end + 80, line_end if line_end >= 0 else len(text))
    return text[max(start, place - 80) : stop].strip()


def inline(
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
        if link and spans == [Span(link, "text", link=link)] and is_autolink(link):
            text += f"<{link}>"
        elif link:
            text = f"{text[:-1]}\\!" if text.endswith("!") else text  # or it would be an image
            text += link_to(_emphasise(spans, in_brackets=True), link)
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
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", newlines(span.text))
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
            return shown or "Untitled", link or page_url(value.get("id") or "")
        case "date":
            when = date_range(value.get("start"), value.get("end"), value.get("time_zone"))
            return when or shown, link
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


def date_range(start: str | None, end: str | None, time_zone: str | None = None) -> str:
    """A date, or the time between two."""
    shown = " → ".join(date for date in (start, end) if date)
    return f"{shown} ({time_zone})" if shown and time_zone else shown


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
            return code_span(span.text)
        case "text" | "code":
            return escape(span.text, in_brackets=in_brackets)
    expression = span.text.replace("\n", " ")
    if escape(expression, in_brackets=in_brackets) == expression:
        return f"${expression}$"
    return f"${code_span(expression)}$"
