"""The command line: exit codes, one line per failure, JSON on request, and what options mean."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from dlt_pipelines import SOURCES
from include import cli, steps, warehouse
from include.console import clear_errors
from include.sandbox.faults import Fault
from include.settings import ROOT
from include.sources_file import ConfigError
from tests.installation import Installation
from tests.workspaces import (
    REPO,
    gauge,
    github,
    handbook,
    issue,
    linear,
    linear_issue,
    notion,
    page,
)


@pytest.fixture
def installed(sandbox_of, install):
    """Two sources: one repository and one Linear team."""
    workspace = github(issues=[issue(1, 10), issue(2, 86_400)])
    workspace.linear = linear(issues=[linear_issue(1)]).linear
    return install(sandbox_of(workspace))


@pytest.fixture
def headwater(monkeypatch):
    """Run the command line with the environment of an installation."""

    def run(installation, *arguments: str):
        settings = installation.settings
        monkeypatch.setenv("HEADWATER_DATA", str(settings.data))
        monkeypatch.setenv("HEADWATER_SOURCES", str(settings.sources_file))
        monkeypatch.setenv("HEADWATER_SANDBOX_URL", settings.sandbox_url or "")
        for name in ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        return CliRunner().invoke(cli.app, arguments)

    return run


def numbers(installation) -> list[str]:
    return installation.column("select payload ->> 'number' from raw_github.issues order by all")


# sync


def test_sync_without_names_syncs_every_enabled_source(installed, headwater):
    result = headwater(installed, "sync", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [(row["connection_id"], row["container"], row["rows_added"]) for row in rows] == [
        ("github", REPO, 4),
        ("linear", "tidewater", 9),
        ("linear", "ENG", 9),
    ]
    assert all(row["sync_id"] for row in rows)
    assert "github: tidewater-labs/gauge: " in result.stderr


def test_a_source_that_is_switched_off_is_synced_only_by_name(installed, headwater):
    file = installed.settings.sources_file
    text = file.read_text().replace("- name: linear\n", "- name: linear\n  sync_enabled: false\n")
    file.write_text(text)
    assert headwater(installed, "sync", "--resource", "labels").exit_code == 0
    assert {exchange.provider for exchange in installed.asked()} == {"github"}
    assert headwater(installed, "sync", "linear", "--resource", "issues").exit_code == 0
    assert {exchange.provider for exchange in installed.asked()} == {"linear"}


def test_one_failing_source_fails_the_command_and_not_the_others(installed, headwater):
    installed.sandbox.faults.add(Fault(kind="status", status=422, provider="github", times=None))
    result = headwater(installed, "sync", "--resource", "issues")
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "; expected " in line]
    assert line.startswith("github.issues: GET /github/repos/tidewater-labs/gauge/issues answered")
    assert installed.column("select payload ->> 'number' from raw_linear.issues") == ["1"]


def test_container_and_resource_narrow_a_sync(installed, headwater):
    arguments = ("sync", "linear", "--container", "ENG", "--resource", "issues")
    assert headwater(installed, *arguments).exit_code == 0
    # The history of issues shares their cursor, so it comes along.
    asked = [exchange.operations for exchange in installed.asked()]
    assert asked == [["Issues", "issues"], ["IssueHistory", "issues"]]


def test_start_and_end_read_a_window(installed, headwater):
    options = ("--start", "2026-03-02", "--end", "2026-03-02T12:00:00")
    assert headwater(installed, "sync", "github", *options).exit_code == 0
    assert numbers(installed) == ["2"]
    ((mode, start, end),) = installed.query(
        "select details ->> 'mode', details ->> 'window_start', details ->> 'window_end'"
        " from raw_headwater.sync_events where event = 'started'"
    )
    assert (mode, start, end) == ("window", "2026-03-02T00:00:00Z", "2026-03-02T12:00:00Z")


def test_full_reads_everything_again(installed, headwater):
    sync = ("sync", "github", "--resource", "issues")
    assert headwater(installed, *sync).exit_code == 0
    installed.sandbox.workspace.github(REPO).issues.upsert(issue(3, 5))
    assert headwater(installed, *sync).exit_code == 0
    assert numbers(installed) == ["1", "2"]
    assert headwater(installed, *sync, "--full").exit_code == 0
    assert numbers(installed) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (("sync", "jira"), 1, "sources.yml.jira: no source has this name; expected one of github"),
        (("sync", "linear", "--container", "X"), 1, "linear.X: no such container in sources.yml;"),
        (("sync", "linear", "--resource", "x"), 1, "linear.x: no such resource; expected any of"),
        (("sync", "--container", REPO), 1, "headwater.sync: --container without one source;"),
        (("sync", "linear", "--start", "2026-01-01"), 1, "linear.window: it is not a period;"),
        (("sync", "--full", "--start", "2026-01-01"), 2, "--full reads everything: leave"),
        (("sync", "--start", "yesterday"), 2, "Invalid value for '--start'"),
        (("sync", "--frobnicate"), 2, "No such option"),
        (("status",), 1, "headwater.status: headwater.duckdb does not exist yet; expected a publ"),
    ],
)
def test_a_wrong_option_is_one_line_and_asks_no_api(installed, headwater, arguments, code, message):
    result = headwater(installed, *arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    if code == 1:
        assert len([line for line in result.stderr.splitlines() if "; expected " in line]) == 1
    assert installed.asked() == []
    assert "Traceback" not in result.output


def test_status_of_what_an_older_version_published_says_what_to_do(installed, headwater):
    published = installed.settings.published
    published.parent.mkdir()
    with duckdb.connect(str(published)) as db:
        db.execute("create schema core")
        db.execute("create table core.documents as select 'github' as source_type")
    result = headwater(installed, "status")
    assert result.exit_code == 1
    assert result.stderr == (
        "headwater.status: headwater.duckdb is from another version; expected the marts of this"
        " one; run `headwater transform` and `headwater publish`\n"
    )


def test_an_error_is_one_line_however_narrow_the_terminal(installed, headwater, monkeypatch):
    monkeypatch.setattr(cli.err, "width", 20)
    result = headwater(installed, "sync", "jira")
    assert len(result.stderr.splitlines()) == 1


def test_square_brackets_in_names_and_errors_are_text(sandbox_of, install, headwater):
    sources = (
        "sources:\n- {name: notion, type: notion, owner: T, secret: NOTION_TOKEN,"
        " roots: [{name: 'Notes [/dim] [red]', page_id: ''}]}\n"
    )
    installation = install(sandbox_of(notion(pages=[page("One")])), sources=sources)
    result = headwater(installation, "sync", "--json")
    assert (result.exit_code, result.exception) == (0, None)
    assert "notion: Notes [/dim] [red]: " in result.stderr
    body = {"object": "error", "status": 400, "code": "x", "message": "see [/docs] for [this]"}
    installation.sandbox.faults.add(Fault(kind="status", status=400, body=body, times=None))
    failed = headwater(installation, "sync")
    assert failed.exit_code == 1
    assert "see [/docs] for [this]" in failed.stderr
    checked = headwater(installation, "check")
    assert checked.exit_code == 1
    assert "see [/docs] for [this]" in checked.output.replace("\n", " ")


def test_sync_without_any_credential_names_the_variable_and_goes_on(installed, headwater):
    installed.settings.sandbox_url = None
    result = headwater(installed, "sync")
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if "; expected " in line]
    assert [line.split(";")[0] for line in lines] == [
        "github.github: the secret GITHUB_TOKEN is not set",
        "linear.linear: the secret LINEAR_API_KEY is not set",
    ]


# check


def test_check_tries_every_container_and_says_what_it_found(installed, headwater):
    result = headwater(installed, "check", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {
            "connection_id": "github",
            "container": REPO,
            "is_ok": True,
            "message": "tidewater-labs/gauge (public)",
        },
        {
            "connection_id": "linear",
            "container": "tidewater",
            "is_ok": True,
            "message": "Tidewater Labs, as Gauge Intake",
        },
        {
            "connection_id": "linear",
            "container": "ENG",
            "is_ok": True,
            "message": "Tidewater Labs, as Gauge Intake",
        },
    ]


def test_check_names_the_container_that_fails_and_tries_the_others(installed, headwater):
    file = installed.settings.sources_file
    file.write_text(file.read_text().replace("- ENG", "- ENG\n  - NOPE"))
    result = headwater(installed, "check", "--json")
    assert result.exit_code == 1
    found = {row["container"]: (row["is_ok"], row["message"]) for row in json.loads(result.stdout)}
    assert found["ENG"] == (True, "Tidewater Labs, as Gauge Intake")
    assert found["NOPE"] == (
        False,
        (
            "linear.teams: the team 'NOPE' does not exist, or the credential may not see it;"
            " expected a team key; correct `teams` in sources.yml"
        ),
    )


def test_check_of_notion_says_whose_token_it_is(sandbox_of, install, headwater):
    installation = install(sandbox_of(handbook()))
    (row,) = json.loads(headwater(installation, "check", "--json").stdout)
    assert (row["is_ok"], row["message"]) == (True, "Tidewater Labs, as Headwater")


def test_check_tries_a_token_that_is_refused_only_once(installed, headwater):
    installed.sandbox.workspace.tokens = {"another"}
    result = headwater(installed, "check", "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [(row["connection_id"], row["is_ok"]) for row in rows] == [
        ("github", False),
        ("linear", False),
    ]
    assert len(installed.asked()) == 2


# Steps


def test_verify_names_the_containers_that_were_not_synced():
    steps.verify("github", ["a", "b"], [{"container": "b"}, {"container": "a"}])
    with pytest.raises(Exception, match="1 of 2 containers were not synced: a; expected") as caught:
        steps.verify("github", ["a", "b"], [{"container": "b"}])
    assert caught.value.code == "incomplete"


def test_prepare_refuses_an_unknown_container_before_it_touches_anything(installed):
    with pytest.raises(ConfigError, match="no such container"):
        steps.prepare(installed.settings, "github", ["owner/else"])


def test_prepare_makes_every_table_in_an_empty_folder(sandbox_of, tmp_path):
    installation = Installation.beside(sandbox_of(gauge()), tmp_path / "new")
    assert steps.prepare(installation.settings, "github") == ([REPO], [])
    raw = installation.raw()
    tables = sum(len(source_type.resources) for source_type in SOURCES.values())
    assert (len(raw), {len(rows) for rows in raw.values()}) == (tables, {0})
    assert installation.column(
        "select table_name from duckdb_tables() where schema_name = 'raw_headwater'"
        " and table_name not like '\\_dlt%' escape '\\' order by all"
    ) == ["dead_letters", "error_events", "sources", "sync_events", "webhook_deliveries"]


def test_the_warehouse_is_written_by_one_process_at_a_time(installed):
    settings = installed.settings
    with (
        warehouse.writer_lock(settings),
        pytest.raises(Exception, match="another process has been writing it for 0 s") as caught,
        warehouse.writer_lock(settings, timeout=0),
    ):
        pass
    assert caught.value.code == "warehouse_locked"


def test_no_query_draws_a_bar_between_what_a_program_prints(tmp_path):
    program = f"""
from pathlib import Path
from include import warehouse
from include.settings import Settings
with warehouse.writer(Settings(Path({str(tmp_path)!r}))) as db:
    db.execute("select count(*) from range(300_000_000) as r(n) where hash(n) % 3 = 0").fetchall()
print("done")
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "done\n"


def test_a_full_disk_is_one_line_even_behind_another_error(capsys):
    def writes() -> None:
        try:
            Path("/dev/full").write_text("x")
        except OSError:
            Path("/nowhere/at/all").read_text()

    with pytest.raises(typer.Exit), clear_errors():
        writes()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("headwater.disk: [Errno 28] No space left on device; expected room")
    with pytest.raises(FileNotFoundError), clear_errors():
        Path("/nowhere/at/all").read_text()


def test_moments_on_the_command_line_are_utc():
    moment = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - that is what typer gives
    assert cli._utc(moment) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert cli._utc(None) is None
