"""What vanishes at Notion is found, confirmed and told apart; what comes back comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dlt_pipelines.notion.memory import Memory
from include.sandbox import Fault
from tests.dlt_pipelines.notion.conftest import paths, stored, text_block
from tests.dlt_pipelines.notion.test_discovery import a_day_later
from tests.workspaces import (
    START,
    below,
    data_source,
    notion,
    notion_comment,
    page,
    uuid,
)


@pytest.fixture
def served():
    """A page, a page below it, a row of a data source, comments on page and block."""
    top = page("Top")
    inner = page("Inner", 1, parent=below(top))
    source = data_source("Decisions")
    row = page("Row", 2, parent=below(source))
    line = text_block("line", below(top))
    on_block = {**notion_comment("on block", top, 4), "parent": below(line)}
    talk = [notion_comment("on page", top, 3), on_block]
    return notion(
        pages=[top, inner, row, page("Quiet")],
        data_sources=[source],
        blocks=[line],
        comments=talk,
    )


def reasons(installation, resource: str = "pages") -> dict[str, str]:
    return {k: v for k, v in stored(installation, resource).items() if isinstance(v, str)}


def test_nothing_has_vanished_and_nothing_is_added(synced, served):
    installation = synced(served)
    before = installation.raw()
    (done,) = installation.sync("notion", mode="reconcile")
    assert (done["rows_added"], installation.raw()) == (0, before)


def test_trash_and_lost_access_are_told_apart(synced, served):
    installation = synced(served)
    served.notion.trash(uuid("Inner"))
    served.notion.unshare(uuid("Quiet"))
    served.notion.delete_forever(uuid("Row"))
    installation.sync("notion", mode="reconcile")
    assert reasons(installation) == {
        uuid("Inner"): "trashed",
        uuid("Quiet"): "access_lost",
        uuid("Row"): "access_lost",
    }
    assert installation.column(
        "select payload -> 'evidence' ->> 'url' from raw_notion.pages"
        " where external_id = $id and operation = 'delete'",
        id=uuid("Quiet"),
    ) == [f"/v1/pages/{uuid('Quiet')}"]
    before = installation.raw()
    installation.sync("notion", mode="reconcile")
    assert installation.raw() == before


def test_a_page_that_search_merely_hides_has_not_vanished(synced, served):
    installation = synced(served)
    served.notion.unlist(uuid("Quiet"))
    installation.sync("notion", mode="reconcile")
    assert reasons(installation) == {}
    assert f"/v1/pages/{uuid('Quiet')}" in paths(installation)


@pytest.mark.parametrize(
    "vanish, back, reason",
    [("trash", "restore", "trashed"), ("unshare", "share", "access_lost")],
)
def test_what_comes_back_is_there_again(synced, served, monkeypatch, vanish, back, reason):
    installation = synced(served)
    getattr(served.notion, vanish)(uuid("Quiet"))
    installation.sync("notion", mode="reconcile")
    assert reasons(installation) == {uuid("Quiet"): reason}
    getattr(served.notion, back)(uuid("Quiet"))
    a_day_later(monkeypatch)
    installation.sync("notion")
    assert reasons(installation) == {}


def test_an_edit_in_the_minute_of_a_return_is_not_lost(synced, served):
    installation = synced(served)
    quiet = uuid("Quiet")
    served.notion.trash(quiet)
    installation.sync("notion", mode="reconcile")
    assert reasons(installation) == {quiet: "trashed"}
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    served.notion.restore(quiet, minute)
    installation.sync("notion")
    assert reasons(installation) == {}
    edit = {"last_edited_time": f"{minute:%FT%T}.000Z", "icon": {"type": "emoji", "emoji": "🧭"}}
    served.notion.pages.upsert(served.notion.pages.get(quiet) | edit)
    installation.sync("notion")
    assert stored(installation, "pages")[quiet]["icon"] == edit["icon"]
    before = installation.raw()
    installation.sync("notion")
    assert installation.raw() == before


def test_a_data_source_in_the_trash_is_missed_at_once(synced, served):
    installation = synced(served)
    served.notion.trash(uuid("Decisions"))
    installation.sync("notion")
    assert reasons(installation, "data_sources") == {uuid("Decisions"): "trashed"}
    installation.sync("notion", mode="reconcile")
    assert reasons(installation) == {uuid("Row"): "trashed"}


def test_a_data_source_that_is_no_longer_shared_is_missed_at_once(synced, served):
    installation = synced(served)
    served.notion.unshare(uuid("Decisions"))
    installation.sync("notion")
    assert reasons(installation, "data_sources") == {uuid("Decisions"): "access_lost"}
    served.notion.share(uuid("Decisions"))
    installation.sync("notion")
    assert reasons(installation, "data_sources") == {}


@pytest.mark.parametrize("mode", ["incremental", "reconcile"])
def test_a_data_source_that_cannot_be_read_is_not_taken_for_trashed(synced, served, mode):
    installation = synced(served)
    hidden = uuid("Decisions")
    served.notion.unlist(hidden)
    path = f"/data_sources/{hidden}$"
    installation.sandbox.faults.add(
        Fault(kind="replace", method="GET", path=path, key="last_edited_time", value=7, times=None)
    )
    installation.sync("notion", mode=mode)
    assert (reasons(installation, "data_sources"), reasons(installation)) == ({}, {})
    aside = installation.column("select resource from raw_headwater.dead_letters")
    assert aside == (["data_sources"] if mode == "incremental" else [])


def test_comments_that_were_deleted_or_resolved_are_found(synced, served):
    installation = synced(served)
    discussion = stored(installation, "comments")[uuid("on block")]["discussion_id"]
    served.notion.comments.upsert(
        served.notion.comments.get(uuid("on page")) | {"discussion_id": uuid("another")}
    )
    served.notion.resolve(discussion)
    installation.sync("notion", mode="reconcile")
    assert reasons(installation, "comments") == {uuid("on block"): "absent_from_listing"}


def test_comments_of_a_page_that_is_gone_went_with_it(synced, served):
    installation = synced(served)
    served.notion.unshare(uuid("Top"))
    installation.sync("notion", mode="reconcile")
    assert reasons(installation, "comments") == {
        uuid("on page"): "parent_deleted",
        uuid("on block"): "parent_deleted",
    }


def test_comments_of_a_page_that_comes_back_are_there_again(synced, served, monkeypatch):
    installation = synced(served)
    served.notion.unshare(uuid("Top"))
    installation.sync("notion", mode="reconcile")
    assert len(reasons(installation, "comments")) == 2
    served.notion.share(uuid("Top"))
    a_day_later(monkeypatch)
    installation.sync("notion")
    assert reasons(installation, "comments") == {}
    before = installation.raw()["raw_notion.comments"]
    installation.sync("notion", mode="reconcile")
    installation.sync("notion", mode="full")
    assert installation.raw()["raw_notion.comments"] == before


def test_a_comment_edited_in_the_minute_of_a_return_is_not_lost(synced, served, monkeypatch):
    installation = synced(served)
    served.notion.unshare(uuid("Top"))
    installation.sync("notion", mode="reconcile")
    served.notion.share(uuid("Top"))
    a_day_later(monkeypatch)
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    installation.sync("notion")
    comment = served.notion.comments.get(uuid("on page"))
    text = [{**comment["rich_text"][0], "plain_text": "Once more."}]
    edit = {"last_edited_time": f"{minute:%FT%T}.000Z", "rich_text": text}
    served.notion.comments.upsert(comment | edit)
    served.notion.touch(uuid("Top"), minute + timedelta(minutes=5))
    installation.sync("notion")
    assert stored(installation, "comments")[uuid("on page")]["rich_text"] == text
    before = installation.raw()["raw_notion.comments"]
    installation.sync("notion", mode="reconcile")
    assert installation.raw()["raw_notion.comments"] == before


def test_so_much_at_once_that_a_mistake_is_likelier_is_an_error(synced):
    pages = [page(f"Page {n}", n) for n in range(60)]
    served = notion(pages=pages)
    installation = synced(served)
    for row in pages[:51]:
        served.notion.unshare(row["id"])
    (error,) = installation.failing_sync("notion", mode="reconcile")
    assert error.code == "mass_deletion"
    assert reasons(installation) == {}
    installation.sync("notion", mode="reconcile", confirm_deletions=True)
    assert set(reasons(installation)) == {row["id"] for row in pages[:51]}


# Paths

INCLUDED = "include_paths: ['Handbook*']"


@pytest.fixture
def handbook():
    top = page("Handbook")
    return notion(pages=[top, page("Team", 1, parent=below(top)), page("Other", 2)])


def test_a_page_that_is_moved_out_of_the_included_paths_is_out_of_scope(synced, handbook):
    installation = synced(handbook, INCLUDED)
    assert set(stored(installation, "pages")) == {uuid("Handbook"), uuid("Team")}
    elsewhere = {"type": "page_id", "page_id": uuid("Other")}
    handbook.notion.move(uuid("Team"), elsewhere, START + timedelta(days=1))
    installation.sync("notion")
    assert reasons(installation) == {uuid("Team"): "out_of_scope"}
    back = {"type": "page_id", "page_id": uuid("Handbook")}
    handbook.notion.move(uuid("Team"), back, START + timedelta(days=2))
    installation.sync("notion")
    assert reasons(installation) == {}


def rename(store, name: str, title: str, day: int) -> None:
    value = page(title)["properties"]["title"]
    store.edit_page(uuid(name), START + timedelta(days=day), title=value)


def test_pages_below_one_that_is_renamed_are_out_of_scope_a_day_later(
    synced, handbook, monkeypatch
):
    installation = synced(handbook, INCLUDED)
    rename(handbook.notion, "Handbook", "Archive", 1)
    installation.sync("notion")
    assert reasons(installation) == {uuid("Handbook"): "out_of_scope"}
    a_day_later(monkeypatch)
    installation.sync("notion")
    assert set(reasons(installation).values()) == {"out_of_scope"}
    assert set(reasons(installation)) == {uuid("Handbook"), uuid("Team")}


def test_a_reconciliation_finds_what_is_out_of_scope_too(synced, handbook):
    installation = synced(handbook, INCLUDED)
    rename(handbook.notion, "Handbook", "Archive", 1)
    installation.sync("notion", mode="reconcile")
    assert set(reasons(installation)) == {uuid("Handbook"), uuid("Team")}


def test_what_is_remembered_of_pages_is_small_and_exact():
    stored_state: dict = {}
    memory = Memory(stored_state, is_live=True)
    for number in range(1_000):
        memory.learn(uuid(str(number)), START + timedelta(minutes=number), "mark")
    memory.forget(uuid("7"), "trashed")
    memory.keep()
    again = Memory(stored_state, is_live=True)
    assert len(stored_state["known"]) == 999 * 12
    assert [again.knows(uuid(str(n))) for n in (6, 7, 8, 1_000)] == [True, False, True, False]
    assert again.has_read(uuid("8"), START + timedelta(minutes=8))
    assert not again.has_read(uuid("8"), START + timedelta(minutes=9))
    assert (again.cursor, again.is_deep) == (START + timedelta(minutes=999), False)
