"""The renderer against golden text, the recorded corpus, the contract and a real parser.

The judge of "no text lost, no style changed" is markdown-it: what it reads must be what we wrote.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dlt_pipelines.notion.markdown import RENDERERS, render_markdown, user_mentions
from dlt_pipelines.notion.rich_text import plain_text, rich_text_to_markdown

SHARED = Path(os.environ.get("HEADWATER_SHARED", Path(__file__).parents[4] / "shared"))
PARSER = MarkdownIt("commonmark", {"maxNesting": 10_000}).enable(["table", "strikethrough"])
STYLES = ["bold", "italic", "strikethrough"]
SEPARATOR = "<!-- -->"
PAGE_ID = "1a2b3c4d-0000-4000-8000-00000000000f"
PAGE_URL = "https://www.notion.so/1a2b3c4d00004000800000000000000f"
SIGNED_URL = "https://files.example/abc/gauge%20map.png?X-Amz-Signature=secret"


def shared_file(path: str) -> Path:
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not in {SHARED}: set HEADWATER_SHARED to the folder that has it")
    return SHARED / path


def text(content: str, *marks: str, link: str | None = None) -> dict[str, Any]:
    return {
        "type": "text",
        "text": {"content": content, "link": {"url": link} if link else None},
        "annotations": {mark: mark in marks for mark in [*STYLES, "underline", "code"]},
        "plain_text": content,
        "href": link,
    }


def mention(kind: str, value: Any, shown: str, href: str | None = None) -> dict[str, Any]:
    return {
        "type": "mention",
        "mention": {"type": kind, kind: value},
        "plain_text": shown,
        "href": href,
    }


def equation(expression: str) -> dict[str, Any]:
    return {"type": "equation", "equation": {"expression": expression}, "plain_text": expression}


def block(kind: str, content: Any = None, /, *children: Any, **payload: Any) -> dict[str, Any]:
    if content is not None:
        rich_text = [text(content)] if isinstance(content, str) else content
        payload = {"rich_text": rich_text, **payload}
    made: dict[str, Any] = {"object": "block", "type": kind, kind: payload}
    return {**made, "children": list(children)} if children else made


def p(content: Any, *children: Any) -> dict[str, Any]:
    return block("paragraph", content, *children)


def bullet(content: Any, *children: Any) -> dict[str, Any]:
    return block("bulleted_list_item", content, *children)


def numbered(content: Any, *children: Any, **payload: Any) -> dict[str, Any]:
    return block("numbered_list_item", content, *children, **payload)


def table(*rows: list[Any], column_header: bool = True, row_header: bool = False) -> dict[str, Any]:
    cells = [[[text(c)] if isinstance(c, str) else c for c in row] for row in rows]
    return block(
        "table",
        None,
        *(block("table_row", cells=row) for row in cells),
        has_column_header=column_header,
        has_row_header=row_header,
    )


def hosted(url: str = SIGNED_URL) -> dict[str, Any]:
    return {"type": "file", "file": {"url": url, "expiry_time": "2026-11-21T00:00:00.000Z"}}


def external(url: str) -> dict[str, Any]:
    return {"type": "external", "external": {"url": url}}


BLOCKS = {
    "paragraph": ([p("One"), p("Two\nlines")], "One\n\nTwo\\\nlines"),
    "paragraph with children": ([p("One", p("inside"))], "One\n\ninside"),
    "empty paragraphs": ([p(""), p("One"), p("  "), p("Two")], "One\n\nTwo"),
    "headings": (
        [block(f"heading_{n}", f"H{n}") for n in (1, 2, 3, 4)],
        "# H1\n\n## H2\n\n### H3\n\n#### H4",
    ),
    "heading on one line": ([block("heading_1", "a\n- b #")], "# a - b \\#"),
    "heading of hashes": ([block("heading_2", "##")], "## \\##"),
    "heading without text": ([block("heading_3", "")], "###"),
    "toggleable heading": (
        [block("heading_1", "Log", p("inside"), is_toggleable=True)],
        "# Log\n\ninside",
    ),
    "nested bullets": (
        [bullet("a", bullet("b", bullet("c")), bullet("d")), bullet("e")],
        "- a\n  - b\n    - c\n  - d\n- e",
    ),
    "bullet with a paragraph": ([bullet("a", p("b")), bullet("c")], "- a\n\n  b\n- c"),
    "bullet of two lines": ([bullet("a\nb")], "- a\\\n  b"),
    "bullet without text": ([bullet("", bullet("a")), bullet("")], "-\n  - a\n-"),
    "bullet with an empty bullet": ([bullet("a", bullet(""))], "- a\n\n  -"),
    "bullet with code": (
        [bullet("a", block("code", "x\n\ny", language="sql"))],
        "- a\n\n  ```sql\n  x\n\n  y\n  ```",
    ),
    "numbers grow": (
        [numbered(str(n), bullet("in")) if n > 8 else numbered(str(n)) for n in range(1, 11)],
        "\n".join(f"{n}. {n}" for n in range(1, 9)) + "\n9. 9\n   - in\n10. 10\n    - in",
    ),
    "numbers start where told": (
        [numbered("a", list_start_index=4), numbered("b")],
        "4. a\n5. b",
    ),
    "nested numbers that start late": (
        [numbered("a", numbered("b", list_start_index=3))],
        "1. a\n\n   3. b",
    ),
    "numbers start again": (
        [numbered("a"), p(""), numbered("b")],
        f"1. a\n\n{SEPARATOR}\n\n1. b",
    ),
    "numbers after a paragraph": (
        [numbered("a"), numbered("b"), p("then"), numbered("c")],
        "1. a\n2. b\n\nthen\n\n1. c",
    ),
    "bullets after numbers": ([numbered("a"), bullet("b")], "1. a\n\n- b"),
    "to-dos": (
        [block("to_do", "a", bullet("b"), checked=False), block("to_do", "c", checked=True)],
        "- [ ] a\n  - b\n- [x] c",
    ),
    "a box typed by hand": ([bullet("[x] done")], "- \\[x] done"),
    "toggle": ([block("toggle", "More", p("inside"))], "- More\n\n  inside"),
    "quote": ([block("quote", "a\nb", bullet("c"))], "> a\\\n> b\n>\n> - c"),
    "two quotes": ([block("quote", "a"), block("quote", "b")], "> a\n\n> b"),
    "callout": (
        [block("callout", "Mind", p("this"), icon={"type": "emoji", "emoji": "💡"})],
        "> [!NOTE]\n> 💡 Mind\n>\n> this",
    ),
    "callout with the team's emoji": (
        [block("callout", "x", icon={"type": "custom_emoji", "custom_emoji": {"name": "gauge"}})],
        "> [!NOTE]\n> :gauge: x",
    ),
    "callout without an icon": ([block("callout", "# x", icon=None)], "> [!NOTE]\n> \\# x"),
    "callout without a text": ([block("callout", "", p("x"))], "> [!NOTE]\n>\n> x"),
    "quote like a callout": ([block("quote", "[!NOTE]", p("x"))], "> \\[!NOTE]\n>\n> x"),
    "code": (
        [block("code", "select *\nfrom x", language="sql", caption=[text("All of it")])],
        "```sql\nselect *\nfrom x\n```\n\nAll of it",
    ),
    "code with a fence": (
        [block("code", "```\nx\n```", language="markdown")],
        "````markdown\n```\nx\n```\n````",
    ),
    "code without a language": ([block("code", "x", language="plain text")], "```\nx\n```"),
    "code in a language of two words": (
        [block("code", "x", language="visual basic")],
        "```visual-basic\nx\n```",
    ),
    "equation": ([block("equation", expression="e = mc^2")], "$$\ne = mc^2\n$$"),
    "equation that Markdown would damage": (
        [block("equation", expression="a &= b \\\\\n- c*d*e")],
        "```math\na &= b \\\\\n- c*d*e\n```",
    ),
    "divider": ([p("a"), block("divider"), p("b")], "a\n\n***\n\nb"),
    "table": (
        [table(["River", "Level"], ["a|b", "1\n2"])],
        "| River | Level |\n| --- | --- |\n| a\\|b | 1<br>2 |",
    ),
    "table with both headers": (
        [table(["River", "Level"], [[text("Tay", "bold")], "1"], ["Dee"], row_header=True)],
        "| **River** | Level |\n| --- | --- |\n| **Tay** | 1 |\n| **Dee** |  |",
    ),
    "table without a header": (
        [table(["a", "b"], column_header=False)],
        "|  |  |\n| --- | --- |\n| a | b |",
    ),
    "table without rows": ([block("table", has_column_header=True)], ""),
    "rows without a table": ([block("table_row", cells=[[text("a")], [text("b")]])], "a | b"),
    "hosted image": (
        [block("image", **hosted(), caption=[text("A [map]")])],
        "![A \\[map\\]](https://files.example/abc/gauge%20map.png)",
    ),
    "external image": (
        [block("image", **external("https://x.example/a.png?size=2"))],
        "![](https://x.example/a.png?size=2)",
    ),
    "image with a linked caption": (
        [block("image", **external("https://x.example/a"), caption=[text("by", link="https://y")])],
        "![[by](https://y)](https://x.example/a)",
    ),
    "image without an address": ([block("image", caption=[text("# lost")])], "\\# lost"),
    "file": (
        [block("file", **hosted(), name="map.png", caption=[text("the map")])],
        "[map.png](https://files.example/abc/gauge%20map.png) — the map",
    ),
    "pdf": (
        [block("pdf", **hosted("https://files.example/a%20b.pdf?sig=1"))],
        "[a b.pdf](https://files.example/a%20b.pdf)",
    ),
    "video": (
        [block("video", **external("https://v.example/watch?v=1"), caption=None)],
        "[video](https://v.example/watch?v=1)",
    ),
    "audio without an address": ([block("audio", type="file", file=None)], "audio"),
    "bookmark": (
        [block("bookmark", url="https://x.example/a_b", caption=[text("why")])],
        "<https://x.example/a_b> — why",
    ),
    "embed": (
        [block("embed", url="https://x.example/a (b)")],
        "[https://x.example/a (b)](https://x.example/a%20%28b%29)",
    ),
    "link preview": ([block("link_preview", url="https://x.example")], "<https://x.example>"),
    "columns": (
        [block("column_list", None, block("column", None, p("a")), block("column", None, p("b")))],
        "a\n\nb",
    ),
    "synced block": ([block("synced_block", None, p("a"), synced_from=None)], "a"),
    "synced block whose original is not shared": (
        [block("synced_block", synced_from={"type": "block_id", "block_id": PAGE_ID})],
        f"[Synced block]({PAGE_URL})",
    ),
    "child page": (
        [{**block("child_page", title="Plan [2026]"), "id": PAGE_ID}],
        f"[Plan \\[2026\\]]({PAGE_URL})",
    ),
    "child database without a title": (
        [{**block("child_database", title=""), "id": PAGE_ID}],
        f"[Untitled]({PAGE_URL})",
    ),
    "link to a page": (
        [block("link_to_page", type="page_id", page_id=PAGE_ID)],
        f"[Linked page]({PAGE_URL})",
    ),
    "link to a comment": (
        [block("link_to_page", type="comment_id", comment_id=PAGE_ID)],
        f"Linked comment {PAGE_ID}",
    ),
    "navigation": ([block("table_of_contents"), block("breadcrumb")], ""),
    "template": ([block("template", "New entry", block("to_do", "a"))], "New entry\n\n- [ ] a"),
    "meeting notes": (
        [
            block(
                "meeting_notes",
                None,
                p("We met"),
                title=[text("Weekly")],
                calendar_event={"start_time": "2026-11-02T09:00Z", "end_time": "2026-11-02T10:00Z"},
            )
        ],
        "**Weekly** 2026-11-02T09:00Z → 2026-11-02T10:00Z\n\nWe met",
    ),
    "transcription": ([block("transcription", None, p("Hello"))], "Hello"),
    "tab": (
        [block("tab", None, p("First", p("a")), p("Second", p("b")))],
        "First\n\na\n\nSecond\n\nb",
    ),
    "unsupported": ([block("unsupported", block_type="form")], "[unsupported block: form]"),
    "unknown": (
        [block("hologram", "in *3D*", p("and below"), color="red", caption=[text("wow")])],
        "[unsupported block: hologram]\n\nin \\*3D\\*\n\nwow\n\nand below",
    ),
    "no type": ([{}], "[unsupported block: unknown]"),
    "nothing": ([], ""),
}


@pytest.mark.parametrize(("blocks", "expected"), BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks_render_as(blocks, expected):
    assert render_markdown(blocks) == expected


RICH_TEXTS = {
    "none": (None, ""),
    "empty": ([], ""),
    "item without anything": ([{}], ""),
    "marks": (
        [text("b", "bold"), text(" "), text("i", "italic"), text(" "), text("s", "strikethrough")],
        "**b** *i* ~~s~~",
    ),
    "underline is dropped": ([text("u", "underline")], "u"),
    "neighbours merge": ([text("a", "bold"), text("b", "bold", "underline")], "**ab**"),
    "spaces stay outside": ([text("a"), text(" b ", "bold"), text("c")], "a **b** c"),
    "spaces between bold words": ([text("a ", "bold"), text("b", "bold", "italic")], "**a *b***"),
    "only spaces": ([text("a"), text("  ", "bold"), text("b")], "a  b"),
    "wider mark outside": (
        [text("a", "bold", "italic"), text(" b", "italic"), text(" c")],
        "***a** b* c",
    ),
    "overlapping marks": (
        [text("a", "bold"), text(" b ", "bold", "italic"), text("c", "italic")],
        "**a *b*** *c*",
    ),
    "bold that comes back": (
        [text("a", "bold", "italic"), text("b", "italic"), text("c", "bold", "italic")],
        f"*{SEPARATOR}**a**b**c***",
    ),
    "linked code that would define a link": (
        [text("x]: y", "code", link="https://x")],
        "[x\\]: y](https://x)",
    ),
    "inside a word": ([text("un", "italic"), text("believable")], "*un*believable"),
    "punctuation before a word": (
        [text("Note:", "bold"), text("text")],
        f"**Note:**{SEPARATOR}text",
    ),
    "punctuation before a space": ([text("Note:", "bold"), text(" text")], "**Note:** text"),
    "markers do not touch": (
        [text("a", "bold"), text("b", "italic")],
        f"**a**{SEPARATOR}*b*",
    ),
    "code": ([text("a*b", "code"), text(" and "), text("x`y`", "code")], "`a*b` and `` x`y` ``"),
    "bold code": ([text("x", "code", "bold"), text(" y")], "**`x`** y"),
    "code on two lines": ([text("a\n# b", "code")], "`a # b`"),
    "equation": ([text("so "), equation("\\frac{a_1}{b}"), text(" is")], "so $\\frac{a_1}{b}$ is"),
    "equation that Markdown would damage": ([equation("a*b*c")], "$`a*b*c`$"),
    "equations side by side": ([equation("a"), equation("b")], f"$a${SEPARATOR}$b$"),
    "link": ([text("see "), text("docs", "bold", link="https://x")], "see [**docs**](https://x)"),
    "link in two styles": (
        [text("a ", link="https://x"), text("b", "italic", link="https://x")],
        "[a *b*](https://x)",
    ),
    "spaces stay outside of a link": (
        [text(" a ", link="https://x"), text("b")],
        "[a](https://x) b",
    ),
    "link of itself": ([text("https://x/a_b", link="https://x/a_b")], "<https://x/a_b>"),
    "link within Notion": (
        [text("it", link=f"/{PAGE_ID.replace('-', '')}")],
        f"[it]({PAGE_URL})",
    ),
    "link with brackets": (
        [text("a]b[", link="https://x/(y) z")],
        "[a\\]b\\[](https://x/%28y%29%20z)",
    ),
    "link that would be an image": (
        [text("wow!"), text("a", link="https://x")],
        "wow\\![a](https://x)",
    ),
    "user": ([mention("user", {"id": "1"}, "@Ana")], "@Ana"),
    "user without a text": ([mention("user", {"id": "1", "name": "Ana"}, "")], "@Ana"),
    "page": ([mention("page", {"id": PAGE_ID}, "Plan", PAGE_URL)], f"[Plan]({PAGE_URL})"),
    "database": ([mention("database", {"id": PAGE_ID}, "")], f"[Untitled]({PAGE_URL})"),
    "date": ([mention("date", {"start": "2026-11-02", "end": None}, "x")], "2026-11-02"),
    "dates": (
        [mention("date", {"start": "2026-11-02", "end": "2026-11-04", "time_zone": "UTC"}, "x")],
        "2026-11-02 → 2026-11-04 (UTC)",
    ),
    "link preview": ([mention("link_preview", {"url": "https://x"}, "https://x")], "<https://x>"),
    "link mention": (
        [mention("link_mention", {"href": "https://x", "title": "X"}, "https://x")],
        "[X](https://x)",
    ),
    "custom emoji": ([mention("custom_emoji", {"name": "gauge"}, "")], ":gauge:"),
    "template mention": (
        [
            mention(
                "template_mention",
                {"type": "template_mention_date", "template_mention_date": "today"},
                "",
            )
        ],
        "@today",
    ),
    "unknown mention": ([mention("planet", {}, "Mars")], "Mars"),
    "unknown item": ([{"type": "smell", "plain_text": "lilac"}], "lilac"),
}


@pytest.mark.parametrize(("rich_text", "expected"), RICH_TEXTS.values(), ids=RICH_TEXTS.keys())
def test_rich_text_renders_as(rich_text, expected):
    assert rich_text_to_markdown(rich_text) == expected


@pytest.mark.parametrize(
    "readable",
    [
        "#12 and ENG-3, 50% of $5, a < b > c, 2 * 3, R&D",
        "snake_case_name in C:\\Users, ~/path, [draft] (new) a|b",
        "https://x.example/a_b?c=d&e=f#g",
        "Really! 1.5 - maybe + more = 3.",
    ],
)
def test_readable_text_is_not_escaped(readable):
    assert rich_text_to_markdown([text(readable)]) == readable


@pytest.mark.parametrize(
    "written, escaped",
    [
        ("*a* _b_ ~~c~~ `d`", "\\*a\\* \\_b_ \\~\\~c\\~\\~ \\`d\\`"),
        ("<b> &amp; [a](b)", "\\<b> \\&amp; [a\\](b)"),
        ("# a\n- b\n+ c\n* d\n12. e\n> f", "\\# a\\\n\\- b\\\n\\+ c\\\n\\* d\\\n12\\. e\\\n\\> f"),
        ("a\n---", "a\\\n\\---"),
        ("a\n===", "a\\\n\\==="),
        ("a | b\n--- | ---", "a | b\\\n\\--- | ---"),
        ("[a]: b", "\\[a]: b"),
        ("a\\", "a\\\\"),
        ("\\*", "\\\\\\*"),
    ],
)
def test_text_that_looks_like_markdown_is_escaped(written, escaped):
    assert rich_text_to_markdown([text(written)]) == escaped
    assert read_text(escaped) == squash(written)


def test_people_are_named_wherever_somebody_speaks():
    ada, tom = (mention("user", {"object": "user", "id": name}, f"@{name}") for name in "at")
    coded = mention("user", {"object": "user", "id": "c"}, "@c") | {"annotations": {"code": True}}
    found = user_mentions(
        [
            p([text("Ask "), ada, text(" or\n"), tom, coded], bullet([tom])),
            block("quote", [ada], p([ada])),
            block("code", [ada]),
            block("callout", [ada]),
            block("image", caption=[tom], **external("https://e/1.png")),
            table([[ada], "x"], [[], [tom]]),
            p([mention("page", {"id": "p"}, "Page"), mention("user", {}, "@nobody")]),
        ]
    )
    assert [tuple(person) for person in found] == [
        ("a", "@a", "Ask @a or"),
        ("t", "@t", "@t@c"),
        ("t", "@t", "@t"),
        ("a", "@a", "@a"),
        ("t", "@t", "@t"),
        ("a", "@a", "@a"),
        ("t", "@t", "@t"),
    ]


def test_what_stands_around_is_cut():
    ada = mention("user", {"object": "user", "id": "a"}, "@a")
    (found,) = user_mentions([p([text("x" * 200), ada, text("y" * 200)])])
    assert found.evidence == "x" * 80 + "@a" + "y" * 80


def test_plain_text_has_no_formatting():
    parts = [text("a*b ", "bold"), mention("user", {}, "@Ana"), equation("x^2"), {}]
    assert plain_text(parts) == "a*b @Anax^2"
    assert plain_text([{"type": "text", "text": {"content": "only content"}}]) == "only content"
    assert plain_text(None) == ""


def test_list_nesting_is_read_back_by_a_parser():
    tree = [
        numbered("a", *(numbered(f"b{n}", bullet("c", p("d"))) for n in range(11))),
        bullet("e"),
    ]
    depth, found = 0, []
    for token in PARSER.parse(render_markdown(tree)):
        depth += token.nesting if token.type.startswith("list_item") else 0
        if token.type == "inline":
            found.append((depth, token.content))
    middle = [row for n in range(11) for row in ((2, f"b{n}"), (3, "c"), (3, "d"))]
    assert found == [(1, "a"), *middle, (1, "e")]


@pytest.mark.parametrize("kind", ["bulleted_list_item", "quote", "toggle", "column", "hologram"])
def test_blocks_nested_200_deep_render(kind):
    tree = p("bottom")
    for _ in range(200):
        tree = block(kind, "", tree)
    assert render_markdown([tree]).endswith("bottom")


@pytest.mark.parametrize("block_type", sorted(RENDERERS))
def test_missing_fields_survive(block_type):
    nulls = dict.fromkeys(["rich_text", "caption", "icon", "title", "url", "cells", "language"])
    child = p("kept")
    for payload in (None, {}, nulls):
        markdown = render_markdown([{"type": block_type, block_type: payload, "children": [child]}])
        assert "kept" in markdown
        render_markdown([{"type": block_type, block_type: payload, "children": None}])


def test_every_block_of_the_corpus_renders():
    path = shared_file("corpus/notion/notion-sdk-py/blocks.jsonl")
    blocks = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(blocks) == 91
    for one in blocks:
        markdown = render_markdown([one])
        for said in said_in(one):
            assert squash(said) in read_text(markdown)


def test_every_type_of_the_contract_renders_without_a_placeholder():
    contract = json.loads(shared_file("contracts/notion/BlockObjectResponse.json").read_text())
    definitions = contract["definitions"]
    rendered_types = set()
    for schema in definitions["BlockObjectResponse"]["anyOf"]:
        validator = jsonschema.Draft7Validator({**schema, "definitions": definitions})
        for sample in samples(schema, definitions):
            validator.validate(sample)
            markdown = render_markdown([sample])
            assert ("[unsupported block" in markdown) == (sample["type"] == "unsupported")
            payload = sample[sample["type"]]
            for item in payload.get("rich_text") or payload.get("caption") or []:
                assert item["plain_text"] in markdown
            rendered_types.add(sample["type"])
    assert rendered_types == set(RENDERERS)


def samples(schema: dict[str, Any], definitions: dict[str, Any]) -> list[Any]:
    """Return minimal values of a schema, one for each alternative anywhere in it."""
    if "$ref" in schema:
        return samples(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return [value for part in schema["anyOf"] for value in samples(part, definitions)]
    if "const" in schema or "enum" in schema:
        return [schema["const"] if "const" in schema else schema["enum"][0]]
    match schema["type"]:
        case "object":
            properties = schema.get("properties", {})
            values = {key: samples(part, definitions) for key, part in properties.items()}
            longest = max((len(v) for v in values.values()), default=1)
            return [{k: v[i % len(v)] for k, v in values.items()} for i in range(longest)]
        case "array":
            return [samples(schema["items"], definitions)]
        case "string" | ["string", "null"]:
            return ["words"]
        case "number":
            return [1]
        case "boolean":
            return [True]
        case "null":
            return [None]
    raise AssertionError(f"no sample for {schema}")


# Random text and trees, judged by a parser

SNIPPETS = [
    *"*_~`[]()<>!#+-=|:.\\&$\"'^{}1aZé界。 \t\n",
    "🎉",
    "**",
    "```",
    "~~",
    "](",
    "<b>",
    "<!--",
]
SNIPPETS += [
    "&amp;",
    "&#35;",
    "1. ",
    "- ",
    "# ",
    "> ",
    "---",
    "[x] ",
    "word",
    "two words",
    "\u00a0",
]
nasty_text = st.lists(st.sampled_from(SNIPPETS), max_size=8).map("".join)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
contents = nasty_text | any_text
links = st.sampled_from([None, None, None, "https://x.example/a", "https://x.example/b"])
items = st.builds(
    lambda content, marks, link: text(content, *marks, link=link),
    contents,
    st.sets(st.sampled_from([*STYLES, "code", "underline"]), max_size=3),
    links,
)
rich_texts = st.lists(items, max_size=5)
icons = st.sampled_from([None, {"type": "emoji", "emoji": "💡"}])
text_blocks = st.builds(
    block,
    st.sampled_from(
        [
            *("paragraph", "heading_1", "heading_4", "quote", "callout", "template", "toggle"),
            *("bulleted_list_item", "numbered_list_item", "to_do", "code", "hologram"),
        ]
    ),
    rich_texts,
    icon=icons,
    checked=st.booleans(),
    language=st.sampled_from(["sql", "plain text", None]),
    list_start_index=st.sampled_from([None, None, 0, 1, 7]),
)
captioned_blocks = st.builds(
    lambda kind, caption, file: block(kind, caption=caption, url="https://x.example/a", **file),
    st.sampled_from(["image", "file", "pdf", "video", "audio", "bookmark", "embed"]),
    rich_texts,
    st.sampled_from([hosted(), external("https://x.example/a_b(c)"), {}]),
)
titled_blocks = st.builds(
    lambda kind, title: block(kind, title=title),
    st.sampled_from(["child_page", "child_database"]),
    contents,
) | st.builds(lambda title: block("meeting_notes", title=title), rich_texts)
empty_blocks = st.sampled_from(["divider", "column_list", "column", "synced_block", "tab"]).map(
    block
)
tables = st.builds(
    lambda rows, column, row: table(*rows, column_header=column, row_header=row),
    st.lists(st.lists(rich_texts, max_size=3), max_size=3),
    st.booleans(),
    st.booleans(),
)
parents = text_blocks | captioned_blocks | titled_blocks | empty_blocks
trees = st.lists(
    st.recursive(
        parents | tables,
        lambda inner: st.builds(
            lambda parent, children: {**parent, "children": children},
            parents,
            st.lists(inner, min_size=1, max_size=4),
        ),
        max_leaves=12,
    ),
    max_size=4,
)
RANDOM = settings(
    max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@RANDOM
@given(trees)
def test_random_trees_lose_no_text(blocks):
    found = read_text(render_markdown(blocks))
    for said in said_in(blocks):
        assert squash(said) in found


@RANDOM
@given(rich_texts)
def test_random_rich_text_is_read_back_with_its_marks_and_links(rich_text):
    linked_code = [i for i in rich_text if i["href"] and i["annotations"]["code"]]
    assume(not any("]" in item["plain_text"] for item in linked_code))  # see the case above
    written = [
        (char, frozenset(m for m in [*STYLES, "code"] if item["annotations"][m]), item["href"])
        for item in rich_text
        for char in item["plain_text"]
        if not char.isspace()
    ]
    assert read_styles(rich_text_to_markdown(rich_text)) == written


@RANDOM
@given(st.lists(contents, max_size=6), st.sampled_from([bullet, numbered]))
def test_random_lists_keep_their_items(lines, item):
    tokens = PARSER.parse(render_markdown([item(line, bullet("in")) for line in lines]))
    assert sum(token.type == "list_item_open" for token in tokens) == 2 * len(lines)
    assert sum(token.type.endswith("list_open") for token in tokens) == len(lines) + bool(lines)


def said_in(value: Any) -> list[str]:
    """Return every text of a tree: of rich text items, and titles that are plain strings."""
    if isinstance(value, list):
        return [said for part in value for said in said_in(part)]
    if not isinstance(value, dict):
        return []
    if "plain_text" in value:
        return [value["plain_text"]]
    title = [value["title"]] if isinstance(value.get("title"), str) else []
    return title + [said for part in value.values() for said in said_in(part)]


def squash(content: str) -> str:
    return " ".join(content.split())


def read_text(markdown: str) -> str:
    """Return all text that a CommonMark parser finds, blocks separated by a space."""
    texts = []
    for token in PARSER.parse(markdown):
        if token.type == "html_block":
            assert token.content.strip() == SEPARATOR
        elif token.type == "inline":
            texts.append(inline_text(token.children or []))
        else:
            texts.append(token.content)
    return squash(" ".join(texts))


def inline_text(tokens: list[Token]) -> str:
    text = ""
    for token in tokens:
        if token.type == "html_inline":
            assert token.content in (SEPARATOR, "<br>")
            text += " " if token.content == "<br>" else ""
        elif token.type == "image":
            text += inline_text(token.children or [])
        else:
            text += " " if token.type.endswith("break") else token.content
    return text


def read_styles(markdown: str) -> list[tuple[str, frozenset[str], str | None]]:
    """Return what a parser reads: each character with its marks and its link."""
    names = {"strong": "bold", "em": "italic", "s": "strikethrough"}
    found, marks, link = [], set(), None
    for paragraph in PARSER.parse(markdown):
        assert paragraph.type in ("paragraph_open", "inline", "paragraph_close")
        for token in paragraph.children or []:
            name, _, end = token.type.rpartition("_")
            if name == "link":
                link = token.attrs["href"] if end == "open" else None
            elif name in names:
                (marks.add if end == "open" else marks.remove)(names[name])
            elif token.type == "html_inline":
                assert token.content == SEPARATOR
            else:
                code = {"code"} if token.type == "code_inline" else set()
                style = frozenset(marks | code)
                found += [(char, style, link) for char in token.content if not char.isspace()]
    return found
