"""Notion's own Markdown loses its tags for layout and colour, and none of its text."""

from __future__ import annotations

import pytest

from dlt_pipelines.notion.enhanced import normalise, user_mentions


@pytest.mark.parametrize(
    "written, expected",
    [
        ("plain *text*", "plain *text*"),
        ('a <span color="red">red</span> word {color="blue"}', "a red word"),
        ("# Title {toggle=\"true\"}\n\tinside", "# Title\n\tinside"),
        ("one<br>two", "one\\\ntwo"),
        ("a\n<empty-block/>\nb", "a\nb"),
        ('<page url="https://n/1">Child</page>', "[Child](https://n/1)"),
        ('<page url="{{https://n/1}}" color="red">Child</page>', "[Child](https://n/1)"),
        ('<database url="https://n/2" inline="true">Tasks</database>', "[Tasks](https://n/2)"),
        ('see <mention-page url="https://n/3">Notes</mention-page>.', "see [Notes](https://n/3)."),
        ('<mention-user url="user://u">Ada</mention-user> said', "@Ada said"),
        ('<mention-date start="2026-03-01"/>', "2026-03-01"),
        (
            '<mention-date start="2026-03-01" startTime="10:00" end="2026-03-02" timeZone="UTC"/>',
            "2026-03-01 10:00 → 2026-03-02 (UTC)",
        ),
        ('<file src="https://f/a.pdf?x=1&amp;y=2">Plan</file>', "[Plan](https://f/a.pdf?x=1&y=2)"),
        ("<columns>\n<column>\nleft\n</column>\n<column>\nright\n</column>\n</columns>",
         "left\nright"),
        ("```html\n<span>kept</span> {a=\"b\"}\n```", "```html\n<span>kept</span> {a=\"b\"}\n```"),
        ("<something new=\"1\">kept</something>", "<something new=\"1\">kept</something>"),
    ],
)  # fmt: skip
def test_enhanced_markdown_becomes_everyones(written, expected):
    assert normalise(written) == expected


ADA = "7365f300-87da-4079-8505-740a75f2353e"
TOM = "195d2b94-a510-4a5f-93aa-b7b3f1dc4413"


def user(url, name=None):
    return f'<mention-user url="{url}"' + (f">{name}</mention-user>" if name else "/>")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"- **Ask** {user(f'user://{ADA}', '@Ada')}.", [(ADA, "@Ada", "- **Ask** @Ada.")]),
        (
            user(f"https://n/{TOM.replace('-', '')}", "Tom") + user(f"user://{ADA}", "Tom"),
            [(TOM, "@Tom", "@Tom@Tom"), (ADA, "@Tom", "@Tom@Tom")],
        ),
        (user(f"user://{ADA}"), [(ADA, f"user://{ADA}", f"user://{ADA}")]),
        (f"> {user(f'user://{ADA}', 'Ada')} said so", []),
        (f"```\n{user(f'user://{ADA}', 'Ada')}\n```", []),
        (f"`{user(f'user://{ADA}', 'Ada')}` is how", []),
        (user("user://somebody", "Ada"), []),
    ],
)
def test_people_are_named_by_their_id_outside_of_code_and_quotes(written, expected):
    assert [tuple(found) for found in user_mentions(written)] == expected
