"""Notion's enhanced Markdown, as its Markdown endpoint writes it, in the Markdown of everyone else.

https://developers.notion.com/guides/data-apis/enhanced-markdown. What is only layout or colour is
dropped; what names something becomes a link; every text stays. What is not known here stays as it
is. Code is not touched.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

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


def normalise(markdown: str) -> str:
    """The same text without Notion's tags for layout, colours and links."""
    lines: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            fence = "" if mark and mark[1].startswith(fence) else fence
            continue
        if mark:
            fence = mark[1]
            lines.append(line)
            continue
        plain = _ATTRIBUTES.sub("", _LAYOUT.sub("", line))
        plain = _DATE.sub(_to_date, _LINK.sub(_to_link, plain)).replace("<br>", "\\\n")
        if plain.strip() or not line.strip():
            lines.append(plain)
    return "\n".join(lines).strip("\n")


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
