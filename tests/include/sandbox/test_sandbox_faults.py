"""The sandbox fails on request, exactly as often as asked, and then answers truly again."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from include.sandbox import Fault, Workspace

ISSUES = "/github/repos/tide/gauge/issues"
ROWS = [
    {
        "id": n,
        "number": n,
        "state": "open",
        "created_at": f"2026-01-0{n}",
        "user": {"login": "ines"},
    }
    for n in (3, 2, 1)
]


@pytest.fixture
def workspace() -> Workspace:
    linear = {"issues": [{"id": "i-1", "title": "One", "createdAt": "2026-01-01T00:00:00Z"}]}
    users = [{"object": "user", "id": "u-1", "type": "person", "name": "Ines"}]
    return Workspace.from_data(
        {
            "github": {"tide/gauge": {"issues": ROWS}},
            "linear": {"teams": [], **linear},
            "notion": {"users": users},
        }
    )


def ask(client: httpx.Client, provider: str) -> httpx.Response:
    if provider == "github":
        return client.get(ISSUES)
    if provider == "notion":
        return client.get("/notion/v1/users")
    return client.post(
        "/linear/graphql", json={"query": "query Titles { issues { nodes { title } } }"}
    )


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 529])
@pytest.mark.parametrize("provider", ["github", "linear", "notion"])
def test_status_is_answered_once_in_the_providers_own_form(serve, workspace, provider, status):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="status", provider=provider, status=status))
    failed, answered = ask(client, provider), ask(client, provider)
    assert (failed.status_code, answered.status_code) == (status, 200)
    form = {"github": "message", "linear": "errors", "notion": "code"}[provider]
    assert form in failed.json()
    assert [exchange.fault for exchange in sandbox.requests] == ["status", None]


def test_fault_begins_after_some_exchanges_and_hits_as_many_as_asked(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="status", path="/issues$", status=500, after=1, times=2))
    assert [ask(client, "github").status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_fault_hits_only_its_provider_path_and_operation(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="status", provider="linear", operation="Titles", times=None))
    sandbox.faults.add(Fault(kind="status", path="/pulls", times=None))
    assert ask(client, "github").status_code == 200
    assert ask(client, "linear").status_code == 500
    assert client.get("/github/repos/tide/gauge/pulls").status_code == 500
    other = client.post("/linear/graphql", json={"query": "{ viewer { id } }"})
    assert other.status_code == 200
    sandbox.faults.clear()
    sandbox.faults.add(Fault(kind="status", operation="issues"))
    assert ask(client, "linear").status_code == 500


def test_given_body_and_headers_are_sent(serve, workspace):
    sandbox, client = serve(workspace)
    fault = Fault(kind="status", status=403, body={"message": "no"}, headers={"x-why": "test"})
    sandbox.faults.add(fault)
    response = ask(client, "github")
    assert (response.json(), response.headers["x-why"]) == ({"message": "no"}, "test")


def test_rate_limits_have_each_providers_form(serve, workspace):
    sandbox, client = serve(workspace)
    for provider in ("github", "linear", "notion"):
        sandbox.faults.add(Fault(kind="rate_limit", provider=provider, seconds=30))
    github, linear, notion = (ask(client, p) for p in ("github", "linear", "notion"))
    assert (github.status_code, github.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(github.headers["x-ratelimit-reset"]) > 1_700_000_000
    assert linear.status_code == 400
    assert linear.json()["errors"][0]["extensions"]["code"] == "RATELIMITED"
    assert int(linear.headers["x-ratelimit-requests-reset"]) > 1_700_000_000_000
    assert (notion.status_code, notion.headers["retry-after"]) == (429, "30")
    assert notion.json()["code"] == "rate_limited"


@pytest.mark.parametrize("status", [403, 429])
def test_githubs_limits_come_with_either_status(serve, workspace, status):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="rate_limit", status=status))
    sandbox.faults.add(Fault(kind="secondary_limit", status=status, seconds=7))
    primary, secondary = ask(client, "github"), ask(client, "github")
    assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (status, "0")
    assert (secondary.status_code, secondary.headers["retry-after"]) == (status, "7")
    assert "secondary rate limit" in secondary.json()["message"]


def test_notions_block_says_that_it_must_not_be_retried(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="blocked"))
    response = ask(client, "notion")
    assert response.status_code == 429
    assert response.json()["additional_data"] == {"rate_limit_reason": "public_api_request_blocked"}


@pytest.mark.parametrize("status", [200, 502])
def test_html_comes_instead_of_json(serve, workspace, status):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="html", status=status))
    response = ask(client, "github")
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert response.text.startswith("<!DOCTYPE html>")


def test_truncated_body_is_a_whole_response_of_broken_json(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="truncated"))
    response = ask(client, "github")
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_dropped_connection_breaks_the_body(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="dropped"))
    with pytest.raises(httpx.RemoteProtocolError):
        ask(client, "github")
    assert ask(client, "github").json() == ROWS


def test_slow_answer_makes_a_client_time_out(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="slow", seconds=0.5))
    with pytest.raises(httpx.ReadTimeout):
        client.get(ISSUES, timeout=0.05)
    assert ask(client, "github").json() == ROWS


def test_trickling_body_comes_in_pieces_and_a_gap_makes_a_client_time_out(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="trickle", seconds=0.2, value=4))
    with client.stream("GET", ISSUES) as response:
        pieces = [*response.iter_raw()]
    assert (len(pieces), json.loads(b"".join(pieces))) == (4, ROWS)
    sandbox.faults.add(Fault(kind="trickle", seconds=1))
    with client.stream("GET", ISSUES, timeout=0.2) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            response.read()
    assert ask(client, "github").json() == ROWS


@pytest.mark.parametrize("seconds", [-7_200, 7_200])
@pytest.mark.parametrize("provider", ["github", "linear"])
def test_another_clock_is_in_the_date_and_in_the_resets(serve, workspace, provider, seconds):
    sandbox, client = serve(workspace)

    def clocks() -> tuple[float, float]:
        headers = ask(client, provider).headers
        unit = {"github": 1, "linear": 1_000}[provider]
        name = {"github": "x-ratelimit-reset", "linear": "x-ratelimit-requests-reset"}[provider]
        date = parsedate_to_datetime(headers["date"]).timestamp()
        return date, int(headers[name]) / unit

    true = clocks()
    sandbox.faults.add(Fault(kind="clock", seconds=seconds))
    told = clocks()
    assert [abs(one - other - seconds) < 60 for one, other in zip(told, true, strict=True)] == [
        True,
        True,
    ]


def changed(index: int, **fields: Any) -> list[dict[str, Any]]:
    return [row | fields if place == index else row for place, row in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault(kind="remove", key="created_at"),
            [{k: v for k, v in ROWS[0].items() if k != "created_at"}, *ROWS[1:]],
        ),
        (Fault(kind="replace", key="number", value="one", record=2), changed(2, number="one")),
        (Fault(kind="null", key="user", record=1), changed(1, user=None)),
        (Fault(kind="null", key="user.login"), changed(0, user={"login": None})),
        (Fault(kind="duplicate", record=1), [*ROWS, ROWS[1]]),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_one_record_is_damaged_and_no_etag_keeps_the_damage(serve, workspace, fault, expected):
    sandbox, client = serve(workspace)
    sandbox.faults.add(fault)
    damaged = ask(client, "github")
    assert damaged.json() == expected
    assert "etag" not in damaged.headers
    assert ask(client, "github").json() == ROWS


def test_records_of_linear_and_notion_are_damaged_where_they_are(serve, workspace):
    sandbox, client = serve(workspace)
    sandbox.faults.add(Fault(kind="remove", provider="linear", key="title"))
    sandbox.faults.add(Fault(kind="null", provider="notion", key="name"))
    assert ask(client, "linear").json() == {"data": {"issues": {"nodes": [{}]}}}
    assert ask(client, "notion").json()["results"][0]["name"] is None


def test_faults_and_the_log_are_reached_over_http(serve, workspace):
    sandbox, client = serve(workspace)
    fault = {"kind": "status", "provider": "linear", "status": 502}
    assert client.post("/_sandbox/faults", json=fault).status_code == 201
    assert client.post("/_sandbox/faults", json={"kind": "flood"}).status_code == 422
    ask(client, "linear")
    ask(client, "github")
    assert client.get("/_sandbox/requests").json() == [
        {
            "provider": "linear",
            "method": "POST",
            "path": "/graphql",
            "query": "",
            "status": 502,
            "operations": ["Titles", "issues"],
            "fault": "status",
        },
        {
            "provider": "github",
            "method": "GET",
            "path": "/repos/tide/gauge/issues",
            "query": "",
            "status": 200,
            "operations": [],
            "fault": None,
        },
    ]
    assert client.delete("/_sandbox/requests").json() == []
    assert sandbox.requests == []
    client.post("/_sandbox/faults", json=fault)
    client.delete("/_sandbox/faults")
    assert list(sandbox.faults) == []
    assert client.get("/_sandbox/health").json() == {"status": "ok", "workspace": "workspace"}
