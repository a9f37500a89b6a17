"""Judges of what the sandbox answers: the providers' published contracts, and githubkit.

    Sandbox(workspace, on_response=contracts.check)

Where the contracts are absent, GitHub's responses are still parsed by githubkit's generated models.
Validators are compiled once, and an object that was judged before is not judged again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import githubkit_schemas.latest.models as models
import pytest
from graphql import GraphQLSchema, build_schema
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import TypeAdapter

from include.sandbox import Exchange
from include.sandbox.github_git import is_streamed
from tests.include.sandbox.graphql_contracts import GITHUB_LEAVES, ContractError, judge_answer

REPOSITORY_PATH = Path(__file__).resolve().parents[3]
SHARED_PATH = Path(os.environ.get("HEADWATER_SHARED", REPOSITORY_PATH.parent / "shared"))
CONTRACTS_PATH = SHARED_PATH / "contracts"
CORPUS_PATH = SHARED_PATH / "corpus"

require_contracts = pytest.mark.skipif(
    not CONTRACTS_PATH.is_dir(),
    reason=f"NOT CHECKED against the providers' contracts: no folder {CONTRACTS_PATH}",
)
require_corpus = pytest.mark.skipif(
    not CORPUS_PATH.is_dir(),
    reason=f"NOT CHECKED with recorded data: no folder {CORPUS_PATH}",
)


def check(exchange: Exchange) -> None:
    """Judge an exchange; what a scripted fault did is nobody's contract.

    Raises:
        ContractError: it breaks the contract.
    """
    if exchange.fault is None:
        validate_response(
            exchange.provider,
            exchange.method,
            exchange.path,
            exchange.status,
            exchange.body,
            exchange.request_body,
        )


def validate_response(
    provider: str, method: str, path: str, status: int, body: bytes, request_body: bytes = b""
) -> None:
    """Judge a response by what is at hand: githubkit always, the published contract if present.

    Raises:
        ContractError: it breaks the contract.
    """
    if status in (302, 304) or (provider == "github" and is_streamed(path)):
        return
    document = json.loads(body)
    if provider == "github":
        parse_with_githubkit(path, status, document)
    if not CONTRACTS_PATH.is_dir():
        return
    judges: dict[str, Callable[[str, str, int, Any, bytes], None]] = {
        "github": validate_github,
        "linear": validate_linear,
        "notion": validate_notion,
    }
    judges[provider](method, path, status, document, request_body)


# GitHub


GITHUBKIT_MODELS: dict[str, Any] = {
    "/user": models.PublicUser,
    "/rate_limit": models.RateLimitOverview,
    "": models.FullRepository,
    "/issues": list[models.Issue],
    "/issues/N": models.Issue,
    "/issues/comments": list[models.IssueComment],
    "/issues/N/comments": list[models.IssueComment],
    "/issues/events": list[models.IssueEvent],
    "/pulls": list[models.PullRequestSimple],
    "/pulls/N": models.PullRequest,
    "/pulls/comments": list[models.PullRequestReviewComment],
    "/pulls/N/comments": list[models.PullRequestReviewComment],
    "/pulls/N/reviews": list[models.PullRequestReview],
    "/commits": list[models.Commit],
    "/labels": list[models.Label],
    "/milestones": list[models.Milestone],
    "/branches": list[models.ShortBranch],
    "/tags": list[models.Tag],
}
GITHUBKIT_PREFIXES: dict[str, Any] = {
    "/branches/": models.BranchWithProtection,
    "/commits/": models.Commit,
    "/compare/": models.CommitComparison,
    "/git/ref/": models.GitRef,
    "/git/matching-refs/": list[models.GitRef],
    "/git/commits/": models.GitCommit,
    "/git/trees/": models.GitTree,
    "/git/blobs/": models.Blob,
}


def parse_with_githubkit(path: str, status: int, document: Any) -> None:
    """Parse a response as GitHub's generated client does."""
    name = re.sub(r"/\d+", "/N", re.sub(r"^/repos/[^/]+/[^/]+", "", path))
    if status != 200:
        model: Any = models.BasicError
    else:
        prefixes = (prefix for prefix in GITHUBKIT_PREFIXES if name.startswith(prefix))
        model = GITHUBKIT_MODELS.get(name, GITHUBKIT_PREFIXES.get(next(prefixes, "")))
    if model is None:
        return
    for item in objects_of(without_known_breaks(document)):
        single = model if not isinstance(document, list) else model.__args__[0]
        if is_new("githubkit", str(single), item):
            try:
                adapter(single).validate_python(item)
            except ValueError as error:
                raise ContractError(f"githubkit, {path}: {error}") from error


@cache
def adapter(model: Any) -> TypeAdapter[Any]:
    """A model's parser."""
    return TypeAdapter(model)


def without_known_breaks(document: Any) -> Any:
    """A copy without what GitHub sends against its own schema, or sent before a field was added."""
    document = json.loads(json.dumps(document))
    for item in objects_of(document):
        if not isinstance(item, dict):
            continue
        for label in [item, *item.get("labels", []), *item.get("issue", {}).get("labels", [])]:
            if isinstance(label, dict) and "color" in label:
                label.setdefault("archived_at", None)
                label.setdefault("archived_by", None)
        for side in ("head", "base"):
            if isinstance(item.get(side), dict) and item[side].get("repo", 0) is None:
                item[side]["repo"] = next(
                    (item[s]["repo"] for s in ("base", "head") if item[s].get("repo")), None
                )
        if "diff_hunk" in item:
            for name in ("position", "line"):
                if item.get(name, 0) is None:
                    item[name] = item[f"original_{name}"]
    return document


@cache
def openapi(file: str) -> Any:
    """An OpenAPI document in which `nullable` is spelled as JSON Schema has it."""
    document = json.loads((CONTRACTS_PATH / file).read_text(encoding="utf-8"))
    schemas = document["components"].get("schemas", {})
    if "github" in file:
        for name in ("pull-request-simple", "pull-request"):
            head = schemas[name]["properties"]["head"]["properties"]["repo"]
            schemas[name]["properties"]["head"]["properties"]["repo"] = {"anyOf": [head, NULL]}
        comment = schemas["pull-request-review-comment"]["properties"]
        comment["position"] = comment["line"] = {"type": ["integer", "null"]}
        schemas["verification"]["required"].remove("verified_at")
        # Published as a user and an enterprise at once; GitHub's own description says either.
        listed = document["paths"]["/app/installations"]["get"]["responses"]["200"]["content"]
        account = listed["application/json"]["schema"]["items"]["properties"]["account"]
        account["anyOf"] = account.pop("allOf")
    return with_nulls(document)


NULL = {"type": "null"}


def with_nulls(schema: Any) -> Any:
    """OpenAPI 3.0 `nullable` as a union with null, also for enums, which the publisher forgets."""
    if isinstance(schema, list):
        return [with_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: with_nulls(value) for name, value in schema.items()}
    if converted.pop("nullable", False) is True:
        return {"anyOf": [converted, NULL]}
    return converted


# Documented, but not among the paths that the contract was cut to: single items of its listings.
# https://docs.github.com/rest/issues/comments, https://docs.github.com/rest/pulls/comments
BEYOND_THE_CUT = {
    re.compile(r"/issues/comments/\d+$"): "issue-comment",
    re.compile(r"/pulls/comments/\d+$"): "pull-request-review-comment",
}


def validate_github(
    method: str, path: str, status: int, document: Any, request_body: bytes
) -> None:
    """Judge by the OpenAPI document: the schema of this path and status, or the basic error."""
    if path == "/graphql" and status == 200:
        validate_github_graphql(document, request_body)
        return
    template = template_of("github/rest.openapi.json", path)
    schema: Any = {"$ref": "#/components/schemas/basic-error"}
    if template is not None:
        responses = openapi("github/rest.openapi.json")["paths"][template][method.lower()][
            "responses"
        ]
        response = responses.get(str(status), {})
        if "content" in response:
            schema = response["content"]["application/json"]["schema"]
        elif status == 200:
            raise ContractError(f"github {path}: no contract for {status}")
    elif component := next((c for form, c in BEYOND_THE_CUT.items() if form.search(path)), None):
        schema = {"$ref": f"#/components/schemas/{component}"} if status == 200 else schema
    elif status == 200:
        raise ContractError(f"github {path}: GitHub has no such path")
    if isinstance(document, list):
        schema = schema["items"]
    for item in objects_of(document):
        judge("github/rest.openapi.json", schema, item, path)


@cache
def github_schema() -> GraphQLSchema:
    """GitHub's whole schema."""
    text = (CONTRACTS_PATH / "github" / "schema.graphql").read_text(encoding="utf-8")
    return build_schema(text, assume_valid=True, no_location=True)


def validate_github_graphql(document: Any, request_body: bytes) -> None:
    """Judge errors by their form, the query by GitHub's schema, and the data by the query."""
    errors = document.get("errors", [])
    for error in errors:
        if not error.get("message") or set(error) - {"type", "path", "locations", "message"}:
            raise ContractError(f"github: an error of another form: {error}")
    if "data" in document:
        data = document["data"]
        judge_answer("github", github_schema(), request_body, data, GITHUB_LEAVES)
    elif not errors:
        raise ContractError("github: neither data nor errors")


@cache
def templates(file: str) -> list[tuple[str, re.Pattern[str]]]:
    """Path templates with their patterns, those with fewer parameters first.

    At last those that end in the name of a ref, which may hold slashes.
    """
    paths = sorted(openapi(file)["paths"], key=lambda path: path.count("{"))
    return [(path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")) for path in paths] + [
        (path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path[: path.rindex("{")]) + ".+$"))
        for path in paths
        if path.endswith(("{branch}", "{ref}", "{basehead}", "{tree_sha}"))
    ]


def template_of(file: str, path: str) -> str | None:
    """The template that a path follows."""
    return next((name for name, pattern in templates(file) if pattern.match(path)), None)


# Linear


@cache
def linear_schema() -> GraphQLSchema:
    """Linear's whole schema."""
    text = (CONTRACTS_PATH / "linear" / "schema.graphql").read_text(encoding="utf-8")
    return build_schema(text, assume_valid=True, no_location=True)


LINEAR_TOKEN = {"access_token": str, "token_type": str, "expires_in": int, "refresh_token": str}


def validate_linear(
    method: str, path: str, status: int, document: Any, request_body: bytes
) -> None:
    """Judge the query by Linear's schema, and the data by the query; OAuth has no schema there."""
    if path.endswith("/oauth/token"):
        return
    for error in document.get("errors", []):
        if not error.get("message") or not error.get("extensions", {}).get("code"):
            raise ContractError(f"linear: an error without message or code: {error}")
    if status != 200:
        return
    judge_answer("linear", linear_schema(), request_body, document.get("data"))


# Notion


NOTION_LISTS = {
    r"/v1/users$": "ListUsersResponse",
    r"/v1/search$": "SearchResponse",
    r"/v1/data_sources/[^/]+/query$": "QueryDataSourceResponse",
    r"/v1/blocks/[^/]+/children$": "ListBlockChildrenResponse",
    r"/v1/comments$": "ListCommentsResponse",
}
NOTION_OBJECTS = {
    "user": "UserObjectResponse",
    "page": "PageObjectResponse",
    "block": "BlockObjectResponse",
    "data_source": "DataSourceObjectResponse",
    "database": "DatabaseObjectResponse",
    "comment": "CommentObjectResponse",
}


def validate_notion(
    method: str, path: str, status: int, document: Any, request_body: bytes
) -> None:
    """Judge by the schemas of the official client: the envelope, then every whole object in it."""
    if status != 200:
        if document["object"] != "error" or document["status"] != status or not document["code"]:
            raise ContractError(f"notion {path}: no error object: {document}")
        return
    if request_body and method == "POST":
        judge_notion_request(path, json.loads(request_body))
    document.pop("request_id", None)
    if document["object"] != "list":
        judge_notion_object(path, document)
        return
    for pattern, name in NOTION_LISTS.items():
        if re.match(pattern, path):
            judge(f"notion/{name}.json", None, document | {"results": []}, path)
    for item in document["results"]:
        judge_notion_object(path, item)


def judge_notion_object(path: str, item: Any) -> None:
    """Judge a whole object; version 2026-03-11 lacks `archived`, which the schemas require."""
    if item["object"] == "page_markdown":
        judge("notion/requests.openapi.json", markdown_schema(), item, path)
        return
    if item["object"] == "property_item":
        judge_notion_property(path, item)
        return
    name = NOTION_OBJECTS.get(item["object"])
    if name is None:
        raise ContractError(f"notion {path}: no such object: {item['object']}")
    archived = {"archived": item["in_trash"]} if "in_trash" in item else {}
    if not set(archived) <= set(item) and item.get("type") == "transcription":
        raise ContractError(f"notion {path}: meeting notes are called so since 2026-03-11")
    judge(f"notion/{name}.json", None, archived | item, path)


def judge_notion_property(path: str, item: Any) -> None:
    """Judge a property's value, or one item of many, as what a page has of it."""
    kind = item["type"]
    value = item[kind]
    many = kind in ("title", "rich_text", "relation", "people") and not isinstance(value, list)
    page_value = {"id": item["id"], "type": kind, kind: [value] if many else value}
    schema = page_value_schema()
    judge("notion/PageObjectResponse.json", schema, page_value, path)


@cache
def page_value_schema() -> Any:
    """The schema of the value of one property of a page."""
    page = notion_schema("PageObjectResponse")["definitions"]["PageObjectResponse"]
    return page["properties"]["properties"]["additionalProperties"]


@cache
def notion_schema(name: str) -> Any:
    """A published schema of an object."""
    return json.loads((CONTRACTS_PATH / "notion" / f"{name}.json").read_text(encoding="utf-8"))


def notion_block_types() -> list[str]:
    """Every type of block that the published schema knows."""
    definitions = notion_schema("BlockObjectResponse")["definitions"]
    return [
        definition["properties"]["type"]["const"]
        for name, definition in definitions.items()
        if name.endswith("BlockObjectResponse") and name != "BlockObjectResponse"
    ]


@cache
def markdown_schema() -> Any:
    """The published answer to a page as Markdown, which forgets to say that all of it is there."""
    paths = openapi("notion/requests.openapi.json")["paths"]
    answer = paths["/v1/pages/{page_id}/markdown"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    return {**schema, "required": list(schema["properties"]), "additionalProperties": False}


def judge_notion_request(path: str, body: Any) -> None:
    """Judge a request body by the published requests."""
    file = "notion/requests.openapi.json"
    template = template_of(file, path)
    if template is None:
        raise ContractError(f"notion {path}: Notion has no such path")
    content = openapi(file)["paths"][template]["post"]["requestBody"]["content"]
    judge(file, content["application/json"]["schema"], body, path)


# All of them


def objects_of(document: Any) -> Iterator[Any]:
    """The rows of a listing, or the document itself."""
    yield from document if isinstance(document, list) else [document]


JUDGED: set[bytes] = set()


def is_new(file: str, schema: str, item: Any) -> bool:
    """Whether an object has not been judged by this schema; from now on it has."""
    text = f"{file}\0{schema}\0{json.dumps(item, sort_keys=True)}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    if digest in JUDGED:
        return False
    JUDGED.add(digest)
    return True


def judge(file: str, schema: Any, item: Any, where: str) -> None:
    """Judge one object by a schema in a file, or by the file itself."""
    key = json.dumps(schema, sort_keys=True)
    if not is_new(file, key, item):
        return
    error = next(validator(file, key).iter_errors(item), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path)
        raise ContractError(f"{file}, {where}, {place}: {error.message[:500]}")


@cache
def validator(file: str, schema: str) -> Any:
    """A compiled validator."""
    if "openapi" in file:
        document = openapi(file)
        return Draft202012Validator({**json.loads(schema), "components": document["components"]})
    document = json.loads((CONTRACTS_PATH / file).read_text(encoding="utf-8"))
    if schema != "null":
        document = {**json.loads(schema), "definitions": document["definitions"]}
    return Draft7Validator(document)


def judge_rows(provider: str, path: str, document: Any, query: str = "") -> None:
    """Judge rows as if the provider had answered with them."""
    request = json.dumps({"query": query}).encode() if query else b""
    body = json.dumps(document).encode()
    validate_response(provider, "POST" if query else "GET", path, 200, body, request)
