"""The judges of the sandbox's answers do find what breaks a contract."""

import json
from typing import Any

import pytest

from tests.include.sandbox import contracts

LABEL = {
    "id": 1,
    "node_id": "L_1",
    "url": "https://api.github.com/repos/a/b/labels/bug",
    "name": "bug",
    "description": None,
    "color": "d73a4a",
    "default": True,
}
PERSON = "fragment F on Actor { ... on Node { id } }"
SKIPPED = "query ($no: Boolean = true) { viewer { login id @skip(if: $no) } }"
MADE = "{ viewer { createdAt } }"
NOTION_ERROR = {"object": "error", "status": 404, "code": "object_not_found", "message": "No."}


def judge(provider: str, path: str, document: Any, status: int = 200, query: str = "") -> None:
    method = "POST" if query else "GET"
    request = json.dumps({"query": query}).encode() if query else b""
    body = json.dumps(document).encode()
    contracts.validate_response(provider, method, path, status, body, request)


def test_githubkit_judges_without_the_contracts(monkeypatch, tmp_path):
    monkeypatch.setattr(contracts, "CONTRACTS_PATH", tmp_path / "none")
    judge("github", "/repos/a/b/labels", [LABEL])
    with pytest.raises(contracts.ContractError, match="githubkit"):
        judge("github", "/repos/a/b/labels", [LABEL | {"color": None}])


@contracts.require_contracts
@pytest.mark.parametrize(
    ("provider", "path", "document", "query"),
    [
        ("github", "/repos/a/b/labels", [{**LABEL, "default": "yes"}], ""),
        ("github", "/repos/a/b/nothing", {}, ""),
        ("linear", "/graphql", {"data": {"viewer": {"id": None}}}, "{ viewer { id } }"),
        ("linear", "/graphql", {"data": {"viewer": {"id": 1}}}, "{ viewer { id } }"),
        ("linear", "/graphql", {"data": {"viewer": {}}}, "{ viewer { id } }"),
        ("linear", "/graphql", {"data": {"viewer": {"no": "x"}}}, "{ viewer { no } }"),
        ("linear", "/graphql", {"errors": [{"message": "x"}]}, "{ viewer { id } }"),
        ("github", "/graphql", {"data": {"viewer": {"id": 1}}}, "{ viewer { id } }"),
        ("github", "/graphql", {"data": {"viewer": {}}}, "{ viewer { id } }"),
        ("github", "/graphql", {"data": {"viewer": {"id": "1", "x": 1}}}, "{ viewer { id } }"),
        ("github", "/graphql", {"data": {"viewer": {"x": 1}}}, "{ viewer { x } }"),
        ("github", "/graphql", {"data": {"viewer": {}}}, "{ viewer { ...F } } " + PERSON),
        ("github", "/graphql", {"data": {"viewer": {"id": "1"}}}, SKIPPED),
        (
            "github",
            "/graphql",
            {"data": {"viewer": {"createdAt": "now"}}},
            "{ viewer { createdAt } }",
        ),
        ("github", "/graphql", {"data": {}, "errors": [{"type": "X"}]}, "{ viewer { id } }"),
        ("github", "/graphql", {}, "{ viewer { id } }"),
        ("notion", "/v1/pages/1", {"object": "page", "id": "1"}, ""),
        ("notion", "/v1/users", {"object": "list", "results": [], "has_more": False}, ""),
    ],
)
def test_breach_is_found(provider, path, document, query):
    with pytest.raises(contracts.ContractError):
        judge(provider, path, document, query=query)


@contracts.require_contracts
def test_errors_are_judged_by_their_form():
    judge("github", "/repos/a/b", {"message": "Not Found", "status": "404"}, status=404)
    judge("notion", "/v1/pages/1", NOTION_ERROR, status=404)
    with pytest.raises(contracts.ContractError):
        judge("notion", "/v1/pages/1", {**NOTION_ERROR, "status": 400}, status=404)


@contracts.require_contracts
def test_fragments_and_directives_are_judged_as_they_apply():
    data = {"nodes": [{"__typename": "User", "login": "a", "id": "U_1"}, {"__typename": "Label"}]}
    query = (
        'query ($no: Boolean = true) { nodes(ids: ["U_1"]) { __typename '
        "... on User { login @skip(if: false) ...F } url: id @skip(if: $no) } } " + PERSON
    )
    judge("github", "/graphql", {"data": data}, query=query)
