"""What Headwater adds to Airflow's API server, over HTTP and in a browser."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import duckdb
import httpx
import pytest

from include import health
from include.airflow_env import environment
from include.health_page import render
from include.settings import ROOT, Settings
from include.spool import Spool
from tests.browser import CHROMIUM, browser
from tests.deliveries import SECRETS, from_github, send
from tests.include.test_inbox import SOURCES

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MODELS = "<!doctype html><title>dbt docs</title><p>The models of the last build.</p>"
PAGES = ("/headwater/health", "/headwater/models")

# The columns that the page reads; tests of the marts say that they have them.
PUBLISHED = """
    create schema ops;
    create table ops.ingestion_sources as select
        'github' as connection_id, 'github' as source_type, 60 as sync_frequency_minutes,
        true as is_enabled, true as is_configured, $now::timestamptz - interval 3 hours
        as last_succeeded_at;
    create table ops.sync_state as select
        'github' as connection_id, 'tidewater-labs/<gauge>' as container,
        's3' as last_sync_id, 'failed' as last_status,
        $now::timestamptz - interval 3 hours as last_succeeded_at,
        2 as consecutive_failure_count;
    create table ops.sync_history as select
        'github' as connection_id, 'tidewater-labs/<gauge>' as container, 's' || n as sync_id,
        'ingest_github' as dag_id, 'scheduled__2026-11-21T0' || n || ':00:00+00:00' as run_id,
        'http://airflow/dags/ingest_github/runs/' || n || '/tasks/extract/mapped/0?try_number=1'
        as log_url, 'incremental' as mode,
        $now::timestamptz - interval 9 hours + n * interval 1 hour as started_at,
        $now::timestamptz - interval 9 hours + n * interval 61 minutes as completed_at,
        n < 3 as is_complete,
        if(n < 3, 'completed', 'failed') as status,
        if(n < 3, null, 'github.issues: refused & <b>over</b>') as error_message,
        4321 - n as rate_limit_remaining, 7 as requests_made, 5 as requests_not_modified,
        11 as requests_saved, n * 10 as items_processed, 0 as items_unchanged
        from range(1, 4) as numbers (n);
    create table ops.raw_event_errors as select
        'e' || n as raw_event_error_id, if(n = 1, 'open', 'resolved') as status,
        'github' as connection_id, 'gauge' as container, 'issues' as resource,
        'extract' as stage, 'record ' || n || ' cannot be read' as error_message,
        3 as attempt_count, $now::timestamptz as last_failed_at from range(1, 3) as numbers (n);
    create table ops.webhook_deliveries as select
        'github' as connection_id, 'processed' as status, $now::timestamptz as received_at;
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    data = tmp_path_factory.mktemp("plugin")
    file = data / "sources.yml"
    file.write_text(SOURCES)
    settings = Settings(data, file, secret_lookup=SECRETS.get)
    settings.published.parent.mkdir()
    with duckdb.connect(str(settings.published)) as db:
        for statement in PUBLISHED.replace("$now", f"'{NOW.isoformat()}'").split(";\n"):
            db.execute(statement)
    models = data / "dbt" / "target" / "static_index.html"
    models.parent.mkdir(parents=True)
    models.write_text(MODELS)
    return settings


def test_the_page_tells_what_is_late_failing_incomplete_and_where_to_look(settings):
    page = render(health.read(settings, NOW), {"github": NOW + timedelta(minutes=5)})
    for told in (
        "tidewater-labs/&lt;gauge&gt;",
        '<span class="bad">failed</span>',
        '<span class="bad">3 h 0 min</span>',
        '<span class="bad">no</span>',
        "next run " + '<time datetime="2026-11-21T12:05:00+00:00">2026-11-21 12:05 UTC</time>',
        "<td>4,318</td>",
        "<td>16</td>",
        "github.issues: refused &amp; &lt;b&gt;over&lt;/b&gt;",
        'href="/dags/ingest_github/runs/scheduled__2026-11-21T03%3A00%3A00%2B00%3A00"',
        'href="/dags/ingest_github/runs/3/tasks/extract/mapped/0?try_number=1"',
        "rows added, last 3 runs, at most 30",
        "duration, last 3 runs, at most 180 s",
        "record 1 cannot be read",
        "1 records could not be read",
    ):
        assert told in page, told
    assert "record 2" not in page
    assert page.count("<rect") == 6
    assert page.count('<rect class="bad"') == 2
    assert "http://" not in page
    assert "https://" not in page


def test_before_anything_was_published_the_page_says_so(tmp_path):
    file = tmp_path / "sources.yml"
    file.write_text(SOURCES)
    page = render(health.read(Settings(tmp_path, file), NOW), {})
    assert "Nothing has been published yet" in page


@pytest.fixture(scope="module")
def airflow(settings):
    """Airflow's API server with the plugin, and a client that is not logged in."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {**environment(settings, port=port), **SECRETS}
    variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "reader:viewer"
    passwords = settings.data / "airflow" / "passwords.json"
    passwords.parent.mkdir(exist_ok=True)
    passwords.write_text(json.dumps({"reader": "open sesame"}))
    variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = str(passwords)
    code = "from include.airflow import prepare_database; prepare_database()"
    run = {"env": variables, "cwd": ROOT}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, **run)
    command = [sys.executable, "-m", "airflow", "api-server", "--port", str(port)]
    run |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(command, start_new_session=True, **run) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            deadline = time.monotonic() + 900
            while True:
                assert server.poll() is None
                assert time.monotonic() < deadline, "Airflow did not start"
                try:
                    if client.get("/api/v2/monitor/health").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield client
        finally:
            os.killpg(server.pid, 9)


@pytest.fixture(scope="module")
def token(airflow):
    answer = airflow.post("/auth/token", json={"username": "reader", "password": "open sesame"})
    return answer.json()["access_token"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_behind_the_login_and_opens_by_cookie_and_by_token(airflow, token, path):
    assert airflow.get(path).status_code == 401
    assert airflow.get(path, headers={"Authorization": "Bearer forged"}).status_code == 403
    assert airflow.get(path, headers={"Cookie": "_token=forged"}).status_code == 403
    by_token = airflow.get(path, headers={"Authorization": f"Bearer {token}"})
    by_cookie = airflow.get(path, headers={"Cookie": f"_token={token}"})
    assert (by_token.status_code, by_cookie.status_code) == (200, 200)
    assert by_cookie.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert by_cookie.headers["Cache-Control"] == "no-store"
    told = MODELS if path.endswith("models") else "Sync health"
    assert told in by_cookie.text


def test_nothing_else_of_the_plugin_is_open(airflow):
    for path in ("/headwater/openapi.json", "/headwater/docs", "/headwater/", "/headwater/redoc"):
        assert airflow.get(path).status_code == 404, path


def test_the_inbox_needs_no_login_but_a_signature(airflow, settings):
    with httpx.Client(base_url=f"{airflow.base_url}/headwater/webhooks", timeout=60) as client:
        sent = from_github("issues", action="opened")
        assert send(client, sent) == 202
        assert send(client, sent) == 200
        assert send(client, (sent[0], sent[1], sent[2] + b" ")) == 401
    assert len(Spool(settings.inbox).names("waiting")) == 1


def hosts(page):
    """Whom a page asked; `data:` and `blob:` are asked of nobody."""
    return {urlsplit(url).netloc for url in page.asked if url.startswith(("http", "ws"))}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="headless Chromium is not installed")
@pytest.mark.parametrize("javascript", [True, False])
def test_a_browser_shows_the_page_and_asks_no_other_host(airflow, token, tmp_path, javascript):
    host = str(airflow.base_url).rstrip("/")
    with browser(tmp_path, javascript=javascript) as page:
        page.call("Network.setCookie", name="_token", value=token, url=host, path="/")
        page.open(f"{host}/headwater/health")
        page.until("document.querySelectorAll('svg rect').length === 6")
        assert page.run("document.querySelector('h1').innerText") == "Sync health"
        assert page.run("document.querySelector('a').innerText") == "run"
        page.open(f"{host}/headwater/models")
        page.until("document.title === 'dbt docs'")
        assert hosts(page) == {urlsplit(host).netloc}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="headless Chromium is not installed")
def test_inside_the_ui_a_link_to_a_run_opens_around_the_frame(airflow, token, tmp_path):
    host = str(airflow.base_url).rstrip("/")
    inside = "document.querySelector('iframe')?.contentDocument"
    with browser(tmp_path) as page:
        page.call("Network.setCookie", name="_token", value=token, url=host, path="/")
        page.open(f"{host}/plugin/sync-health")
        page.until(f"{inside}?.querySelectorAll('svg rect').length === 6")
        page.run(f"{inside}.querySelector('a').click()")
        page.until("location.pathname.startsWith('/dags/ingest_github/runs/')")
        assert hosts(page) == {urlsplit(host).netloc}
