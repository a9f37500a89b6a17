"""What the ledger tells of credentials: kind, fingerprint and end, never themselves."""

from __future__ import annotations

import hashlib
import json

import pytest

from dlt_pipelines import credentials
from dlt_pipelines.github.auth import PersonalToken
from dlt_pipelines.http import Meter
from include.sandbox.faults import Fault
from include.settings import SANDBOX_TOKEN
from tests.workspaces import REPO, github

ENDS = "2026-12-19 08:00:00 UTC"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE, pQ==\n-----END RSA PRIVATE KEY-----\n"


class OneToken:
    """The same token for every request."""

    def __init__(self, token: PersonalToken) -> None:
        self.token = token

    def choose(self, resource, preferred):
        return self.token

    def observe(self, token, resource, response):
        pass


@pytest.mark.parametrize(
    ("secret", "kinds"),
    [
        ("ghp_" + "a" * 36, ["classic_personal_token"]),
        ("github_pat_" + "a" * 60, ["fine_grained_personal_token"]),
        ("ghp_one, github_pat_two\nghs_three", ["classic_personal_token"]),
        (PEM, ["app_private_key"]),
        ("lin_api_one", ["personal_key"]),
        ("ntn_one", ["integration_token"]),
        ("secret_one", ["integration_token"]),
        ("something else", ["other", "other"]),
        ("", []),
    ],
)
def test_a_secret_is_told_by_kind_and_fingerprint(secret: str, kinds: list[str]) -> None:
    found = credentials.describe(secret)
    assert [token["token_type"] for token in found][: len(kinds)] == kinds
    assert len({token["fingerprint"] for token in found}) == len(found)
    assert all(len(token["fingerprint"]) == 16 for token in found)
    told = json.dumps(found)
    assert not [part for part in secret.replace(",", " ").split() if len(part) > 7 and part in told]


def test_several_tokens_are_several_and_a_key_is_one() -> None:
    assert len(credentials.describe("ghp_one, github_pat_two\nghs_three")) == 3
    assert len(credentials.describe(PEM)) == 1


def test_a_fingerprint_is_what_the_quota_calls_the_token() -> None:
    (token,) = credentials.describe("ghp_one")
    assert token["fingerprint"] == PersonalToken("ghp_one").identity


def test_the_warehouse_has_the_fingerprint_and_not_the_secret(sandbox_of, install) -> None:
    installation = install(sandbox_of(github()))
    installation.sync(resources=["labels"])
    details = installation.column(
        "select details from raw_headwater.sync_events where event = 'started'"
    )
    fingerprint = hashlib.sha256(SANDBOX_TOKEN.encode()).hexdigest()[:16]
    assert [json.loads(text)["tokens"] for text in details] == [
        [{"token_type": "sandbox", "fingerprint": fingerprint}]
    ] * len(details)
    assert details
    assert SANDBOX_TOKEN.encode() not in installation.settings.warehouse.read_bytes()


def test_a_tokens_end_is_taken_from_githubs_answers(sandbox_of, client_of) -> None:
    """Of any answer, also one that is no success."""
    sandbox = sandbox_of(github())
    sandbox.faults.add(
        Fault(kind="status", status=503, headers={"GitHub-Authentication-Token-Expiration": ENDS})
    )
    client, meter, token = client_of(sandbox), Meter("labels"), PersonalToken(SANDBOX_TOKEN)
    client.tokens = OneToken(token)
    client.get(meter, f"/repos/{REPO}/labels", {}, list[dict])
    assert meter.token_expiries == {token.identity: ENDS}
    assert meter.requests_made == 2
