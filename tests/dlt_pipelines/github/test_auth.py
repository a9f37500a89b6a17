"""Tokens, several of them, and GitHub Apps: who asks, for how long, and never in the open."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dlt_pipelines.exceptions import AuthError, redact
from dlt_pipelines.github import auth
from include.sandbox import Limits
from include.sandbox.workspace import App
from include.settings import Settings
from tests.installation import QUICK, Installation
from tests.workspaces import REPO, gauge, issue

APP_ID = 4_711
APP_SOURCES = f"""
sources:
- {{name: github, type: github, owner: tidewater-labs, organization: [], secret: APP_KEY,
   app_id: {APP_ID}, base_url: "%s/github",
   repositories: [{{name: {REPO}, content_types: [issues, pull_requests, reviews]}}]}}
"""
TOKEN_SOURCES = f"""
sources:
- {{name: github, type: github, owner: tidewater-labs, organization: [], secret: TOKENS,
   base_url: "%s/github", repositories: [{{name: {REPO}, content_types: [issues, labels]}}]}}
"""


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


@pytest.fixture(autouse=True)
def no_kept_installations():
    auth._installation_of.cache_clear()


@pytest.fixture
def installed(sandbox_of, install):
    """An installation whose secret is looked up under any name."""

    def start(workspace, sources: str, secret: str, **options) -> Installation:
        sandbox = sandbox_of(workspace, **options)
        found = install(sandbox, sources=sources % sandbox.url)
        settings = Settings(
            found.settings.data,
            found.settings.sources_file,
            secret_lookup=lambda _: secret,
            retry=replace(QUICK, rate_limit_wait_max=10.0),
        )
        return Installation(settings, sandbox)

    return start


def with_app(key, owner: str = "tidewater-labs"):
    workspace = gauge()
    workspace.apps[APP_ID] = App(public_pem(key), {99: owner})
    return workspace


def bearers(installation) -> list[str]:
    return [
        exchange.request_headers["authorization"].split(" ")[1]
        for exchange in installation.asked()
        if "authorization" in exchange.request_headers and ".git/" not in exchange.path
    ]


def test_an_app_reads_with_a_token_of_its_owners_installation(installed, key):
    installation = installed(with_app(key), APP_SOURCES, private_pem(key))
    (done,) = installation.sync()
    assert done["rows_added"] > 0
    asked = installation.asked()
    assert [(e.method, e.path) for e in asked[:2]] == [
        ("GET", "/app/installations"),
        ("POST", "/app/installations/99/access_tokens"),
    ]
    tokens = {
        e.request_headers["authorization"].split(" ")[1]
        for e in asked[2:]
        if e.path.startswith(("/repos/", "/graphql"))
    }
    assert [token[:4] for token in tokens] == ["ghs_"]
    installation.sync()
    assert not any(e.path.startswith("/app/") for e in installation.asked())


def test_an_installations_token_is_renewed_before_it_ends(installed, key, monkeypatch):
    installation = installed(with_app(key), APP_SOURCES, private_pem(key))
    installation.sync()
    first = set(bearers(installation)[2:])
    later = time.time() + 3_600 - 120
    monkeypatch.setattr(time, "time", lambda: later)
    installation.sync()
    renewed = [e for e in installation.asked() if e.path.endswith("/access_tokens")]
    assert (len(renewed), len(first)) == (1, 1)


def test_an_app_that_is_not_installed_at_the_owner_says_so(installed, key):
    installation = installed(with_app(key, "somebody-else"), APP_SOURCES, private_pem(key))
    (failure,) = installation.failing_sync()
    assert str(failure) == (
        "github.tidewater-labs: App 4711 is not installed at tidewater-labs; expected one"
        " installation per owner; install the App there, and give it the repositories"
    )


@pytest.mark.parametrize("secret", ["no key at all", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"])
def test_a_key_that_is_none_is_an_error_that_does_not_tell_it(installed, key, secret):
    installation = installed(with_app(key), APP_SOURCES, secret)
    (failure,) = installation.failing_sync()
    assert isinstance(failure, AuthError)
    assert "the private key of App 4711 cannot be read" in str(failure)
    assert secret not in str(failure)


def test_a_wrong_key_is_refused(installed, key):
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    installation = installed(with_app(key), APP_SOURCES, private_pem(other))
    (failure,) = installation.failing_sync()
    assert isinstance(failure, AuthError)
    assert "set APP_KEY to a token that is valid" in str(failure)


def test_a_private_key_is_redacted_wherever_it_turns_up(key):
    pem = private_pem(key)
    assert pem.splitlines()[3] not in redact(f"cannot read {pem} as a key")


def test_several_tokens_share_the_work_when_one_is_used_up(installed):
    workspace = gauge(issues=[issue(n, n) for n in range(1, 350)])
    workspace.tokens |= {"first-token", "second-token"}
    limits = Limits(github_requests_per_hour=5)
    installation = installed(workspace, TOKEN_SOURCES, "first-token, second-token", limits=limits)
    installation.sync()
    asked = installation.asked()
    assert len(asked) > 5
    assert {e.status for e in asked} == {200}  # Nobody was refused: who has nothing left is spared.
    used = [e.request_headers["authorization"].split(" ")[1] for e in asked]
    assert {*used} == {"first-token", "second-token"}


def test_a_limit_is_waited_for_before_it_is_hit(installed):
    workspace = gauge(issues=[issue(n, n) for n in range(1, 350)])
    limits = Limits(github_requests_per_hour=4, github_window_seconds=1)
    installation = installed(workspace, TOKEN_SOURCES, "sandbox-token", limits=limits)
    started = datetime.now(UTC)
    installation.sync()
    asked = installation.asked()
    assert len(asked) > 4
    assert {e.status for e in asked} == {200}
    assert (datetime.now(UTC) - started).total_seconds() > 1
    assert installation.column(
        "select sum((details ->> 'rate_limit_wait_seconds')::float) > 0"
        " from raw_headwater.sync_events where event = 'extracted'"
    ) == [True]


def test_no_token_is_written_to_the_data_folder(installed):
    workspace = gauge()
    workspace.tokens |= {"first-token", "second-token"}
    installation = installed(workspace, TOKEN_SOURCES, "first-token second-token")
    installation.sync()
    for path in installation.settings.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"first-token" not in content, path
            assert b"second-token" not in content, path
