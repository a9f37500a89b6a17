"""What happens to Linear's objects, and how applications get in, is served as Linear would."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from include.sandbox import Limits, Workspace
from include.sandbox.faults import Fault

QUERY = """query ($id: String!) { issue(id: $id) { identifier previousIdentifiers archivedAt trashed
    updatedAt team { key } state { name } history(first: 5) { nodes { actorId fromTitle toTitle
    fromTeam { key } toTeam { key } addedLabelIds removedLabelIds updatedDescription } } } }"""


@pytest.fixture
def client_of(sandbox_of) -> Callable[..., httpx.Client]:
    """A client of Linear's API over a workspace, judged by Linear's schema."""

    def start(workspace: Workspace, limits: Limits | None = None) -> httpx.Client:
        url = sandbox_of(workspace, limits=limits).url + "/linear"
        return httpx.Client(base_url=url, headers={"Authorization": "sandbox-token"})

    return start


def ask(client: httpx.Client, query: str, token: str | None = None, **variables: Any) -> Any:
    headers = {"Authorization": token} if token else {}
    body = {"query": query, "variables": variables}
    return client.post("/graphql", json=body, headers=headers)


def id_of(workspace: Workspace, key: str) -> str:
    return str((workspace.linear.find("issues", identifier=key) or {})["id"])


def keys(client: httpx.Client, more: str = "") -> set[str]:
    nodes = ask(client, f"{{ issues(first: 99{more}) {{ nodes {{ identifier }} }} }}").json()
    return {node["identifier"] for node in nodes["data"]["issues"]["nodes"]}


def test_archived_and_trashed_issues_are_listed_only_if_asked_for_until_restored(client_of):
    workspace = Workspace.demo()
    client, store = client_of(workspace), workspace.linear
    store.archive("issues", id_of(workspace, "ENG-1"))
    store.archive("issues", id_of(workspace, "ENG-2"), trash=True)
    assert not {"ENG-1", "ENG-2"} & keys(client)
    assert {"ENG-1", "ENG-2"} <= keys(client, ", includeArchived: true")
    first, second = (ask(client, QUERY, id=k).json()["data"]["issue"] for k in ("ENG-1", "ENG-2"))
    assert first["archivedAt"] == first["updatedAt"] > "2026-10"
    assert (first["trashed"], second["trashed"]) == (None, True)
    store.restore("issues", id_of(workspace, "ENG-2"))
    assert "ENG-2" in keys(client)


def test_moved_issue_has_a_new_key_and_is_found_by_the_old_one(client_of):
    workspace = Workspace.demo()
    client, store = client_of(workspace), workspace.linear
    team = (store.find("teams", key="OPS") or {})["id"]
    store.move_issue(id_of(workspace, "ENG-20"), team)
    found = ask(client, QUERY, id="ENG-20").json()["data"]["issue"]
    assert (found["identifier"], found["previousIdentifiers"]) == ("OPS-12", ["ENG-20"])
    assert found["state"]["name"] == "In Progress"
    newest = found["history"]["nodes"][0]
    assert (newest["fromTeam"], newest["toTeam"]) == ({"key": "ENG"}, {"key": "OPS"})
    state = (store.find("issues", identifier="OPS-12") or {})["state"]["id"]
    assert (store.workflow_states.get(state) or {})["team"]["id"] == team


def test_history_grows_with_every_change(client_of):
    workspace = Workspace.demo()
    client, store = client_of(workspace), workspace.linear
    issue, actor = id_of(workspace, "ENG-6"), str(next(iter(store.users))["id"])
    label = str(next(iter(store.labels))["id"])
    store.change_issue(issue, actor, title="Import the paper records")
    store.change_issue(issue, actor, labels={"nodes": [{"id": label}]}, description="Boxes.")
    entries = ask(client, QUERY, id=issue).json()["data"]["issue"]["history"]["nodes"][:2]
    # Both may be of one millisecond: their order says nothing.
    newest, older = sorted(entries, key=lambda entry: entry["toTitle"] is not None)
    assert (older["fromTitle"], older["toTitle"], older["actorId"]) == (
        "Import the paper records of 2019 to 2025",
        "Import the paper records",
        actor,
    )
    assert (newest["addedLabelIds"], newest["removedLabelIds"]) == ([label], [])
    assert newest["updatedDescription"] is True


def test_what_is_deleted_for_good_is_absent_everywhere(client_of):
    workspace = Workspace.demo()
    client, store = client_of(workspace), workspace.linear
    issue = id_of(workspace, "ENG-15")
    store.delete("issues", issue)
    label = store.labels.decoded()
    bug = next(row["id"] for row in label.values() if row["name"] == "Bug")
    store.delete("labels", bug)
    assert "ENG-15" not in keys(client, ", includeArchived: true")
    assert "errors" in ask(client, QUERY, id="ENG-15").json()
    for kind in ("issues", "comments", "issue_history", "issue_relations", "attachments"):
        for raw in store.collection(kind).raw():
            assert issue.encode() not in raw, kind
            assert kind == "issue_history" or bug.encode() not in raw
    query = """{ issue(id: "ENG-16") { parent { id } inverseRelations { nodes { id } } }
        other: issue(id: "ENG-2") { labels(first: 9) { nodes { name } } } }"""
    data = ask(client, query).json()["data"]
    assert data["issue"] == {"parent": None, "inverseRelations": {"nodes": []}}
    assert {node["name"] for node in data["other"]["labels"]["nodes"]} == {"Ingest", "Firmware"}


def renew(client: httpx.Client, token: str, secret: str = "hush") -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "app"}
    return client.post("/oauth/token", data=form | {"client_secret": secret})


def test_refresh_token_is_good_once_and_brings_tokens_that_expire(client_of):
    workspace = Workspace.demo()
    client, oauth = client_of(workspace), workspace.linear.oauth
    first = oauth.authorize("app", "hush")
    granted = renew(client, first).json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 86_400)
    again = renew(client, first)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    access = f"Bearer {granted['access_token']}"
    answer = ask(client, "{ viewer { id } }", access)
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-requests-limit"] == "5000"
    assert answer.headers["x-ratelimit-complexity-limit"] == "2000000"
    assert ask(client, "{ viewer { id } }", granted["access_token"]).status_code == 401
    oauth.expire()
    refused = ask(client, "{ viewer { id } }", access)
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"
    renewed = renew(client, granted["refresh_token"]).json()
    assert ask(client, "{ viewer { id } }", f"Bearer {renewed['access_token']}").status_code == 200


def test_application_with_another_secret_or_another_form_is_refused(client_of):
    workspace = Workspace.demo()
    client = client_of(workspace)
    token = workspace.linear.oauth.authorize("app", "hush")
    assert renew(client, token, "wrong").json()["error"] == "invalid_client"
    body = {"grant_type": "refresh_token", "refresh_token": token}
    assert client.post("/oauth/token", json=body).json()["error"] == "invalid_request"
    other = client.post("/oauth/token", data={"grant_type": "password"})
    assert other.json()["error"] == "unsupported_grant_type"
    assert renew(client, token).status_code == 200


def test_endpoint_with_a_limit_of_its_own_says_so(client_of):
    limits = Limits(linear_requests_per_endpoint={"teams": 1})
    client = client_of(Workspace.demo(), limits)
    headers = ask(client, "{ teams { nodes { id } } }").headers
    assert headers["x-ratelimit-endpoint-name"] == "teams"
    assert headers["x-ratelimit-endpoint-requests-limit"] == "1"
    assert headers["x-ratelimit-endpoint-requests-remaining"] == "0"
    assert int(headers["x-ratelimit-endpoint-requests-reset"]) > 1_700_000_000_000
    refused = ask(client, "{ teams { nodes { id } } }")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATELIMITED"
    assert ask(client, "{ users { nodes { id } } }").status_code == 200


def test_scripted_faults_hit_the_token_endpoint_and_answers_beside_data(serve):
    sandbox, client = serve(Workspace.demo())
    sandbox.faults.add(Fault(kind="status", provider="linear", path="/oauth/token$", status=503))
    assert client.post("/linear/oauth/token", data={}).status_code == 503
    error = {"message": "Internal", "path": ["teams"], "extensions": {"code": "INTERNAL"}}
    sandbox.faults.add(Fault(kind="graphql_error", provider="linear", value=error))
    body = {"query": "{ teams { nodes { id } } viewer { id } }"}
    answer = client.post("/linear/graphql", json=body).json()
    assert (answer["data"]["teams"], answer["errors"]) == (None, [error])
    assert answer["data"]["viewer"]["id"]
