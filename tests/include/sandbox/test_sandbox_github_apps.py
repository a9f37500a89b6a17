"""GitHub Apps in the sandbox: which assertions it takes, and what an installation's token opens."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from include.sandbox import Limits, Workspace
from include.sandbox.workspace import App

APP_ID = 4_711
TOKENS = "/app/installations/5/access_tokens"
UNDECODED = "A JSON web token could not be decoded"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest.fixture
def demo(key: rsa.RSAPrivateKey) -> Workspace:
    """The demo and a second owner's repository; the App is installed at Tidewater Labs alone."""
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    elsewhere = Workspace.from_data({"github": {"other/one": {}}})
    workspace = Workspace.demo()
    workspace.repositories |= elsewhere.repositories
    workspace.apps[APP_ID] = App(public.decode(), {5: "tidewater-labs"})
    return workspace


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def assertion(key: rsa.RSAPrivateKey, iat: int = -30, exp: int = 300, **claims: Any) -> str:
    """An App's JWT whose times are seconds from now."""
    now = int(time.time())
    body = {"iat": now + iat, "exp": now + exp, "iss": str(APP_ID), **claims}
    return jwt.encode(body, key, algorithm="RS256")


def installed(client: httpx.Client, key: rsa.RSAPrivateKey) -> dict[str, str]:
    answer = client.post(TOKENS, headers=bearer(assertion(key)))
    assert answer.status_code == 201, answer.text
    return bearer(answer.json()["token"])


def test_an_installation_sees_the_repositories_of_its_owner_alone(serve_judged, demo, key):
    _, client = serve_judged(demo)
    headers = installed(client, key)
    own = sorted(r.name for r in demo.repositories.values() if r.name.startswith("tidewater-labs/"))
    answer = client.get("/installation/repositories", headers=headers).json()
    assert (answer["total_count"], sorted(row["full_name"] for row in answer["repositories"])) == (
        len(own),
        own,
    )
    assert client.get("/repos/other/one", headers=headers).status_code == 404
    assert client.get("/repos/other/one").status_code == 200
    assert client.get("/user", headers=headers).status_code == 403


def test_an_app_lists_where_it_is_installed(serve_judged, demo, key):
    _, client = serve_judged(demo)
    rows = client.get("/app/installations", headers=bearer(assertion(key))).json()
    assert [(row["id"], row["app_id"], row["account"]["login"]) for row in rows] == [
        (5, APP_ID, "tidewater-labs")
    ]
    missing = client.post(TOKENS.replace("5", "6"), headers=bearer(assertion(key)))
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"iat": 60}, "'Issued at' claim ('iat')"),
        ({"exp": -1}, "'Expiration time' claim ('exp')"),
        ({"exp": 700}, "'Expiration time' claim ('exp') is too far in the future"),
        ({"iat": -400, "exp": 300}, "'Expiration time' claim ('exp') is too far in the future"),
    ],
)
def test_an_assertion_is_of_now_and_of_ten_minutes_at_most(
    serve_judged, demo, key, changed, message
):
    _, client = serve_judged(demo)
    refused = client.post(TOKENS, headers=bearer(assertion(key, **changed)))
    assert (refused.status_code, refused.json()["message"].startswith(message)) == (401, True)


def test_an_assertion_that_another_key_signed_is_refused(serve_judged, demo):
    _, client = serve_judged(demo)
    refused = client.post(TOKENS, headers=bearer(assertion(new_key())))
    assert (refused.status_code, refused.json()["message"]) == (401, UNDECODED)
    ordinary = client.post(TOKENS)
    assert (ordinary.status_code, ordinary.json()["message"]) == (401, UNDECODED)


def test_a_token_of_an_installation_expires(serve_judged, demo, key):
    _, client = serve_judged(demo, Limits(github_app_token_seconds=0))
    refused = client.get("/repos/tidewater-labs/gauge", headers=installed(client, key))
    assert (refused.status_code, refused.json()["message"]) == (401, "Bad credentials")
