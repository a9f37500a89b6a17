"""The sandbox renders pages as Notion's enhanced Markdown."""

from typing import Any

import pytest

from include.sandbox import Limits, Workspace
from tests.include.sandbox.notion_workspaces import block, lines, mention, text, words, written
from tests.workspaces import below, notion, page, uuid

PAGE = page("Page")
LINK = f"https://www.notion.so/{PAGE['id'].replace('-', '')}"


def answer(client: Any, object_id: str = PAGE["id"], **parameters: str) -> dict[str, Any]:
    response = client.get(f"/pages/{object_id}/markdown", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    del body["request_id"]
    return body


def markdown(client: Any, object_id: str = PAGE["id"], **parameters: str) -> str:
    return str(answer(client, object_id, **parameters)["markdown"])


def test_a_page_is_answered_whole(serve_notion):
    client = serve_notion(written(*lines(PAGE, "One", "Two")))
    assert answer(client) == {
        "object": "page_markdown",
        "id": PAGE["id"],
        "markdown": "One\nTwo",
        "truncated": False,
        "unknown_block_ids": [],
    }


def test_a_page_without_blocks_is_empty(serve_notion):
    assert markdown(serve_notion(written())) == ""


def test_lists_are_nested_by_tabs_and_numbers_begin_anew_after_a_paragraph(serve_notion):
    first = block("bulleted_list_item", PAGE, "First")
    second = block("numbered_list_item", first, "Second")
    third = block("to_do", second, "Third", rich_text=[text("Third")], checked=True, color="blue")
    client = serve_notion(
        written(
            first,
            second,
            third,
            words(third, "Below"),
            block("numbered_list_item", PAGE, "A"),
            block("numbered_list_item", PAGE, "B"),
            words(PAGE, "Between"),
            block("numbered_list_item", PAGE, "C"),
        )
    )
    assert markdown(client).split("\n") == [
        "- First",
        "\t1. Second",
        '\t\t- [x] Third {color="blue"}',
        "\t\t\tBelow",
        "1. A",
        "2. B",
        "Between",
        "1. C",
    ]


def test_text_keeps_its_marks_and_is_escaped_outside_of_code(serve_notion):
    client = serve_notion(
        written(
            words(
                PAGE,
                "Marks",
                text("bold", bold=True),
                text(" * ["),
                text("a`b*", code=True),
                text("both", bold=True, italic=True),
                text("gone", strikethrough=True),
                text("under", underline=True),
                text("blue", color="blue_background"),
                text("here", href="https://gauge.example/a"),
                text("\nnew line"),
                color="red",
            ),
            words(PAGE, "Nothing") | {"paragraph": empty()},
        )
    )
    assert markdown(client).split("\n") == [
        (
            "**bold** \\* \\[``a`b*``***both***~~gone~~"
            '<span underline="true">under</span><span color="blue_bg">blue</span>'
            '[here](https://gauge.example/a)<br>new line {color="red"}'
        ),
        "<empty-block/>",
    ]


def empty() -> dict[str, Any]:
    return {"rich_text": [], "color": "default", "icon": None}


def test_mentions_lead_to_what_they_mention(serve_notion):
    date = {"start": "2026-03-01T09:30:00.000+01:00", "end": "2026-03-02", "time_zone": None}
    emoji = {"id": uuid("emoji"), "name": "gauge", "url": "https://images.example/gauge.png"}
    client = serve_notion(
        written(
            words(
                PAGE,
                "Mentions",
                mention("page", {"id": PAGE["id"]}, "Page"),
                mention("user", {"object": "user", "id": PAGE["id"]}, "@Ada"),
                mention("date", date, "1 March"),
                mention("custom_emoji", emoji, ":gauge:"),
                mention("link_mention", {"href": "https://a.example", "title": "A"}, "a.example"),
                text("x^2") | {"type": "equation", "equation": {"expression": "x^2"}},
            )
        )
    )
    assert markdown(client) == (
        f'<mention-page url="{LINK}">Page</mention-page>'
        f'<mention-user url="{LINK}">@Ada</mention-user>'
        '<mention-date start="2026-03-01" startTime="09:30" end="2026-03-02"/>'
        ":gauge:[A](https://a.example)$`x^2`$"
    )


def test_what_markdown_lacks_is_a_tag(serve_notion):
    toggle = block("toggle", PAGE, "Why")
    heading = block(
        "heading_4", PAGE, "H", rich_text=[text("H")], color="default", is_toggleable=True
    )
    icon = {"type": "emoji", "emoji": "⚠️"}
    callout = block(
        "callout", PAGE, "Care", rich_text=[text("Care")], color="gray_background", icon=icon
    )
    table = block("table", PAGE, "T", table_width=2, has_column_header=True, has_row_header=False)
    columns = block("column_list", PAGE, "C")
    column = block("column", columns, "C1", width_ratio=0.25)
    client = serve_notion(
        written(
            toggle,
            words(toggle, "Because"),
            heading,
            words(heading, "Under"),
            callout,
            words(callout, "More"),
            table,
            block("table_row", table, "R", cells=[[text("a|b")], []]),
            columns,
            column,
            words(column, "Narrow"),
            block("divider", PAGE),
            block("equation", PAGE, expression="a\n= b"),
            block("code", PAGE, rich_text=[text("```\n*")], caption=[], language="bash"),
        )
    )
    assert markdown(client).split("\n") == [
        *("<details>", "<summary>Why</summary>", "\tBecause", "</details>"),
        *('#### H {toggle="true"}', "\tUnder"),
        *('<callout icon="⚠️" color="gray_bg">', "\tCare", "\tMore", "</callout>"),
        *('<table header-row="true">', "<tr>", "<td>a\\|b</td>", "<td></td>", "</tr>", "</table>"),
        *("<columns>", '\t<column ratio="25">', "\t\tNarrow", "\t</column>", "</columns>"),
        *("---", "$$", "a", "= b", "$$"),
        *("````bash", "```", "*", "````"),
    ]


def test_files_show_where_they_are_and_hosted_ones_are_signed(serve_notion):
    linked = {"type": "external", "external": {"url": "https://a.example/a.png"}}
    hosted = {"url": "https://files.example/b.pdf?old", "expiry_time": "2026-01-01T00:00:00.000Z"}
    client = serve_notion(
        written(
            block("image", PAGE, **linked, caption=[text("A [b]")]),
            block("pdf", PAGE, type="file", file=hosted, caption=[]),
        )
    )
    image, pdf = markdown(client).split("\n")
    assert image == "![A \\[b\\]](https://a.example/a.png)"
    assert pdf.startswith('<pdf src="https://files.example/b.pdf?X-Amz-Expires=3600&amp;X-Amz-')
    assert markdown(client).split("\n")[1] != pdf


def test_a_copy_of_a_synced_block_shows_what_the_original_holds(serve_notion):
    original = block("synced_block", PAGE, "Original", synced_from=None)
    copied = block(
        "synced_block", PAGE, "Copy", synced_from={"type": "block_id", "block_id": original["id"]}
    )
    workspace = written(original, words(original, "Said once"), copied)
    client = serve_notion(workspace)
    address = f"{LINK}#{original['id'].replace('-', '')}"
    assert markdown(client).split("\n") == [
        *(f'<synced_block url="{address}">', "\tSaid once", "</synced_block>"),
        *(f'<synced_block_reference url="{address}">', "\tSaid once", "</synced_block_reference>"),
    ]
    workspace.notion.delete_forever(original["id"])
    assert answer(client)["unknown_block_ids"] == [copied["id"]]


def test_transcripts_are_left_out_unless_asked_for(serve_notion):
    notes, transcript = (
        block("paragraph", PAGE, name, **empty()) | {"parent": {"type": "block_id", "block_id": ""}}
        for name in ("notes", "transcript")
    )
    meeting = block(
        "meeting_notes",
        PAGE,
        "Weekly",
        title=[text("Weekly")],
        children={"notes_block_id": notes["id"], "transcript_block_id": transcript["id"]},
    )
    for part in (notes, transcript):
        part["parent"]["block_id"] = meeting["id"]
    client = serve_notion(
        written(meeting, notes, words(notes, "Noted"), transcript, words(transcript, "Said"))
    )
    address = f"{LINK}#{meeting['id'].replace('-', '')}"
    assert markdown(client).split("\n") == [
        *("<meeting-notes>", "\tWeekly", "\t<notes>", "\t\tNoted", "\t</notes>"),
        *("\t<transcript>", f"\t\tTranscript left out: {address}", "\t</transcript>"),
        "</meeting-notes>",
    ]
    assert "\t\tSaid" in markdown(client, include_transcript="true").split("\n")
    refused = client.get(f"/pages/{PAGE['id']}/markdown", params={"include_transcript": "1"})
    assert (refused.status_code, refused.json()["code"]) == (400, "validation_error")


def test_child_pages_are_named_and_not_entered(serve_notion):
    child = page("Child", parent=below(PAGE))
    stub = block("child_page", PAGE, "Child", title="Child <1>")
    inside = words(child, "Inside")
    client = serve_notion(notion(pages=[PAGE, child], blocks=[stub, inside]))
    url = f"https://www.notion.so/{child['id'].replace('-', '')}"
    assert markdown(client) == f'<page url="{url}">Child \\<1\\></page>'
    assert markdown(client, child["id"]) == "Inside"


def test_beyond_the_limit_blocks_are_unknown_and_can_be_asked_for(serve_notion):
    last = block("bulleted_list_item", PAGE, "Third")
    workspace = written(*lines(PAGE, "First", "Second"), last, words(last, "Below"))
    client = serve_notion(workspace, Limits(notion_markdown_blocks=2))
    whole = answer(client)
    address = f"{LINK}#{last['id'].replace('-', '')}"
    assert whole["markdown"].split("\n") == [
        *("First", "Second", f'<unknown url="{address}" alt="bulleted_list_item"/>')
    ]
    assert (whole["truncated"], whole["unknown_block_ids"]) == (True, [last["id"]])
    rest = answer(client, last["id"])
    assert (rest["id"], rest["markdown"]) == (last["id"], "- Third\n\tBelow")
    assert (rest["truncated"], rest["unknown_block_ids"]) == (False, [])


def test_what_has_no_form_and_what_may_not_be_read_is_unknown(serve_notion):
    button = block("unsupported", PAGE, "Button", block_type="button")
    secret = words(PAGE, "Secret")
    workspace = written(button, secret, *lines(PAGE, "Seen"))
    workspace.notion.unshare(secret["id"])
    client = serve_notion(workspace)
    found = answer(client)
    assert found["unknown_block_ids"] == [button["id"], secret["id"]]
    assert (found["truncated"], found["markdown"].split("\n")[2]) == (False, "Seen")
    assert 'alt="button"' in found["markdown"].split("\n")[0]
    assert answer(client, button["id"])["unknown_block_ids"] == [button["id"]]
    refused = client.get(f"/pages/{secret['id']}/markdown")
    assert (refused.status_code, refused.json()["code"]) == (404, "object_not_found")


@pytest.mark.parametrize(
    ("limits", "version"),
    [(Limits(notion_has_markdown=False), "2026-03-11"), (Limits(), "2025-09-03")],
)
def test_the_endpoint_is_absent_by_plan_or_version(serve_notion, limits, version):
    client = serve_notion(written(*lines(PAGE, "One")), limits, version)
    refused = client.get(f"/pages/{PAGE['id']}/markdown")
    assert (refused.status_code, refused.json()["code"]) == (404, "object_not_found")
    assert client.get(f"/pages/{PAGE['id']}").status_code == 200


def test_trash_is_not_rendered(serve_notion):
    kept, gone = lines(PAGE, "Kept", "Gone")
    workspace = written(kept, gone)
    workspace.notion.trash(gone["id"])
    assert markdown(serve_notion(workspace)) == "Kept"


def test_every_page_of_the_demo_is_rendered(serve_notion):
    workspace = Workspace.demo()
    client = serve_notion(workspace)
    unknown = {
        workspace.notion.blocks.get(block_id)["type"]
        for row in workspace.notion.pages
        for block_id in answer(client, row["id"])["unknown_block_ids"]
    }
    assert unknown == {
        *("bookmark", "breadcrumb", "embed", "link_preview", "template", "unsupported")
    }
