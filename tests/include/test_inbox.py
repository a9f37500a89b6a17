"""The inbox over real HTTP: what it accepts, what it refuses, and that nothing kept is lost."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from include.inbox import FloodLimit
from include.settings import ROOT, Settings
from include.spool import Spool, Watch
from tests.deliveries import SECRETS, from_github, from_linear, from_notion, send, serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCES = """
sources:
  - name: github
    type: github
    owner: tidewater-labs
    secret: GITHUB_TOKEN
    webhook_secret: GITHUB_WEBHOOK_SECRET
    repositories: [{name: tidewater-labs/gauge}]
  - name: linear
    type: linear
    owner: tidewater
    secret: LINEAR_API_KEY
    webhook_secret: LINEAR_WEBHOOK_SECRET
    teams: [ENG]
  - name: notion
    type: notion
    owner: Tidewater Labs
    secret: NOTION_TOKEN
    webhook_secret: NOTION_WEBHOOK_TOKEN
  - name: without
    type: github
    owner: other
    secret: OTHER_TOKEN
    repositories: [{name: other/other}]
"""
GENUINE = {
    "github": lambda n=1: from_github("issues", n, action="opened", n=n),
    "linear": lambda n=1: from_linear("Issue", "create", n, at=NOW, id="1"),
    "notion": lambda n=1: from_notion("page.created", "1", n, at=NOW),
}


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "sources.yml"
    file.write_text(SOURCES)
    secrets = dict(SECRETS)
    found = Settings(tmp_path / "data", file, secret_lookup=lambda name: secrets.get(name))
    found.secrets = secrets
    return found


@pytest.fixture
def client(settings):
    with serving(settings, now=lambda: NOW) as opened:
        yield opened


def kept(settings):
    return Spool(settings.inbox).waiting(1000, 10**9)


def test_the_signature_that_github_documents_is_right(client):
    body = b"Hello, World!"
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {
        "X-Hub-Signature-256": given,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-GitHub-Event": "ping",
    }
    answer = client.post("/github", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": "the body is not a JSON object"})
    answer = client.post("/github", content=body + b"!", headers=headers)
    refused = {"error": "the signature is missing or wrong"}
    assert (answer.status_code, answer.json()) == (401, refused)


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_delivery_is_kept_as_sent_and_a_repeated_one_has_no_effect(
    client, settings, name
):
    sent = GENUINE[name]()
    assert send(client, sent) == 202
    (delivery,) = kept(settings)
    assert (delivery.connection_id, delivery.source_type) == (name, name)
    assert delivery.body.encode() == sent[2]
    written = next((settings.inbox / "waiting").iterdir()).read_text()
    assert not any(
        value.rpartition("=")[2] in written for key, value in sent[1].items() if "ignature" in key
    )
    assert send(client, sent) == 200
    assert kept(settings) == [delivery]
    Spool(settings.inbox).settle(delivery, "done")
    with serving(settings, now=lambda: NOW) as restarted:
        assert send(restarted, sent) == 200
    assert kept(settings) == []


def test_githubs_ids_are_not_signed_so_the_same_body_under_another_id_is_known(client, settings):
    name, headers, body = GENUINE["github"]()
    assert send(client, (name, headers, body)) == 202
    assert send(client, (name, {**headers, "X-GitHub-Delivery": "another"}, body)) == 200
    assert len(kept(settings)) == 1


@pytest.mark.parametrize("name", GENUINE)
@pytest.mark.parametrize("forgery", ["", "sha256=", "00", "sha256=" + "0" * 64, "\u00e9"])
def test_a_wrong_signature_is_refused_and_nothing_is_kept(client, settings, name, forgery):
    name, headers, body = GENUINE[name]()
    forged = {
        key: forgery.encode() if "ignature" in key else value.encode()
        for key, value in headers.items()
    }
    assert client.post(f"/{name}", content=body, headers=forged).status_code == 401
    changed = client.post(f"/{name}", content=body + b" ", headers=headers)
    assert changed.status_code == 401
    bare = {key: value for key, value in headers.items() if "ignature" not in key}
    assert client.post(f"/{name}", content=body, headers=bare).status_code == 401
    assert kept(settings) == []


@pytest.mark.parametrize(
    "sent",
    [
        from_linear("Issue", "update", at=NOW - timedelta(seconds=61), id="1"),
        from_linear("Issue", "update", at=NOW + timedelta(seconds=61), id="1"),
        from_notion("page.created", "1", at=NOW - timedelta(days=2, seconds=1)),
    ],
)
def test_a_genuine_delivery_of_another_time_is_refused(client, settings, sent):
    assert send(client, sent) == 401
    assert kept(settings) == []


def test_while_a_secret_is_replaced_both_are_accepted(client, settings):
    settings.secrets["GITHUB_WEBHOOK_SECRET"] = f"new one\n{SECRETS['GITHUB_WEBHOOK_SECRET']}\n"
    assert send(client, GENUINE["github"]()) == 202


def test_without_its_secret_an_inbox_says_that_it_is_not_ready(client, settings, caplog):
    del settings.secrets["GITHUB_WEBHOOK_SECRET"]
    assert send(client, GENUINE["github"]()) == 503
    assert "the secret GITHUB_WEBHOOK_SECRET is not set" in caplog.text


def test_the_token_of_a_new_notion_subscription_is_for_the_operators_eyes(client, settings, caplog):
    token = settings.secrets.pop("NOTION_WEBHOOK_TOKEN")
    answer = client.post("/notion", json={"verification_token": token})
    assert answer.status_code == 200
    path = settings.data / "credentials" / "notion.verification_token"
    assert path.read_text() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in caplog.text
    assert send(client, GENUINE["notion"]()) == 503  # The operator has yet to set it.
    settings.secrets["NOTION_WEBHOOK_TOKEN"] = token
    assert send(client, GENUINE["notion"]()) == 202
    assert client.post("/notion", json={"verification_token": "planted"}).status_code == 401
    assert path.read_text() == token


def test_what_is_no_inbox_is_not_found(client):
    assert client.post("/nobody", content=b"{}").status_code == 404
    assert client.post("/without", content=b"{}").status_code == 404
    assert client.get("/github").status_code == 405


def test_a_body_that_is_too_long_is_refused_however_it_is_sent(settings):
    with serving(settings, body_limit=1000) as client:
        assert client.post("/github", content=b"x" * 1001).status_code == 413
        assert client.post("/github", content=(b"x" * 100 for _ in range(11))).status_code == 413
        name, headers, body = GENUINE["github"]()
        assert len(body) <= 1000
        assert send(client, (name, headers, body)) == 202


def test_a_flood_is_told_when_to_come_back(settings):
    moment = [100.0]
    flood = FloodLimit(rate=0.5, burst=3, clock=lambda: moment[0])
    with serving(settings, flood=flood, now=lambda: NOW) as client:
        assert [send(client, GENUINE["github"](n)) for n in range(3)] == [202] * 3
        answer = client.post("/github", content=b"{}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
        moment[0] += 2
        assert send(client, GENUINE["github"](9)) == 202
        assert send(client, GENUINE["github"](10)) == 429
    assert len(kept(settings)) == 4


def test_one_client_does_not_use_up_what_another_may_send_and_few_are_remembered():
    flood = FloodLimit(rate=1, burst=1, clock=lambda: 0.0)
    assert flood.wait("a") == 0
    assert flood.wait("a") == 1
    assert flood.wait("b") == 0
    for number in range(5_000):
        flood.wait(str(number))
    assert len(flood._buckets) == 1024


def test_neither_bodies_nor_signatures_nor_secrets_are_logged(client, caplog):
    caplog.set_level(logging.DEBUG)
    for make in GENUINE.values():
        name, headers, body = make()
        send(client, (name, headers, body))
        send(client, (name, {**headers, "X-Hub-Signature-256": "sha256=bad"}, body))
        for secret in SECRETS.values():
            assert secret not in caplog.text
        assert body.decode() not in caplog.text
        for key, value in headers.items():
            assert "ignature" not in key or value not in caplog.text


def test_a_failed_delivery_waits_longer_than_a_new_one(settings, client):
    moment = [0.0]
    watch = Watch(Spool(settings.inbox), clock=lambda: moment[0])
    assert not watch.is_due()
    send(client, GENUINE["github"](1))
    assert watch.is_due()
    assert not watch.is_due()
    moment[0] = 59
    assert not watch.is_due()
    send(client, GENUINE["github"](2))
    assert watch.is_due()
    moment[0] = 118
    assert not watch.is_due()
    moment[0] = 119
    assert watch.is_due()


def test_old_deliveries_are_forgotten_once_they_were_followed(settings, client):
    for number in range(3):
        send(client, GENUINE["github"](number))
    spool = Spool(settings.inbox)
    first, second, _ = kept(settings)
    spool.settle(first, "done")
    spool.settle(second, "failed")
    long_ago = time.time() - 31 * 24 * 3600
    for path in settings.inbox.rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))
    spool.prune()
    assert [len(spool.names(state)) for state in ("waiting", "done", "failed")] == [1, 0, 1]


@contextmanager
def command(settings, *options):
    """`headwater inbox` as a process of its own, and a client of it."""
    environment = {
        **os.environ,
        **SECRETS,
        "HEADWATER_DATA": str(settings.data),
        "HEADWATER_SOURCES": str(settings.sources_file),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "include.cli", "inbox", "--port", "0", *options],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "the inbox ended"
                found = re.search(r"running on (http://127\.0\.0\.1:\d+)", line)
            with httpx.Client(base_url=f"{found[1]}/webhooks", timeout=20) as client:
                yield process, client
        finally:
            process.kill()


def test_kill_9_after_202_loses_nothing_and_forgets_nothing(settings):
    sent = [GENUINE["github"](number) for number in range(5)]
    with command(settings) as (process, client):
        for one in sent:
            assert send(client, one) == 202
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert sorted(json.loads(d.body)["n"] for d in kept(settings)) == [0, 1, 2, 3, 4]
    with command(settings) as (_, client):
        assert [send(client, one) for one in sent] == [200] * 5
    assert len(kept(settings)) == 5
    assert [p.name for p in (settings.inbox / "waiting").glob("*.tmp")] == []
