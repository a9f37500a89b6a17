r"""Notion's rich text as enhanced Markdown.

https://developers.notion.com/guides/data-apis/enhanced-markdown: what is special outside of code
is escaped with a backslash, a line break is `<br>`, and what Markdown lacks is a tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from include.sandbox.collection import Json

SPECIAL = re.compile(r"([\\*~`$\[\]<>{}|^])")
NOTION_URL = "https://www.notion.so"


def to_markdown(items: Iterable[Json]) -> str:
    """Rich text on one line."""
    return "".join(item_to_markdown(item) for item in items)


def plain(items: Iterable[Json]) -> str:
    """Rich text without its marks."""
    return "".join(str(item["plain_text"]) for item in items)


def item_to_markdown(item: Json) -> str:
    """One run of rich text with its marks."""
    kind, marks = item.get("type", "text"), item.get("annotations", {})
    if kind == "equation":
        text = f"$`{item['equation']['expression']}`$"
    elif kind == "mention":
        text = mention(item["mention"], item["plain_text"])
    elif marks.get("code"):
        text = code_span(item["plain_text"])
    else:
        text = escaped(item["plain_text"])
    for name, mark in (("bold", "**"), ("italic", "*"), ("strikethrough", "~~")):
        if marks.get(name) and text:
            text = f"{mark}{text}{mark}"
    if marks.get("underline"):
        text = f'<span underline="true">{text}</span>'
    if item.get("href") and kind == "text":
        text = f"[{text}]({item['href']})"
    color = color_of(marks)
    return f'<span color="{color}">{text}</span>' if color else text


def escaped(text: str) -> str:
    """Text in which nothing is read as Markdown."""
    return SPECIAL.sub(r"\\\1", text).replace("\n", "<br>")


def code_span(text: str) -> str:
    """Literal text between as many backticks as it needs."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}".replace("\n", "<br>")


def color_of(marks: Mapping[str, Any]) -> str:
    """A color by its name in Markdown; empty for the default."""
    color = str(marks.get("color") or "default").replace("_background", "_bg")
    return "" if color in ("default", "default_bg") else color


def notion_url(object_id: str) -> str:
    """The address of a page, database or user."""
    return f"{NOTION_URL}/{object_id.replace('-', '')}"


def attributes(**values: str | None) -> str:
    """Attributes of a tag, those that are set, each with a space before it."""
    return "".join(
        f' {name.replace("_", "-")}="{escape(value)}"' for name, value in values.items() if value
    )


def mention(what: Json, shown: str) -> str:
    """A mention of a person, page, database, date, link or emoji."""
    return MENTIONS[what["type"]](what[what["type"]], shown)


def mention_of(tag: str) -> Callable[[Json, str], str]:
    """How an object is mentioned: its address, and its name as the text has it."""

    def render(value: Json, shown: str) -> str:
        return f"<{tag}{attributes(url=notion_url(value['id']))}>{escaped(shown)}</{tag}>"

    return render


def mention_date(value: Json, shown: str) -> str:
    """A date, a time, or a range of either."""
    parts: dict[str, str | None] = {}
    for name in ("start", "end"):
        day, _, time = str(value.get(name) or "").partition("T")
        parts[name], parts[f"{name}Time"] = day, time[:5]
    parts["timeZone"] = value.get("time_zone")
    return f"<mention-date{attributes(**parts)}/>"


def mention_link(value: Json, shown: str) -> str:
    """A link that the editor shows as what it leads to."""
    url = value.get("url") or value["href"]
    return f"[{escaped(value.get('title') or shown)}]({url})"


def mention_template(value: Json, shown: str) -> str:
    """What becomes a date or a person where the template is used."""
    return escaped(shown)


def mention_emoji(value: Json, shown: str) -> str:
    """An emoji of the workspace by its name."""
    return f":{value['name'].strip(':')}:"


MENTIONS: dict[str, Callable[[Json, str], str]] = {
    "user": mention_of("mention-user"),
    "page": mention_of("mention-page"),
    "database": mention_of("mention-database"),
    "data_source": mention_of("mention-data-source"),
    "date": mention_date,
    "link_preview": mention_link,
    "link_mention": mention_link,
    "template_mention": mention_template,
    "custom_emoji": mention_emoji,
}
