"""Notion's enhanced Markdown, as its Markdown endpoint writes it, in the Markdown of everyone else.

https://developers.notion.com/guides/data-apis/enhanced-markdown. What is only layout or colour is
dropped; what names something becomes a link; every text stays. What is not known here stays as it
is. Code is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Final
from uuid import UUID

from dlt_pipelines.notion.rich_text import UserMention, surroundings

_FENCE: Final = re.compile(r"^\s*(`{3,}|~{3,})")
_LAYOUT: Final = re.compile(
    r"</?(?:columns|column|synced_block(?:_reference)?|span|meeting-notes|summary|notes|transcript)"
    r"\b[^>]*>|<(?:empty-block|table_of_contents)\b[^>]*/?>"
)
_ATTRIBUTES: Final = re.compile(r"[ \t]*(?<!\\)\{(?:\w+=\"[^\"]*\"\s*)+\}[ \t]*$")
_LINK: Final = re.compile(
    r"<(page|database|data-source|mention-page|mention-database|mention-data-source|mention-user"
    r"|file|audio|video|pdf|bookmark|embed)\b([^>]*?)(?:/>|>(.*?)</\1>)"
)
_DATE: Final = re.compile(r"<mention-date\b([^>]*?)/?>(?:</mention-date>)?")
_ATTRIBUTE: Final = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_INLINE_CODE: Final = re.compile(r"(`+)[^`].*?\1")


def normalise(markdown: str) -> str:
    """The same text without Notion's tags for layout, colours and links."""
    lines = []
    for line, is_code in _lines(markdown):
        shown = line if is_code else _plain(line)
        if is_code or shown.strip() or not line.strip():
            lines.append(shown)
    return "\n".join(lines).strip("\n")


def user_mentions(markdown: str) -> Iterator[UserMention]:
    """Yield the people whom a text names, in their order; code and quotes left out."""
    for line, is_code in _lines(markdown):
        if is_code or line.lstrip().startswith(">"):
            continue
        spoken = _INLINE_CODE.sub("…", line)
        whole, place = _plain(spoken), 0
        for match in _LINK.finditer(spoken):
            shown = _to_link(match)
            place = max(whole.find(shown, place), 0)
            if match[1] == "mention-user" and (found := _ID.search(match[2])):
                user_id = str(UUID(found[0]))
                yield UserMention(user_id, shown, surroundings(whole, place, shown))
            place += len(shown)


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code, fences included."""
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        is_code = bool(fence or mark)
        if not fence:
            fence = mark[1] if mark else ""
        elif mark and mark[1].startswith(fence):
            fence = ""
        yield line, is_code


def _plain(line: str) -> str:
    plain = _ATTRIBUTES.sub("", _LAYOUT.sub("", line))
    return _DATE.sub(_to_date, _LINK.sub(_to_link, plain)).replace("<br>", "\\\n")


def _to_link(match: re.Match[str]) -> str:
    kind, attributes, text = match[1], dict(_ATTRIBUTE.findall(match[2])), match[3] or ""
    url = unescape(attributes.get("url") or attributes.get("src") or "")
    if kind == "mention-user":
        return f"@{text.removeprefix('@')}" if text else url
    label = text or kind
    return f"[{label}]({url.strip('{}')})" if url else label


def _to_date(match: re.Match[str]) -> str:
    told = dict(_ATTRIBUTE.findall(match[1]))
    parts = [
        " ".join(part for part in (told.get(day), told.get(time)) if part)
        for day, time in (("start", "startTime"), ("end", "endTime"))
    ]
    shown = " → ".join(part for part in parts if part)
    zone = told.get("timeZone") or told.get("time-zone")
    return f"{shown} ({zone})" if zone else shown
