"""Bad input gives one clear error, leaves nothing half-loaded, and the next run makes it good.

Each case runs the command line against a sandbox that misbehaves, then again without the fault, and
compares with a run that nothing disturbed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from include import cli
from include.sandbox import Sandbox
from include.sandbox.faults import Fault
from include.settings import Settings
from tests.installation import QUICK, Installation
from tests.workspaces import REPO, everything

SOURCES_YML = """
sources:
- {name: github, type: github, owner: tidewater-labs, organization: [], secret: GITHUB_TOKEN,
   repositories: [{name: tidewater-labs/gauge, content_types: [repositories, labels, milestones,
     issues, issue_comments, review_comments, pull_requests, reviews, issue_events, commits]}]}
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [ENG]}
- {name: notion, type: notion, owner: Tidewater Labs, secret: NOTION_TOKEN}
"""


@dataclass(frozen=True)
class Case:
    """A fault of one source, the resource that meets it, and what the error must say."""

    fault: Fault
    where: str
    code: str
    what: str
    remedy: str

    @property
    def source(self) -> str:
        return self.where.split(".")[0]


def always(kind: Any, **how: Any) -> Fault:
    return Fault(kind=kind, times=None, **how)


CASES = {
    "github 401": Case(
        always("status", status=401, path="/pulls$"),
        "github.pull_requests",
        "unauthorized",
        "answered 401",
        "set GITHUB_TOKEN to a token that is valid",
    ),
    "github 403": Case(
        always("status", status=403, path="/issues/events$"),
        "github.issue_events",
        "forbidden",
        "answered 403",
        "grant the token in GITHUB_TOKEN read access",
    ),
    "github 404": Case(
        always("status", status=404, path="/issues/comments$"),
        "github.issue_comments",
        "not_found",
        "answered 404",
        "check its name, and that the token may see it",
    ),
    "github 429": Case(
        always("rate_limit", status=429, seconds=600, path="/issues$"),
        "github.issues",
        "rate_limited",
        "answered 429",
        "or give GITHUB_TOKEN a higher limit",
    ),
    "github 500": Case(
        always("status", status=500, path="/commits$"),
        "github.commits",
        "server_error",
        "answered 500",
        "run again later",
    ),
    "github truncated": Case(
        always("truncated", path="/issues$"),
        "github.issues",
        "malformed_response",
        "a body that is not the documented JSON",
        "run again; if it persists check base_url and any proxy",
    ),
    "github dropped": Case(
        always("dropped", operation="Listings"),
        "github.labels",
        "connection",
        "RemoteProtocolError",
        "check the network and base_url, then run again",
    ),
    "linear limited": Case(
        always("rate_limit", operation="workflowStates", seconds=600),
        "linear.workflow_states",
        "rate_limited",
        "answered 400 (RATELIMITED",
        "or give LINEAR_API_KEY a higher limit",
    ),
    "linear html": Case(
        always("html", operation="issues"),
        "linear.issues",
        "malformed_response",
        "text/html",
        "run again; if it persists check base_url and any proxy",
    ),
    "linear errors": Case(
        always("status", status=200, body={"errors": [{"message": "no"}]}, operation="issues"),
        "linear.issues",
        "graphql_error",
        "GraphQL answered with errors: no",
        "report the query, or narrow the resource list",
    ),
    "notion 502": Case(
        always("html", status=502, path="/children$"),
        "notion.page_contents",
        "server_error",
        "answered 502",
        "run again later",
    ),
    "notion slow": Case(
        always("slow", seconds=0.4, path="/v1/comments$"),
        "notion.comments",
        "timeout",
        "ReadTimeout",
        "check the network and base_url, then run again",
    ),
    "notion blocked": Case(
        always("blocked", path="/v1/search$"),
        "notion.data_sources",
        "blocked",
        "public_api_request_blocked",
        "the workspace's owner must lift the block",
    ),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, prepared_data):
    """The raw events of a run that nothing disturbed."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    shutil.copytree(prepared_data, data)
    with Sandbox(everything()) as sandbox:
        installation = Installation.beside(sandbox, data, SOURCES_YML)
        for name in ("github", "linear", "notion"):
            installation.sync(name)
        return installation.raw()


@pytest.fixture
def disturbed(sandbox_of, install):
    """An installation whose sandbox can misbehave."""
    return install(sandbox_of(everything()), sources=SOURCES_YML)


@pytest.fixture
def headwater(monkeypatch):
    """Run the command line with the settings of an installation."""

    def run(installation: Installation | Settings, *arguments: str) -> Result:
        settings = getattr(installation, "settings", installation)
        monkeypatch.setattr(cli, "Settings", lambda: settings)
        monkeypatch.setattr(cli.err, "width", 500)
        return CliRunner().invoke(cli.app, arguments)

    return run


def only(raw: dict[str, set[str]], source: str) -> dict[str, set[str]]:
    return {table: rows for table, rows in raw.items() if table.startswith(f"raw_{source}.")}


def errors(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if "; expected " in line]


@pytest.mark.parametrize("source", ["github", "linear", "notion"])
def test_each_failure_of_an_api_gives_one_clear_error_and_the_next_run_makes_it_good(
    disturbed, headwater, undisturbed, source
):
    container = {"github": REPO, "linear": "ENG", "notion": "Tidewater Labs"}[source]
    reported = []
    for name, case in CASES.items():
        if case.source != source:
            continue
        is_slow = case.fault.kind == "slow"
        disturbed.settings.retry = replace(QUICK, attempts=1, timeout=0.2) if is_slow else QUICK
        disturbed.sandbox.faults.add(case.fault)
        failed = headwater(disturbed, "sync", source)
        disturbed.sandbox.faults.clear()
        # The hour that a limit asked for has passed.
        shutil.rmtree(disturbed.settings.data / "quotas", ignore_errors=True)
        assert failed.exit_code == 1, name
        lines = errors(failed)
        assert [line.split(": ")[0] for line in lines] == [case.where], name
        (line,) = lines
        assert case.what in line
        assert line.endswith(case.remedy)
        assert "Traceback" not in failed.output
        reported.append(("extract", case.code, line))
        for table in only(disturbed.raw(), source):
            query = f"select count(*) from {table} where container = $container"
            assert disturbed.column(query, container=container) == [0], (name, table)
    assert len(reported) == len([case for case in CASES.values() if case.source == source]) > 2
    assert reported == disturbed.query(
        "select details ->> 'stage', details ->> 'error_code', details ->> 'error_message'"
        " from raw_headwater.sync_events where event = 'failed' order by occurred_at"
    )
    disturbed.settings.retry = QUICK
    again = headwater(disturbed, "sync", source)
    assert (again.exit_code, errors(again)) == (0, [])
    assert only(disturbed.raw(), source) == only(undisturbed, source)


RECORDS = {
    "github issue without updated_at": (
        Fault(kind="remove", key="updated_at", path="/issues$"),
        "github.issues",
        "`updated_at`",
    ),
    "github commit without sha": (
        Fault(kind="remove", key="sha", path="/commits$"),
        "github.commits",
        "`sha`",
    ),
    "linear issue with a number for its id": (
        Fault(kind="replace", key="id", value=7, operation="issues"),
        "linear.issues",
        "Expected `str`, got `int`",
    ),
    "notion page without last_edited_time": (
        Fault(kind="remove", key="last_edited_time", path="/v1/search$", after=1),
        "notion.pages",
        "`last_edited_time`",
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_record_is_put_aside_and_a_full_read_brings_it(
    disturbed, headwater, undisturbed, name
):
    fault, where, reason = RECORDS[name]
    source, resource = where.split(".")
    sync = ("sync", source, "--resource", resource)
    disturbed.sandbox.faults.add(fault)
    result = headwater(disturbed, *sync)
    assert (result.exit_code, errors(result)) == (0, [])
    ((found, message, payload),) = disturbed.query(
        "select source_type || '.' || resource, error_message, payload"
        " from raw_headwater.dead_letters"
    )
    assert (found, reason in message) == (where, True)
    assert json.loads(payload)
    assert disturbed.query(
        "select resource, (details ->> 'items_failed')::int, details ->> 'is_complete'"
        " from raw_headwater.sync_events where event = 'extracted'"
        " and (details ->> 'items_failed')::int > 0"
    ) == [(resource, 1, "true")]
    table = f"raw_{source}.{resource}"
    assert len(undisturbed[table] - disturbed.raw()[table]) == 1
    assert headwater(disturbed, *sync, "--full").exit_code == 0
    assert disturbed.raw()[table] == undisturbed[table]


def test_a_wrong_token_stops_its_connection_and_says_what_to_set(disturbed, headwater, undisturbed):
    disturbed.sandbox.workspace.tokens = {"another"}
    failed = headwater(disturbed, "sync", "linear")
    assert failed.exit_code == 1
    (line,) = errors(failed)
    assert line.startswith("linear.teams: POST /linear/graphql answered 401 (AUTHENTICATION_ERROR")
    assert line.endswith("; set LINEAR_API_KEY to a token that is valid")
    assert len(disturbed.asked()) == 1  # Linear has two containers: the second is not tried.
    assert all(not rows for rows in disturbed.raw().values())
    disturbed.sandbox.workspace.tokens = {"sandbox-token"}
    assert headwater(disturbed, "sync", "linear").exit_code == 0
    assert only(disturbed.raw(), "linear") == only(undisturbed, "linear")


def test_without_any_token_nothing_is_asked_and_the_error_names_the_variable(disturbed, headwater):
    settings = Settings(
        disturbed.settings.data, disturbed.settings.sources_file, None, lambda _: None
    )
    settings.sandbox_url = None
    failed = headwater(settings, "sync", "linear")
    assert failed.exit_code == 1
    assert errors(failed) == [
        (
            "linear.linear: the secret LINEAR_API_KEY is not set; expected a token;"
            " export LINEAR_API_KEY, or try `headwater demo`, which needs no account"
        )
    ]
    assert disturbed.asked() == []


def test_an_unknown_repository_fails_alone(disturbed, headwater, undisturbed):
    file = disturbed.settings.sources_file
    both = "[{name: tidewater-labs/nowhere}, {name: tidewater-labs/gauge,"
    text = SOURCES_YML.replace("[{name: tidewater-labs/gauge,", both)
    assert text != SOURCES_YML
    file.write_text(text)
    failed = headwater(disturbed, "sync", "github")
    assert failed.exit_code == 1
    assert errors(failed) == [
        (
            "github.repositories: GET /github/repos/tidewater-labs/nowhere answered 404"
            " (Not Found); expected an existing object;"
            " check its name, and that the token may see it"
        )
    ]
    assert only(disturbed.raw(), "github") == only(undisturbed, "github")


def test_an_unknown_team_fails_alone(disturbed, headwater, undisturbed):
    file = disturbed.settings.sources_file
    file.write_text(SOURCES_YML.replace("[ENG]", "[NOPE, ENG]"))
    failed = headwater(disturbed, "sync", "linear")
    assert failed.exit_code == 1
    assert errors(failed) == [
        (
            "linear.teams: the team 'NOPE' does not exist, or the credential may not see it;"
            " expected a team key; correct `teams` in sources.yml"
        )
    ]
    assert only(disturbed.raw(), "linear") == only(undisturbed, "linear")


@pytest.mark.parametrize(
    "text, line, what",
    [
        ("sources: [", 1, "not valid YAML"),
        ("sources: []", 1, "sources: Tuple should have at least 1 item"),
        ("nothing: 1", 1, "sources: Field required"),
        (SOURCES_YML.replace("type: linear", "type: jira"), 6, "sources.1"),
    ],
)
def test_a_malformed_sources_file_names_the_line_and_asks_nothing(
    disturbed, headwater, text, line, what
):
    file = disturbed.settings.sources_file
    file.write_text(text)
    failed = headwater(disturbed, "sync")
    assert failed.exit_code == 1
    (message,) = errors(failed)
    assert message.startswith(f"{file}:{line}: {what}")
    assert disturbed.asked() == []
