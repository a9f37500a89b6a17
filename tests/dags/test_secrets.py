"""What a run that fails leaves and says, without the token that an answer repeats."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from include import steps
from include.airflow_env import environment
from include.sandbox import Workspace
from include.sandbox.faults import Fault
from include.settings import ROOT
from tests.include.test_notify import PATH, Web, running

PLANTED = "planted-5ecret-value-with-signs"
SOURCES = """
sources:
  - {{name: code, type: github, owner: tidewater-labs, secret: CODE_TOKEN, organization: [],
     base_url: "{url}/github", repositories: [
       {{name: tidewater-labs/gauge, content_types: [issues]}},
       {{name: tidewater-labs/headwater, content_types: [issues]}}]}}
  - {{name: tickets, type: linear, owner: tidewater, secret: TICKETS_KEY, teams: [ENG],
     base_url: "{url}/linear"}}
  - {{name: wiki, type: notion, owner: Tidewater Labs, secret: WIKI_TOKEN,
     base_url: "{url}/notion"}}
notifications: {{webhook: OPS_WEBHOOK}}
"""
# Where it can come back: a value of a record, a header, a message, a GraphQL error, HTML.
FAULTS = (
    Fault(kind="replace", path="gauge/issues$", key="updated_at", value=PLANTED, times=None),
    Fault(
        kind="status",
        path="headwater/issues$",
        status=403,
        body={"message": f"Resource protected by SAML: {PLANTED}"},
        headers={"X-GitHub-SSO": f"required; url=https://github.com/sso?request={PLANTED}"},
    ),
    Fault(
        kind="graphql_error",
        provider="linear",
        value={"message": f"no such key {PLANTED}"},
        times=None,
    ),
    Fault(kind="status", provider="notion", status=400, body=f"<p>{PLANTED}</p>", times=None),
)
RUN = """
from contextlib import suppress
from include.airflow import test_dags
for name in ("ingest_code", "ingest_tickets", "ingest_wiki", "ingest_code"):
    with suppress(SystemExit):
        test_dags([name])
"""


@pytest.fixture
def web():
    with running(Web()) as server:
        yield server


def rows_with(path, text):
    """Tables of a DuckDB file with a row that has the text in any column."""
    with duckdb.connect(str(path), read_only=True) as db:
        tables = db.execute(
            "select schema_name, table_name from duckdb_tables() where not internal"
        ).fetchall()
        return [
            f"{schema}.{table}"
            for schema, table in tables
            if db.execute(
                f'select 1 from {schema}."{table}" as r where contains(r::varchar, $1) limit 1',
                [text],
            ).fetchone()
        ]


def test_a_failing_run_is_told_and_tells_no_token_wherever_it_leaves_something(
    sandbox_of, install, web
):
    workspace = Workspace.demo()
    workspace.tokens = {PLANTED}
    sandbox = sandbox_of(workspace)
    installation = install(sandbox, sources=SOURCES.format(url=sandbox.url))
    settings = installation.settings
    for fault in FAULTS:
        sandbox.faults.add(fault)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=environment(settings)
        | dict.fromkeys(("CODE_TOKEN", "TICKETS_KEY", "WIKI_TOKEN"), PLANTED)
        | {"OPS_WEBHOOK": f"http://127.0.0.1:{web.server_port}{PATH}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    steps.dbt(settings, "run", "--select", "+sync_history", "+sync_logs")
    steps.publish(settings)

    # It did come back: what was hidden is there.
    hidden = installation.query(
        "select connection_id, container from raw_headwater.sync_events"
        " where event = 'failed' and contains(details, '***') order by all"
    )
    assert hidden == [
        ("code", "tidewater-labs/headwater"),
        ("tickets", "ENG"),
        ("tickets", "tidewater"),
        ("wiki", "Tidewater Labs"),
    ]
    assert "***" in installation.column("select payload from raw_headwater.dead_letters")[0]
    said = [body["text"] for _, body in web.posted]
    assert [text.partition(":")[0] for text in said[:3]] == [
        "ingest_code fails",
        "ingest_tickets fails",
        "ingest_wiki fails",
    ]
    assert said[3:] == ["over: ingest_code fails"]

    told = done.stdout + done.stderr
    assert [secret for secret in (PLANTED, PATH) if secret in told or secret in str(said)] == []
    assert rows_with(settings.warehouse, PLANTED) == []
    assert rows_with(settings.published, PLANTED) == []
    kept = [path for path in settings.data.rglob("*") if path.is_file()]
    assert settings.data / "airflow" / "airflow.db" in kept
    secrets = PLANTED.encode(), PATH.encode()
    assert [p for p in kept if any(secret in p.read_bytes() for secret in secrets)] == []
