"""Nobody asks who has nothing left: tokens share their quotas between processes, and pace."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
import pytest

from dlt_pipelines import quota
from dlt_pipelines.exceptions import TransientError
from dlt_pipelines.quota import Quotas


@dataclass(frozen=True)
class Named:
    identity: str

    def authorization(self) -> str:
        return f"Bearer {self.identity}"


A, B = Named("a"), Named("b")


def answer(left: int, seconds: float = 600) -> httpx.Response:
    """A response that says what is left until a reset in some seconds."""
    headers = {
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(int(time.time() + seconds)),
        "date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
    }
    return httpx.Response(200, headers=headers)


@pytest.fixture
def quotas(tmp_path):
    return lambda *tokens: Quotas("github", tmp_path / "quotas", tokens)


def test_the_token_with_most_left_asks(quotas):
    both = quotas(A, B)
    both.observe(A, "core", answer(10))
    both.observe(B, "core", answer(20))
    chosen = [both.choose("core", None).identity for _ in range(14)]
    assert chosen[:10] == ["b"] * 10
    assert set(chosen[10:]) == {"a", "b"}


def test_the_preferred_token_asks_while_it_may(quotas):
    both = quotas(A, B)
    both.observe(A, "core", answer(1))
    both.observe(B, "core", answer(20))
    assert both.choose("core", "a").identity == "a"
    assert both.choose("core", "a").identity == "b"


def test_what_one_process_has_used_another_knows(quotas):
    quotas(A).observe(A, "core", answer(0))
    with pytest.raises(TransientError, match="the quota of the token is used up") as caught:
        quotas(A).choose("core", None)
    assert caught.value.code == "rate_limited"
    assert 595 < caught.value.retry_after <= 602


def test_quotas_of_rest_and_graphql_are_apart(quotas):
    one = quotas(A)
    one.observe(A, "graphql", answer(0))
    assert one.choose("core", None) is A
    with pytest.raises(TransientError, match=r"github\.graphql: the quota"):
        one.choose("graphql", None)


def test_answers_that_arrive_in_another_order_do_not_give_quota_back(quotas):
    one = quotas(A)
    one.observe(A, "core", answer(0))
    one.observe(A, "core", answer(5))
    with pytest.raises(TransientError):
        one.choose("core", None)


def test_after_the_reset_the_token_asks_again(quotas):
    one = quotas(A)
    one.observe(A, "core", answer(0, seconds=-2))
    assert one.choose("core", None) is A


def test_all_tokens_used_up_wait_for_the_first_that_returns(quotas):
    both = quotas(A, B)
    both.observe(A, "core", answer(0, seconds=500))
    both.observe(B, "core", answer(0, seconds=100))
    with pytest.raises(TransientError, match="all 2 tokens") as caught:
        both.choose("core", None)
    assert 95 < caught.value.retry_after <= 102


def test_more_points_a_minute_than_github_allows_are_not_asked(quotas, monkeypatch):
    monkeypatch.setitem(quota.POINTS_PER_MINUTE, "core", 3)
    one = quotas(A)
    one.observe(A, "core", answer(5_000))
    for _ in range(3):
        one.choose("core", None)
    with pytest.raises(TransientError) as caught:
        one.choose("core", None)
    assert 0 < caught.value.retry_after <= 61


def test_a_server_without_limits_is_never_waited_for(quotas, monkeypatch):
    monkeypatch.setitem(quota.POINTS_PER_MINUTE, "core", 3)
    one = quotas(A)
    one.observe(A, "core", httpx.Response(200))
    assert [one.choose("core", None) for _ in range(10)] == [A] * 10


def test_a_file_that_was_torn_is_learned_again(quotas, tmp_path):
    one = quotas(A)
    one.observe(A, "core", answer(0))
    (tmp_path / "quotas" / "a.core.json").write_bytes(b'{"remaining": ')
    assert one.choose("core", None) is A
