"""Records that failed, at each stage: listed, shown, tried again, closed, and not for ever."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from dlt_pipelines import pipeline
from dlt_pipelines.exceptions import PermanentError
from include import cli, errors, steps, warehouse
from include.sandbox.faults import Fault
from tests.workspaces import REPO, gauge, issue, label


def broken() -> Fault:
    return Fault(kind="remove", key="updated_at", path="/issues$", times=None)


UNREADABLE = """
insert into raw_github.issues
select * replace ('[]' as payload, 'unreadable' as event_id, 'I_99' as external_id)
from raw_github.issues where external_id = 'I_1'
"""
MENDED = """
update raw_github.issues set payload = '{"number": 99, "title": "Legible"}'
where event_id = 'unreadable'
"""


@pytest.fixture
def headwater(monkeypatch):
    """Run the command line beside an installation; returns its exit code and what it printed."""

    def run(installation, *arguments: str):
        settings = installation.settings
        monkeypatch.setenv("HEADWATER_DATA", str(settings.data))
        monkeypatch.setenv("HEADWATER_SOURCES", str(settings.sources_file))
        monkeypatch.setenv("HEADWATER_SANDBOX_URL", settings.sandbox_url or "")
        for name in ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        done = CliRunner().invoke(cli.app, arguments)
        return done.exit_code, json.loads(done.stdout) if "--json" in arguments else done.output

    return run


def build_errors(installation):
    """What `headwater transform` makes of errors, without the other models."""
    settings = installation.settings
    with warehouse.writer(settings) as db:
        pipeline.load_ledger(settings.store, db, settings.source_rows())
    steps.dbt(settings, "run", "--select", "+raw_event_errors")


def error_events(installation):
    names = ("error_id", "action", "outcome", "reason", "done_by")
    rows = installation.query(f"select {', '.join(names)} from raw_headwater.error_events")
    return [dict(zip(names, row, strict=True)) for row in rows]


def waiting_packages(installation):
    return list(installation.settings.store.pipelines.glob("*/load/normalized/*/new_jobs/*"))


def test_records_are_listed_shown_and_replayed_until_they_can_be_read(
    sandbox_of, install, headwater
):
    installation = install(sandbox_of(gauge(issues=[issue(1, 10)])))
    installation.sync()
    faults = installation.sandbox.faults
    faults.add(broken())
    repository = installation.sandbox.workspace.github(REPO)
    repository.issues.upsert(issue(1, 900, title="Renamed"))
    installation.sync()
    with warehouse.writer(installation.settings) as db:
        db.execute(UNREADABLE)
    code, told = headwater(installation, "errors", "list")
    assert (code, "the models have not been built; expected" in told) == (1, True)
    steps.dbt(installation.settings, "build", "--exclude-resource-types", "test", "unit_test")

    code, found = headwater(installation, "errors", "list", "--json")
    assert code == 0
    assert [(e["stage"], e["resource"], e["attempt_count"], e["status"]) for e in found] == [
        ("extract", "issues", 1, "open"),
        ("normalize", "issues", 1, "open"),
    ]
    first, unreadable = (e["raw_event_error_id"] for e in found)
    assert headwater(installation, "errors", "list")[0] == 0
    _, shown = headwater(installation, "errors", "show", first[:9], "--json")
    assert json.loads(shown["payload"])["title"] == "Renamed"
    assert "updated_at" not in json.loads(shown["payload"])
    assert headwater(installation, "errors", "show", "nonsense")[0] == 1

    # Still broken at the source, and still unreadable: tried once each, and said to be open.
    code, told = headwater(installation, "errors", "replay")
    assert code == 1
    assert "2 are still open" in told
    found = errors.listed(installation.settings)
    assert {(e["stage"], e["attempt_count"], e["replay_count"]) for e in found} == {
        ("extract", 2, 1),
        ("normalize", 2, 1),
    }
    assert {(row["error_id"], row["reason"]) for row in error_events(installation)} == {
        (e["raw_event_error_id"], e["error_message"]) for e in found
    }

    faults.clear()
    with warehouse.writer(installation.settings) as db:
        db.execute(MENDED)
    code, done = headwater(installation, "errors", "replay", first, unreadable, "--json")
    assert (code, [(d["error_id"], d["outcome"], d["done_by"]) for d in done]) == (
        0,
        [(first, "resolved", "cli"), (unreadable, "resolved", "cli")],
    )
    assert (
        installation.column(
            "select payload ->> 'title' from raw_github.issues where external_id = 'I_1'"
            " order by occurred_at"
        )[-1]
        == "Renamed"
    )
    titles = "select title from core.documents where source_id = 'tidewater-labs/gauge#99'"
    assert installation.column(titles) == ["Legible"]
    # What staging can read by now is no error any more; a dead letter stays, as closed.
    ((closed),) = errors.listed(installation.settings, everything=True)
    assert (closed["stage"], closed["status"], closed["resolution_reason"]) == (
        "extract",
        "resolved",
        "the resource was read again from the source",
    )
    assert closed["resolved_at"] > closed["last_failed_at"]


def test_what_failed_too_often_is_replayed_by_name_only_and_can_be_dismissed(
    sandbox_of, install, headwater
):
    installation = install(sandbox_of(gauge()))
    settings = installation.settings
    installation.sandbox.faults.add(broken())
    installation.sync()
    installation.sandbox.faults.clear()
    letters = installation.column("select dead_letter_id from raw_headwater.dead_letters")
    event = {"action": "replay", "outcome": "failed", "reason": "", "done_by": "cli"}
    for _ in range(errors.MAX_REPLAYS):
        settings.store.ledger.resolve([{"error_id": letter, **event} for letter in letters])
    build_errors(installation)
    installation.asked()
    assert errors.replay(settings) == []
    assert installation.asked() == []
    assert {e["replay_count"] for e in errors.listed(settings)} == {errors.MAX_REPLAYS}
    code, done = headwater(
        installation, "errors", "dismiss", *letters, "--reason", "too old", "--json"
    )
    assert code == 0
    assert sorted(d["error_id"] for d in done) == sorted(letters)
    assert errors.listed(settings) == []
    assert {
        (e["status"], e["resolution_reason"], e["replay_count"])
        for e in errors.listed(settings, everything=True)
    } == {("dismissed", "too old", errors.MAX_REPLAYS)}


def test_a_package_that_cannot_be_loaded_is_set_aside_and_read_again(sandbox_of, install):
    sandbox = sandbox_of(gauge())
    installation, undisturbed = install(sandbox), install(sandbox, name="undisturbed")
    settings = installation.settings
    for one in (installation, undisturbed):
        one.sync()
    sandbox.workspace.github(REPO).labels.upsert(label(20))
    sandbox.workspace.github(REPO).issues.upsert(issue(21, 900))
    steps.extract(settings, "github", REPO)
    for file in waiting_packages(installation):
        if file.name.endswith(".parquet"):
            file.write_bytes(b"torn")
    with pytest.raises(PermanentError) as caught:
        steps.load(settings, "github")
    # One line, without dlt's traceback.
    assert re.fullmatch(
        rf"github\.{REPO}: load failed: Invalid Input Error: [^\n]+;"
        " expected the package to commit; run again: the package waits on disk and nothing is lost",
        str(caught.value),
    )
    build_errors(installation)
    ((error),) = errors.listed(settings)
    assert (error["stage"], error["container"], error["error_code"]) == (
        "load",
        REPO,
        "load_failed",
    )
    ((replayed),) = errors.replay(settings)
    assert (replayed["outcome"], "load failed" in replayed["reason"]) == ("failed", True)
    errors.dismiss(settings, [error["raw_event_error_id"]], "the disk was bad")
    assert errors.listed(settings) == []
    assert waiting_packages(installation) == []
    assert len(list((settings.data / "set_aside").iterdir())) == 1
    for one in (installation, undisturbed):
        one.sync()
    assert installation.raw() == undisturbed.raw()
    assert "I_21" in installation.column("select external_id from raw_github.issues")
