"""The client tells what can be tried again from what cannot, waits as told, and keeps secrets."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dlt_pipelines.exceptions import (
    AuthError,
    HeadwaterError,
    NotFoundError,
    PermanentError,
    TransientError,
    redact,
    register_secret,
)
from dlt_pipelines.http import Client, Meter, RetryPolicy
from include.sandbox.faults import Fault
from include.settings import SANDBOX_TOKEN
from tests.installation import QUICK
from tests.workspaces import REPO, github, issue, label, linear, notion

LABELS = f"/repos/{REPO}/labels"
WITHOUT_RETRY = RetryPolicy(attempts=1, rate_limit_wait_max=0.0, timeout=5.0)


@pytest.fixture
def sandbox(sandbox_of):
    workspace = github(issues=[issue(1)])
    workspace.linear = linear().linear
    workspace.notion = notion().notion
    return sandbox_of(workspace)


def ask(client: Client, meter: Meter | None = None) -> Any:
    """One request of each provider's own kind."""
    meter = meter or Meter("things")
    if client.source == "github":
        return client.get(meter, LABELS, None, list[Any]).data
    if client.source == "linear":
        query = "query Teams { page: teams { nodes { id key } } }"
        return client.graphql(meter, "/graphql", query, {}, dict[str, Any])
    return client.get(meter, "/v1/users", {"page_size": 100}, dict[str, Any]).data["results"]


STATUSES = [
    ("github", 401, AuthError, "unauthorized", "set A_SECRET to a token that is valid"),
    ("github", 403, AuthError, "forbidden", "grant the token in A_SECRET read access"),
    ("github", 404, NotFoundError, "not_found", "check its name, and that the token may see it"),
    ("github", 409, PermanentError, "conflict", "check the configuration of this source"),
    ("github", 410, NotFoundError, "not_found", "check its name, and that the token may see it"),
    ("github", 422, PermanentError, "bad_request", "check the configuration of this source"),
    ("github", 429, TransientError, "rate_limited", "wait 60 s or give A_SECRET a higher limit"),
    ("github", 500, TransientError, "server_error", "run again later"),
    ("github", 502, TransientError, "server_error", "run again later"),
    ("github", 503, TransientError, "server_error", "run again later"),
    ("linear", 400, PermanentError, "bad_request", "check the configuration of this source"),
    ("linear", 401, AuthError, "unauthorized", "set A_SECRET to a token that is valid"),
    ("linear", 403, AuthError, "forbidden", "grant the token in A_SECRET read access"),
    ("linear", 500, TransientError, "server_error", "run again later"),
    ("notion", 400, PermanentError, "bad_request", "check the configuration of this source"),
    ("notion", 401, AuthError, "unauthorized", "set A_SECRET to a token that is valid"),
    ("notion", 403, AuthError, "forbidden", "grant the token in A_SECRET read access"),
    ("notion", 404, NotFoundError, "not_found", "check its name, and that the token may see it"),
    ("notion", 409, PermanentError, "conflict", "check the configuration of this source"),
    ("notion", 502, TransientError, "server_error", "run again later"),
    ("notion", 529, TransientError, "rate_limited", "wait 60 s or give A_SECRET a higher limit"),
]


@pytest.mark.parametrize(
    "source, status, kind, code, remedy", STATUSES, ids=lambda value: str(value)[:20]
)
def test_every_status_is_one_kind_of_error_that_says_what_to_do(
    sandbox, client_of, source, status, kind, code, remedy
):
    sandbox.faults.add(Fault(kind="status", status=status, times=None))
    with pytest.raises(HeadwaterError) as caught:
        ask(client_of(sandbox, source, retry=WITHOUT_RETRY))
    assert (type(caught.value), caught.value.code) == (kind, code)
    where, *rest = str(caught.value).split(": ", 1)
    assert where == f"{source}.things"
    assert f"answered {status} (" in rest[0]
    assert f"Scripted failure {status}" in rest[0]
    assert "; expected " in rest[0]
    assert rest[0].endswith(f"; {remedy}")


@pytest.mark.parametrize("status, requests", [(500, 3), (502, 3), (401, 1), (403, 1), (404, 1)])
def test_only_transient_errors_are_tried_again(sandbox, client_of, status, requests):
    sandbox.faults.add(Fault(kind="status", status=status, times=None))
    meter = Meter("labels")
    with pytest.raises(HeadwaterError):
        ask(client_of(sandbox), meter)
    assert (meter.requests_made, len(sandbox.requests)) == (requests, requests)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=500, times=2),
        Fault(kind="html", status=502, times=2),
        Fault(kind="html", times=2),
        Fault(kind="truncated", times=2),
        Fault(kind="dropped", times=2),
        Fault(kind="secondary_limit", seconds=0, times=2),
        Fault(kind="secondary_limit", status=429, seconds=0, times=2),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status or ''}".strip(),
)
def test_what_passes_is_tried_again_until_it_succeeds(sandbox, client_of, fault):
    sandbox.faults.add(fault)
    meter = Meter("users")
    assert len(ask(client_of(sandbox, "notion"), meter)) == 7
    assert meter.requests_made == 3
    assert [exchange.fault for exchange in sandbox.requests] == [fault.kind, fault.kind, None]


@pytest.mark.parametrize(
    "fault, code, what",
    [
        (Fault(kind="html", times=None), "malformed_response", "text/html"),
        (Fault(kind="truncated", times=None), "malformed_response", "Input data was truncated"),
        (Fault(kind="html", status=502, times=None), "server_error", "Unicorn!"),
        (Fault(kind="dropped", times=None), "connection", "RemoteProtocolError"),
        (
            Fault(kind="status", status=200, body={"results": "none"}, times=None),
            "malformed_response",
            "Expected `array`, got `object`",
        ),
    ],
    ids=["html", "truncated", "html 502", "dropped", "another shape"],
)
def test_a_body_that_is_no_answer_says_so_after_every_attempt(
    sandbox, client_of, fault, code, what
):
    sandbox.workspace.github(REPO).labels.upsert({"id": 1, "name": "bug"})
    sandbox.on_response = None  # That label is no contract's.
    sandbox.faults.add(fault)
    with pytest.raises(TransientError, match=r"^github\.labels: GET ") as caught:
        ask(client_of(sandbox), Meter("labels"))
    assert caught.value.code == code
    assert what in str(caught.value)
    assert len(sandbox.requests) == 3


def test_a_slow_answer_is_a_timeout(sandbox, client_of):
    sandbox.faults.add(Fault(kind="slow", seconds=0.3, times=None))
    impatient = RetryPolicy(attempts=1, timeout=0.05)
    with pytest.raises(TransientError, match="ReadTimeout") as caught:
        ask(client_of(sandbox, retry=impatient))
    assert caught.value.code == "timeout"


def test_a_host_that_is_not_there_is_a_connection_error(sandbox, client_of):
    client = client_of(sandbox)
    sandbox.stop()
    with pytest.raises(TransientError, match="check the network and base_url") as caught:
        ask(client)
    assert caught.value.code == "connection"


# Limits


def limit_error(client: Client) -> TransientError:
    with pytest.raises(TransientError) as caught:
        ask(client)
    assert caught.value.code == "rate_limited"
    return caught.value


@pytest.mark.parametrize("status", [403, 429])
def test_github_primary_limit_waits_until_its_reset_and_a_second(sandbox, client_of, status):
    sandbox.faults.add(Fault(kind="rate_limit", status=status, seconds=40))
    error = limit_error(client_of(sandbox, retry=WITHOUT_RETRY))
    assert error.retry_after == pytest.approx(41, abs=1.1)
    assert "a higher limit" in str(error)


@pytest.mark.parametrize("status", [403, 429])
def test_github_secondary_limit_waits_what_retry_after_says(sandbox, client_of, status):
    sandbox.faults.add(Fault(kind="secondary_limit", status=status, seconds=77))
    assert limit_error(client_of(sandbox, retry=WITHOUT_RETRY)).retry_after == 77


def test_github_secondary_limit_without_headers_waits_a_minute(sandbox, client_of):
    message = "You have exceeded a secondary rate limit."
    sandbox.faults.add(Fault(kind="status", status=403, body={"message": message}))
    assert limit_error(client_of(sandbox, retry=WITHOUT_RETRY)).retry_after == 60


def test_retry_after_goes_before_the_reset(sandbox, client_of):
    sandbox.faults.add(Fault(kind="rate_limit", seconds=900, headers={"retry-after": "5"}))
    assert limit_error(client_of(sandbox, retry=WITHOUT_RETRY)).retry_after == 5


def test_retry_after_of_a_server_error_is_obeyed(sandbox, client_of):
    sandbox.faults.add(Fault(kind="status", status=503, headers={"retry-after": "9"}))
    with pytest.raises(TransientError) as caught:
        ask(client_of(sandbox, retry=WITHOUT_RETRY))
    assert (caught.value.code, caught.value.retry_after) == ("server_error", 9)


def test_retry_after_may_be_a_date(sandbox, client_of):
    date = "Wed, 21 Oct 2099 07:28:00 GMT"
    sandbox.faults.add(Fault(kind="secondary_limit", headers={"retry-after": date}))
    waited = limit_error(client_of(sandbox, retry=WITHOUT_RETRY)).retry_after
    expected = (datetime(2099, 10, 21, 7, 28, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    assert waited == pytest.approx(expected, abs=3)


def test_linear_limit_is_a_400_and_waits_until_its_reset_in_milliseconds(sandbox, client_of):
    sandbox.faults.add(Fault(kind="rate_limit", provider="linear", seconds=30))
    error = limit_error(client_of(sandbox, "linear", retry=WITHOUT_RETRY))
    assert error.retry_after == pytest.approx(31, abs=1.1)
    assert "answered 400 (RATELIMITED" in str(error)


def test_linear_limit_waits_for_the_latest_reset_of_the_budgets_that_are_used_up(
    sandbox, client_of
):
    now = int(time.time())
    headers = {
        "x-ratelimit-complexity-remaining": "0",
        "x-ratelimit-complexity-reset": str((now + 50) * 1000),
        "x-ratelimit-endpoint-requests-remaining": "3",
        "x-ratelimit-endpoint-requests-reset": str((now + 500) * 1000),
    }
    sandbox.faults.add(Fault(kind="rate_limit", provider="linear", seconds=10, headers=headers))
    error = limit_error(client_of(sandbox, "linear", retry=WITHOUT_RETRY))
    assert error.retry_after == pytest.approx(51, abs=1.1)


@pytest.mark.parametrize("status, code", [(429, "rate_limited"), (529, "service_overload")])
def test_notion_limits_wait_what_retry_after_says(sandbox, client_of, status, code):
    sandbox.faults.add(Fault(kind="status", status=status, headers={"retry-after": "3"}))
    error = limit_error(client_of(sandbox, "notion", retry=WITHOUT_RETRY))
    assert error.retry_after == 3
    assert f"answered {status} ({code}" in str(error)


def test_a_blocked_notion_workspace_is_not_asked_again(sandbox, client_of):
    sandbox.faults.add(Fault(kind="blocked", times=None))
    with pytest.raises(PermanentError, match="the workspace's owner must lift the block") as caught:
        ask(client_of(sandbox, "notion"))
    assert (caught.value.code, len(sandbox.requests)) == ("blocked", 1)


def test_a_block_is_seen_behind_a_long_message(sandbox, client_of):
    body = {
        "object": "error",
        "status": 429,
        "code": "rate_limited",
        "message": "Public API requests are blocked. " * 20,
        "additional_data": {"rate_limit_reason": "public_api_request_blocked"},
    }
    sandbox.faults.add(Fault(kind="status", status=429, body=body, times=None))
    with pytest.raises(PermanentError) as caught:
        ask(client_of(sandbox, "notion"))
    assert (caught.value.code, len(sandbox.requests)) == ("blocked", 1)


def test_a_limit_is_waited_for_exactly_and_counted(sandbox, client_of):
    sandbox.faults.add(Fault(kind="secondary_limit", seconds=1, times=2))
    meter = Meter("labels")
    started = time.monotonic()
    assert ask(client_of(sandbox), meter) == []
    assert 2.0 <= time.monotonic() - started < 2.9
    assert (meter.requests_made, meter.rate_limit_wait_seconds) == (3, 2.0)


def test_a_limit_longer_than_we_are_willing_to_wait_fails_at_once(sandbox, client_of):
    sandbox.faults.add(Fault(kind="secondary_limit", seconds=3, times=None))
    meter = Meter("labels")
    with pytest.raises(TransientError, match="wait 3 s or give A_SECRET a higher limit"):
        ask(client_of(sandbox), meter)
    assert (meter.requests_made, meter.rate_limit_wait_seconds) == (1, 0.0)


def test_only_waits_that_were_sat_out_are_counted(sandbox, client_of):
    sandbox.faults.add(Fault(kind="secondary_limit", seconds=1, times=None))
    policy = RetryPolicy(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)
    meter = Meter("labels")
    started = time.monotonic()
    with pytest.raises(TransientError):
        ask(client_of(sandbox, retry=policy), meter)
    assert time.monotonic() - started < 1.9
    assert (meter.requests_made, meter.rate_limit_wait_seconds) == (2, 1.0)


def test_the_meter_counts_requests_bytes_and_what_is_left(sandbox, client_of):
    meter = Meter("labels")
    client = client_of(sandbox)
    ask(client, meter)
    ask(client, meter)
    # An answer's time is a whole second.
    assert timedelta(seconds=-5) < (meter.clock_offset or timedelta(1)) <= timedelta()
    assert meter == Meter("labels", 2, 0, 4, 4_998, 0.0, clock_offset=meter.clock_offset)
    meter = Meter("teams")
    ask(client_of(sandbox, "linear"), meter)
    assert (meter.requests_made, meter.rate_limit_remaining) == (1, 2_499)


# GraphQL


def test_graphql_errors_beside_data_are_a_failure(sandbox, client_of):
    body = {"data": {"page": {"nodes": []}}, "errors": [{"message": "one field failed"}]}
    sandbox.faults.add(Fault(kind="status", status=200, body=body))
    with pytest.raises(PermanentError) as caught:
        ask(client_of(sandbox, "linear"))
    assert caught.value.code == "graphql_error"
    assert str(caught.value) == (
        "linear.things: GraphQL answered with errors: one field failed; expected data without"
        " errors; report the query, or narrow the resource list"
    )


@pytest.mark.parametrize("data", [None, {"page": None}, {"page": {"nodes": None}}])
def test_graphql_errors_are_told_even_where_data_has_holes(sandbox, client_of, data):
    body = {"data": data, "errors": [{"message": "broken resolver"}]}
    sandbox.faults.add(Fault(kind="status", status=200, body=body, times=None))
    client = client_of(sandbox, "linear")
    with pytest.raises(PermanentError, match="broken resolver") as caught:
        client.graphql(Meter("teams"), "/graphql", "{ x }", {}, dict[str, dict[str, list[Any]]])
    assert (caught.value.code, len(sandbox.requests)) == ("graphql_error", 1)


def test_graphql_without_data_or_errors_is_a_failure(sandbox, client_of):
    sandbox.faults.add(Fault(kind="status", status=200, body={}))
    with pytest.raises(PermanentError, match="GraphQL answered with errors: no data"):
        ask(client_of(sandbox, "linear"))


def test_an_invalid_query_fails_at_once_with_linears_words(sandbox, client_of):
    client = client_of(sandbox, "linear")
    with pytest.raises(PermanentError, match=r"GRAPHQL_VALIDATION_FAILED.*'rank'"):
        client.graphql(
            Meter("teams"), "/graphql", "{ teams { nodes { rank } } }", {}, dict[str, Any]
        )
    assert len(sandbox.requests) == 1


# Secrets

PLANTED = "planted-5ecret-value/with+signs="


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=401, body={"message": f"bad token {PLANTED}"}),
        Fault(kind="status", status=422, body={"message": "x", "errors": [{"message": PLANTED}]}),
        Fault(kind="status", status=500, body=f"<p>{PLANTED}</p>"),
        Fault(kind="status", status=200, body=f"oops {PLANTED}"),
        Fault(kind="status", status=404),
        Fault(kind="dropped", times=None),
    ],
    ids=["auth", "nested", "html", "malformed", "url", "dropped"],
)
def test_no_message_tells_a_registered_secret(sandbox, client_of, fault):
    register_secret(PLANTED)
    fault.times = None
    sandbox.faults.add(fault)
    client = client_of(sandbox, token=PLANTED, retry=WITHOUT_RETRY)
    with pytest.raises(HeadwaterError) as caught:
        client.get(Meter("labels"), f"{LABELS}?key={PLANTED}", None, list[Any])
    assert PLANTED not in str(caught.value)
    assert PLANTED not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_in_graphql_variables_does_not_come_back(sandbox, client_of):
    register_secret(PLANTED)
    client = client_of(sandbox, "linear")
    query = "query T($key: String) { page: teams(filter: {key: {eq: $key}}) { nodes { rank } } }"
    with pytest.raises(PermanentError) as caught:
        client.graphql(Meter("teams"), "/graphql", query, {"key": PLANTED}, dict[str, Any])
    assert PLANTED not in str(caught.value)


def test_a_secret_that_begins_with_another_is_hidden_whole():
    register_secret("hunter")
    register_secret("hunter-two")
    assert redact("hunter-two and hunter") == "*** and ***"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("ghp_" + "a" * 36, "***"),
        ("gho_" + "B" * 36, "***"),
        ("ghs_" + "1" * 300, "***"),
        ("github_pat_" + "a1B_" * 15, "***"),
        ("lin_api_" + "x" * 40, "***"),
        ("lin_oauth_" + "x" * 40, "***"),
        ("ntn_" + "9" * 40, "***"),
        ("secret_" + "z" * 40, "***"),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: ***"),
        (
            "https://x.example/?access_token=abc&page=2",
            "https://x.example/?access_token=***&page=2",
        ),
        ("https://user:pass%40word@ghe.example/api", "https://***@ghe.example/api"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJlMTIz", "***"),
        ("the secret GITHUB_TOKEN is not set", "the secret GITHUB_TOKEN is not set"),
        ("tidewater-labs/gauge#12 and ENG-3", "tidewater-labs/gauge#12 and ENG-3"),
    ],
)
def test_known_token_shapes_are_hidden_and_nothing_else(text, shown):
    assert redact(text) == shown


def test_short_texts_are_never_taken_for_secrets():
    register_secret("main")
    assert redact("the main branch") == "the main branch"


def test_the_client_does_not_show_its_token(sandbox, client_of):
    assert SANDBOX_TOKEN not in repr(client_of(sandbox))


def test_what_is_asked_and_answered_is_in_no_log(sandbox, client_of, caplog):
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add(Fault(kind="status", status=404, headers={"Location": f"/?{PLANTED}"}))
    client = client_of(sandbox, token=PLANTED, retry=WITHOUT_RETRY)
    with pytest.raises(NotFoundError):
        client.get(Meter("labels"), f"{LABELS}?key={PLANTED}", None, list[Any])
    assert [message for message in caplog.messages if "planted" in message] == []


def test_quick_policy_is_what_tests_assume():
    assert (QUICK.attempts, QUICK.wait_max, QUICK.rate_limit_wait_max) == (3, 0.0, 2.0)


# Conditional requests


class OneToken:
    """A token by name, as `Client` asks for it."""

    def __init__(self, identity: str, secret: str = SANDBOX_TOKEN) -> None:
        self.identity, self._secret = identity, secret

    def authorization(self) -> str:
        return f"Bearer {self._secret}"


class Always:
    """Tokens of which the first is always chosen, unless another one has asked before."""

    def __init__(self, *tokens: OneToken) -> None:
        self._tokens = {token.identity: token for token in tokens}

    def choose(self, resource: str, preferred: str | None) -> OneToken:
        return self._tokens.get(preferred or "") or next(iter(self._tokens.values()))

    def observe(self, token: OneToken, resource: str, response: Any) -> None:
        pass


def ask_if_changed(client: Client, meter: Meter, validators: dict[str, str]) -> Any:
    page = client.get_if_changed(meter, LABELS, {"per_page": 100}, list[Any], validators)
    return None if page is None else [label["name"] for label in page.data]


def test_an_answer_that_is_known_is_not_sent_again_and_costs_no_quota(sandbox, client_of):
    client, meter, validators = client_of(sandbox), Meter("labels"), {}
    assert ask_if_changed(client, meter, validators) == []
    left = meter.rate_limit_remaining
    assert ask_if_changed(client, meter, validators) is None
    assert (meter.requests_made, meter.requests_not_modified) == (2, 1)
    assert meter.rate_limit_remaining == left
    sandbox.workspace.github(REPO).labels.upsert(label(1))
    assert ask_if_changed(client, meter, validators) == ["label 1"]
    assert ask_if_changed(client, meter, validators) is None


def test_validators_belong_to_the_token_that_got_them_and_outlive_the_client(sandbox, client_of):
    validators: dict[str, str] = {}
    first = client_of(sandbox)
    first.tokens = Always(OneToken("one"))
    ask_if_changed(first, Meter("labels"), validators)
    assert list(validators) == [f"one /github{LABELS}?per_page=100"]
    other = client_of(sandbox)
    other.tokens = Always(OneToken("two"))
    assert ask_if_changed(other, Meter("labels"), validators) == []
    again = client_of(sandbox)
    again.tokens = Always(OneToken("three"), OneToken("one"))
    assert ask_if_changed(again, Meter("labels"), validators) is None
    headers = [exchange.request_headers.get("if-none-match") for exchange in sandbox.requests]
    assert [bool(header) for header in headers] == [False, False, True]


def test_a_failed_answer_leaves_no_validator(sandbox, client_of):
    sandbox.faults.add(Fault(kind="truncated", times=None))
    sandbox.workspace.github(REPO).labels.upsert(label(1))
    validators: dict[str, str] = {}
    with pytest.raises(TransientError):
        ask_if_changed(client_of(sandbox), Meter("labels"), validators)
    assert validators == {}
