"""Text as inline Markdown that says what it says: escapes, code spans and links."""

from __future__ import annotations

import re
from urllib.parse import quote

NOTION_URL = "https://www.notion.so"


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


def escape(text: str, *, in_brackets: bool = False) -> str:
    """Escape what would be read as inline Markdown."""
    special = _SPECIAL_IN_BRACKETS if in_brackets else _SPECIAL
    return special.sub(lambda match: "".join(f"\\{char}" for char in match[0]), text)


def guard(text: str) -> str:
    """Escape what would start a block: at the start of a line, or a link definition."""
    if _DEFINITION.match(text):
        text = f"\\{text}"
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    return "\n".join(_guard_line(line) for line in lines)


def _guard_line(line: str) -> str:
    match = _LINE_START.match(line)
    return f"{match[0]}\\{line[match.end() :]}" if match else line


def newlines(text: str) -> str:
    """A text with one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def link_to(label: str, url: str) -> str:
    """A link; the label is Markdown already."""
    return f"[{label}]({_destination(url)})"


def _destination(url: str) -> str:
    url = f"{NOTION_URL}{url}" if url.startswith("/") else url
    url = re.sub(r"&(?=#?\w+;)", "&amp;", url)
    return re.sub(r"[\s\x00-\x1f\x7f<>()\\`]", lambda match: quote(match[0]), url)


def is_autolink(url: str) -> bool:
    """Whether a URL can be written between angle brackets, as it is."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", url)) and _destination(url) == url


def page_url(object_id: str) -> str:
    """The address of a page, database or block."""
    return f"{NOTION_URL}/{object_id.replace('-', '')}"


def code_span(text: str) -> str:
    """A text as it is, between as many backticks as it needs."""
    text = text.replace("\n", " ")
    fence = backticks(text, at_least=1)
    pad = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def backticks(text: str, *, at_least: int) -> str:
    """More backticks in a row than the text has."""
    return "`" * max([at_least, *(len(run) + 1 for run in re.findall("`+", text))])
