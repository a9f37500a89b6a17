"""A workspace is read from its folder or built in code, changed, and served as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.sandbox import Sandbox, Workspace
from include.sandbox.collection import Collection
from tests.include.sandbox import contracts


def write(path: Path, *rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "workspace.json", {"name": "Tide", "required_tokens": {"tide/vault": "key"}})
    for name in ("gauge", "vault"):
        write(
            tmp_path / f"github/tide/{name}/repository.json", {"full_name": f"tide/{name}", "id": 1}
        )
    write(tmp_path / "github/tide/gauge/issues.jsonl", {"id": 1, "number": 1, "body": "a\u2028b"})
    write(tmp_path / "linear/organization.json", {"id": "o", "urlKey": "tide"})
    write(tmp_path / "linear/teams.jsonl", {"id": "1", "key": "OPS"}, {"id": "2", "key": "ENG"})
    write(tmp_path / "notion/pages.jsonl", {"object": "page", "id": "p"})
    return tmp_path


def test_folder_is_read_and_says_what_can_be_synced(folder):
    workspace = Workspace.load(folder)
    assert workspace.sources() == [
        {
            "name": "github",
            "type": "github",
            "owner": "tide",
            "organization": [],
            "repositories": [{"name": "tide/gauge"}],
        },
        {"name": "linear", "type": "linear", "owner": "tide", "teams": ["ENG", "OPS"]},
        {"name": "notion", "type": "notion", "owner": "Tide", "roots": []},
    ]
    assert workspace.github("Tide/Gauge").find("issues", number=1)["body"] == "a\u2028b"
    assert workspace.github("tide/vault").required_token == "key"


def test_repositories_of_two_owners_are_two_sources():
    workspace = Workspace.from_data({"github": {"b/two": {}, "a/one": {}}})
    assert [source["name"] for source in workspace.sources()] == ["github_a", "github_b"]


def test_folder_without_anything_to_serve_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing to serve in .*; expected .*; do "):
        Workspace.load(tmp_path)


def test_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="no such kind"):
        Workspace.from_data({"notion": {"tables": []}})
    with pytest.raises(KeyError, match="no such kind"):
        Workspace().notion.upsert("tables", {"id": "1"})


def test_object_is_served_byte_for_byte(serve):
    raw = b'{"id": 1,"state":"open", "body":"\\u0000 \\ud83d\\ude80 \xf0\x9f\x8c\x8a\\r\\n"}'
    _, client = serve(Workspace.from_data({"github": {"a/b": {"issues": [raw]}}}))
    assert client.get("/github/repos/a/b/issues").content == b"[" + raw + b"]"


def test_collection_keeps_order_replaces_by_id_and_forgets():
    rows = Collection([{"id": 1, "n": "a"}, {"id": 2, "n": "b"}])
    assert rows.derived("names", lambda: [row["n"] for row in rows]) == ["a", "b"]
    rows.upsert({"id": 1, "n": "c"})
    assert rows.derived("names", lambda: [row["n"] for row in rows]) == ["c", "b"]
    rows.delete(1)
    assert (len(rows), list(rows), 1 in rows, rows.get(1)) == (
        1,
        [{"id": 2, "n": "b"}],
        False,
        None,
    )
    with pytest.raises(KeyError):
        rows.delete(1)


def test_repository_without_its_own_object_has_all_of_githubs_fields(serve):
    sandbox, client = serve(Workspace.from_data({"github": {"tide/gauge": {}}}))
    sandbox.on_response = contracts.check
    assert client.get("/github/repos/tide/gauge").json()["full_name"] == "tide/gauge"
    assert client.get("/github/user").json()["login"] == "headwater-sandbox"
    assert client.get("/github/rate_limit").status_code == 200
    assert client.get("/github/repos/tide/gauge/labels?per_page=5").json() == []
    assert sandbox.violations == []


def test_port_is_free_again_after_the_context_ends():
    with Sandbox(Workspace()) as first:
        port = int(first.url.rsplit(":", 1)[1])
    with Sandbox(Workspace(), port=port) as second:
        assert second.url == first.url


def test_breach_of_contract_is_kept_as_a_violation(serve):
    sandbox, client = serve(Workspace.from_data({"github": {"a/b": {"issues": [{"id": 1}]}}}))
    sandbox.on_response = contracts.check
    assert client.get("/github/repos/a/b/issues?state=all").status_code == 200
    assert [type(error) for error in sandbox.violations] == [contracts.ContractError]


def github_paths(workspace: Workspace) -> Iterator[str]:
    for repository in workspace.repositories.values():
        root = f"/github/repos/{repository.name}"
        yield root
        for kind in ("issues", "pulls", "issues/comments", "pulls/comments", "issues/events"):
            yield f"{root}/{kind}?state=all&per_page=100"
        for kind in ("commits", "labels", "milestones"):
            yield f"{root}/{kind}?per_page=100"
        for row in repository.issues:
            yield f"{root}/issues/{row['number']}"
        for row in list(repository.pull_requests):
            yield f"{root}/pulls/{row['number']}"
            yield f"{root}/pulls/{row['number']}/reviews"


def notion_paths(workspace: Workspace) -> Iterator[str]:
    yield from ("/notion/v1/users", "/notion/v1/users/me")
    for kind in ("pages", "blocks", "data_sources", "databases"):
        for row in workspace.notion.collection(kind):
            yield f"/notion/v1/{kind}/{row['id']}"
    for row in [*workspace.notion.pages, *workspace.notion.blocks]:
        yield f"/notion/v1/blocks/{row['id']}/children"
        yield f"/notion/v1/comments?block_id={row['id']}"


LINEAR_QUERIES = [
    """{ issues(first: 100, includeArchived: true) { nodes {
        id identifier number title description priority priorityLabel estimate url branchName
        createdAt updatedAt archivedAt trashed startedAt completedAt canceledAt dueDate
        previousIdentifiers team { id key } state { id name type } assignee { id name email }
        creator { id } botActor { id name type } project { id name } parent { id identifier }
        labels(first: 20) { nodes { id name } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
    """{ comments { nodes { id body url createdAt updatedAt editedAt archivedAt resolvedAt
        issue { id identifier } parent { id } user { id } botActor { id name type } } } }""",
    """{ projects { nodes { id name description content slugId url status { id name type }
        createdAt updatedAt archivedAt startDate targetDate completedAt canceledAt lead { id }
        creator { id } teams { nodes { id key } } } } }""",
    """{ organization { id name urlKey createdAt } viewer { id name email }
        teams { nodes { id key name description private createdAt updatedAt archivedAt
            states { nodes { id name } } } }
        users(includeDisabled: true) { nodes { id name displayName email active admin app
            createdAt updatedAt archivedAt url } } }""",
    """{ workflowStates { nodes { id name type color position description createdAt updatedAt
            archivedAt team { id key } } }
        issueLabels { edges { cursor node { id name color description isGroup createdAt
            updatedAt archivedAt parent { id } team { id key } } } } }""",
]


LOADED = pytest.mark.parametrize(
    "load",
    [
        pytest.param(Workspace.demo, id="demo"),
        pytest.param(
            lambda: Workspace.load(contracts.CORPUS_PATH),
            id="corpus",
            marks=contracts.require_corpus,
        ),
    ],
)


@LOADED
def test_every_github_response_keeps_the_contract(serve, load):
    workspace = load()
    sandbox, client = serve(workspace)
    sandbox.on_response = contracts.check
    for path in github_paths(workspace):
        assert client.get(path).status_code == 200, path
    assert sandbox.violations == []


@LOADED
@contracts.require_contracts
def test_every_linear_response_keeps_the_contract(serve, load):
    sandbox, client = serve(load())
    sandbox.on_response = contracts.check
    for query in LINEAR_QUERIES:
        response = client.post("/linear/graphql", json={"query": query})
        assert response.status_code == 200, response.text
        assert "errors" not in response.json()
    assert sandbox.violations == []


@LOADED
@pytest.mark.parametrize("version", ["2025-09-03", "2026-03-11"])
@contracts.require_contracts
def test_every_notion_response_keeps_the_contract(serve, load, version):
    workspace = load()
    sandbox, client = serve(workspace)
    sandbox.on_response = contracts.check
    client.headers["Notion-Version"] = version
    assert client.post("/notion/v1/search", json={"page_size": 50}).status_code == 200
    for row in workspace.notion.data_sources:
        path = f"/notion/v1/data_sources/{row['id']}/query"
        assert client.post(path, json={"page_size": 50}).status_code == 200
    for path in notion_paths(workspace):
        assert client.get(path).status_code == 200, path
    assert sandbox.violations == []


def test_row_that_breaks_an_endpoint_is_a_500_and_a_violation(serve):
    broken = {"id": 1, "issue_url": "https://api.github.com/repos/a/b/issues/none"}
    data = {"issues": [{"id": 2, "number": 2}], "issue_comments": [broken]}
    sandbox, client = serve(Workspace.from_data({"github": {"a/b": data}}))
    assert client.get("/github/repos/a/b/issues/2/comments").status_code == 500
    assert [type(error) for error in sandbox.violations] == [ValueError]
