"""Linear's credentials: keys, access tokens, and refresh tokens that can be used once."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dlt_pipelines.exceptions import AuthError, TransientError
from dlt_pipelines.http import Client, Meter
from dlt_pipelines.linear.auth import tokens_of
from dlt_pipelines.linear.graphql import query_text
from include.sandbox import Limits
from include.sandbox.faults import Fault
from include.settings import Settings
from tests.installation import QUICK
from tests.workspaces import TEAM, team

SOURCES_YML = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_API_KEY, teams: [ENG]}
"""
OAUTH_YML = """
sources:
- {name: linear, type: linear, owner: tidewater, secret: LINEAR_REFRESH_TOKEN, teams: [ENG],
   client_id: headwater, client_secret: LINEAR_CLIENT_SECRET, base_url: "%s"}
"""


@pytest.fixture
def application(sandbox_of, install):
    """An installation that has been authorised as an OAuth application, and its first token."""

    def start(**options):
        sandbox = sandbox_of(team(), **options)
        refresh_token = sandbox.workspace.linear.oauth.authorize("headwater", "a client's secret")
        installation = install(sandbox, sources=OAUTH_YML % f"{sandbox.url}/linear")
        secrets = {
            "LINEAR_REFRESH_TOKEN": refresh_token,
            "LINEAR_CLIENT_SECRET": "a client's secret",
        }
        installation.settings = _settings(installation, secrets)
        return installation, sandbox.workspace.linear.oauth, secrets

    return start


def _settings(installation, secrets: dict[str, str]) -> Settings:
    before = installation.settings
    return Settings(before.data, before.sources_file, None, secrets.get, QUICK)


def ask(request) -> dict:
    with Client("linear", request.base_url, {}, "S", QUICK, tokens_of(request)) as client:
        return client.graphql(Meter("viewer"), "/graphql", query_text("viewer"), {}, dict)


def tokens_asked_for(installation) -> int:
    return sum(exchange.path.endswith("/oauth/token") for exchange in installation.asked())


def kept(installation) -> Path:
    (path,) = (installation.settings.data / "credentials").glob("linear-*.json")
    return path


@pytest.mark.parametrize(
    "token, header",
    [
        ("lin_api_" + "a" * 20, "lin_api_" + "a" * 20),
        ("lin_oauth_" + "b" * 20, "Bearer lin_oauth_" + "b" * 20),
    ],
)
def test_a_personal_key_goes_bare_and_an_access_token_as_bearer(sandbox_of, install, token, header):
    served = team()
    served.tokens = {token}
    installation = install(sandbox_of(served), sources=SOURCES_YML)
    ask(replace(installation.settings.request("linear", TEAM), secret=token))
    assert installation.asked()[-1].request_headers["authorization"] == header


def test_a_refresh_token_brings_an_access_token_that_all_containers_share(application):
    installation, oauth, secrets = application()
    installation.sync("linear")
    assert tokens_asked_for(installation) == 1
    assert oauth.used == [secrets["LINEAR_REFRESH_TOKEN"]]
    assert installation.column("select count(*) from raw_linear.issues") == [2]
    installation.sync("linear")
    assert tokens_asked_for(installation) == 0


def test_the_newest_tokens_are_kept_where_only_their_owner_can_read_them(application):
    installation, oauth, secrets = application()
    installation.sync("linear", containers=[TEAM])
    pair = json.loads(kept(installation).read_text())
    assert pair["refresh_token"] not in oauth.used
    assert kept(installation).stat().st_mode & 0o777 == 0o600
    assert kept(installation).parent.stat().st_mode & 0o777 == 0o700
    secret_texts = [*secrets.values(), pair["refresh_token"], pair["access_token"]]
    others = [p for p in installation.settings.data.rglob("*") if p.is_file()]
    for path in set(others) - {kept(installation), installation.settings.sources_file}:
        content = path.read_bytes()
        assert [text for text in secret_texts if text.encode() in content] == [], path


def test_an_access_token_that_was_refused_is_renewed_once_with_the_next_refresh_token(application):
    installation, oauth, secrets = application()
    installation.sync("linear", containers=[TEAM])
    first = json.loads(kept(installation).read_text())
    oauth.expire()
    installation.asked()
    installation.sync("linear", containers=[TEAM])
    statuses = [e.status for e in installation.asked()]
    assert statuses[:3] == [401, 200, 200]
    assert statuses.count(401) == 1
    assert oauth.used == [secrets["LINEAR_REFRESH_TOKEN"], first["refresh_token"]]


def test_an_access_token_is_renewed_before_its_day_is_over(application):
    installation, oauth, _ = application()
    oauth.lifetime_seconds = 200
    installation.sync("linear", containers=[TEAM])
    assert 401 not in [exchange.status for exchange in installation.asked()]
    assert len(oauth.used) > 1


def test_the_new_refresh_token_is_on_disk_before_the_access_token_is_used(application):
    seen: list[bool] = []

    def after(exchange) -> None:
        if exchange.path.endswith("/graphql"):
            token = exchange.request_headers["authorization"].removeprefix("Bearer ")
            seen.append(json.loads(kept(installation).read_text())["access_token"] == token)

    installation, *_ = application(after=after)
    installation.sync("linear", containers=[TEAM])
    assert seen
    assert all(seen)


def test_many_at_once_renew_once(application):
    installation, oauth, _ = application()
    installation.sync("linear", containers=[TEAM])
    oauth.expire()
    request = installation.settings.request("linear", TEAM)
    before = len(oauth.used)
    threads = [threading.Thread(target=ask, args=(request,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(oauth.used) == before + 1


def test_a_refresh_token_that_was_used_elsewhere_is_refused_with_what_to_do(application):
    installation, _, secrets = application()
    installation.sync("linear", containers=[TEAM])
    kept(installation).unlink()  # As if another machine had used the token that was set.
    (failure,) = installation.failing_sync("linear")
    assert isinstance(failure, AuthError)
    assert re.search(
        r"linear\.oauth: the refresh token was refused: .*invalid_grant.*; expected the newest one,"
        r" not used before; authorise the application again, set LINEAR_REFRESH_TOKEN",
        str(failure),
    )
    assert secrets["LINEAR_REFRESH_TOKEN"] not in str(failure)
    assert secrets["LINEAR_CLIENT_SECRET"] not in str(failure)


def test_a_new_refresh_token_that_the_operator_sets_goes_before_the_one_kept(application):
    installation, oauth, secrets = application()
    installation.sync("linear", containers=[TEAM])
    secrets["LINEAR_REFRESH_TOKEN"] = oauth.authorize("headwater", "a client's secret")
    installation.settings = _settings(installation, secrets)
    installation.sync("linear", containers=[TEAM])
    assert oauth.used[-1] == secrets["LINEAR_REFRESH_TOKEN"]


def test_a_kept_file_that_cannot_be_read_says_so(application):
    installation, *_ = application()
    installation.sync("linear", containers=[TEAM])
    kept(installation).write_text("{")
    (failure,) = installation.failing_sync("linear")
    assert isinstance(failure, AuthError)
    assert "of the newest refresh token cannot be read" in str(failure)


def test_without_the_client_secret_the_error_names_it(application):
    installation, _, secrets = application()
    installation.settings = _settings(installation, {**secrets, "LINEAR_CLIENT_SECRET": ""})
    with pytest.raises(AuthError, match="the secret LINEAR_CLIENT_SECRET is not set"):
        installation.settings.request("linear", TEAM)


# Budgets


def test_who_has_no_requests_left_waits_and_does_not_ask(sandbox_of, install):
    limits = Limits(linear_requests_per_hour=1)
    installation = install(sandbox_of(team(), limits=limits), sources=SOURCES_YML)
    request = installation.settings.request("linear", TEAM)
    ask(request)
    with pytest.raises(TransientError, match=r"linear\.graphql: the quota of the token") as caught:
        ask(request)
    assert caught.value.code == "rate_limited"
    assert 3_500 < caught.value.retry_after <= 3_602
    assert len(installation.asked()) == 1


def test_who_has_no_complexity_left_waits_too(sandbox_of, install):
    limits = Limits(linear_complexity_per_hour=3)
    installation = install(sandbox_of(team(), limits=limits), sources=SOURCES_YML)
    request = installation.settings.request("linear", TEAM)
    ask(request)
    with pytest.raises(TransientError) as caught:
        ask(request)
    assert caught.value.code == "rate_limited"


def test_a_refusal_is_waited_out_until_the_reset_and_the_sync_goes_on(sandbox_of, install):
    retry = replace(QUICK, rate_limit_wait_max=60.0)
    installation = install(sandbox_of(team()), sources=SOURCES_YML, retry=retry)
    installation.sandbox.faults.add(Fault(kind="rate_limit", provider="linear", seconds=0.2))
    (done,) = installation.sync("linear", containers=[TEAM], resources=["comments"])
    assert [exchange.status for exchange in installation.asked()] == [400, 200]
    assert done["items_processed"] == 1
