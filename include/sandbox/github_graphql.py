"""GitHub's GraphQL API over a workspace: the rows that REST serves, as a graph.

Follows https://docs.github.com/graphql: the schema is `github.graphql`, so that anything outside of
it is a validation error; points counted before execution; errors beside the data with status 200.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
    value_from_ast_untyped,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox import (  # noqa: F401 (each registers the resolvers of some types)
    github_access_fields,
    github_activity_fields,
    github_issue_fields,
    github_organization_fields,
    github_pull_fields,
    github_ref_fields,
    github_release_fields,
    github_repository_fields,
    github_root,
)
from include.sandbox.collection import Json
from include.sandbox.github_access import Access, check_client, rate_limit_headers
from include.sandbox.github_answers import RefusedError, bearer_token
from include.sandbox.github_connections import ApiError
from include.sandbox.github_fields import Asked, attach
from include.sandbox.github_graphql_cost import MAXIMUM_NODES, Price, price_of
from include.sandbox.github_nodes import Nodes
from include.sandbox.replies import github_error, json_response
from include.sandbox.workspace import Workspace

SCHEMA_PATH: Final = Path(__file__).with_name("github.graphql")
RESOURCE: Final = "graphql"
DOCS: Final = "https://docs.github.com/graphql"


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The schema served."""
    return attach(build_schema(SCHEMA_PATH.read_text(encoding="utf-8")))


class GitHubGraphQL:
    """The one endpoint."""

    def __init__(self, workspace: Workspace, access: Access) -> None:
        self._workspace = workspace
        self._access = access

    def routes(self) -> list[BaseRoute]:
        """The route of every query."""
        return [Route("/graphql", self._serve, methods=["POST"])]

    async def _serve(self, request: Request) -> Response:
        token = bearer_token(request)
        body = await request.body()
        try:
            check_client(request)
            if not token:
                return github_error(
                    401, "This endpoint requires you to be authenticated.", docs=DOCS
                )
            if not self._access.is_known(token):
                return github_error(401, "Bad credentials", docs=DOCS)
            self._access.check_secondary_limits(request, token)
            response = self._answer(body, token)
        except RefusedError as refused:
            response = refused.response
        budget = self._access.budget(token, RESOURCE)
        response.headers.update(rate_limit_headers(budget, RESOURCE))
        response.headers["x-github-request-id"] = str(uuid.uuid4()).upper()
        response.headers["x-github-media-type"] = "github.v4; format=json"
        return response

    def _answer(self, body: bytes, token: str) -> Response:
        budget = self._access.budget(token, RESOURCE)
        if not budget.remaining:
            return refusal("RATE_LIMITED", "API rate limit already exceeded for user ID 1.")
        if not self._is_permitted(token):
            return refusal("FORBIDDEN", "Resource not accessible by personal access token")
        try:
            query = read_query(body)
        except QueryError as error:
            budget.spend()
            return error.response
        price = query.price
        if price.nodes > MAXIMUM_NODES:
            return refusal(
                "MAX_NODE_LIMIT_EXCEEDED",
                f"This query requests up to {price.nodes:,} possible nodes which exceeds the "
                f"maximum limit of {MAXIMUM_NODES:,}.",
            )
        budget.spend(min(price.points, budget.remaining))
        nodes = Nodes(self._workspace, lambda repository: self._access.sees(token, repository))
        asked = Asked(
            nodes,
            budget,
            price,
            self._access.may_push(token),
            lambda path: self._check_permission(path, token),
        )
        return to_response(query.execute(asked))

    def _is_permitted(self, token: str) -> bool:
        try:
            self._access.check_permission("/graphql", token)
        except RefusedError:
            return False
        return True

    def _check_permission(self, path: str, token: str) -> None:
        """Refuse a field as REST refuses what lists the same.

        Raises:
            ApiError: `Workspace.forbid` named this path.
        """
        try:
            self._access.check_permission(path, token)
        except RefusedError as refused:
            message = msgspec.json.decode(refused.response.body)["message"]
            raise ApiError("FORBIDDEN", message) from None


class QueryError(Exception):
    """A request body that cannot be executed."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True)
class Query:
    """A valid query with its variables."""

    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]

    @property
    def price(self) -> Price:
        """What it costs."""
        defaults = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in self.operation.variable_definitions
            if one.default_value is not None
        }
        return price_of(self.document, self.operation, schema(), defaults | dict(self.variables))

    def execute(self, asked: Asked) -> ExecutionResult:
        """Run it."""
        return execute_sync(
            schema(),
            self.document,
            root_value={},
            context_value=asked,
            variable_values=dict(self.variables),
            operation_name=self.operation.name.value if self.operation.name else None,
            type_resolver=lambda thing, info, kind: thing.type,
        )


class Body(msgspec.Struct):
    """A GraphQL request."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 (the name in the protocol)


def read_query(body: bytes) -> Query:
    """Parse and validate a request body.

    Raises:
        QueryError: it is no valid query of the schema.
    """
    try:
        request = msgspec.json.decode(body, type=Body)
    except msgspec.ValidationError as error:
        message = "A query attribute must be specified and must be a string."
        raise QueryError(github_error(400, message, docs=DOCS)) from error
    except msgspec.MsgspecError as error:
        raise QueryError(github_error(400, "Problems parsing JSON", docs=DOCS)) from error
    parsed = parse_query(request.query)
    if isinstance(parsed, tuple):
        raise QueryError(json_response({"errors": [to_error(error) for error in parsed]}))
    operation = get_operation_ast(parsed, request.operationName)
    if operation is None:
        name = request.operationName
        message = f'No operation named "{name}"' if name else "An operation name is required"
        raise QueryError(json_response({"errors": [{"message": message}]}))
    return Query(parsed, operation, request.variables or {})


@lru_cache(maxsize=256)
def parse_query(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    """A valid document, or what is wrong with it."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    errors = validate(schema(), document)
    return tuple(errors) if errors else document


def operation_of(body: bytes) -> tuple[list[str], int]:
    """A query's name, if it has one, and root fields; and the largest page that it asks for."""
    try:
        query = read_query(body)
    except QueryError:
        return [], 0
    operation = query.operation
    name = [operation.name.value] if operation.name else []
    fields = [
        node.name.value for node in operation.selection_set.selections if hasattr(node, "name")
    ]
    return name + fields, query.price.page_size


def to_response(result: ExecutionResult) -> Response:
    """The result as GitHub sends it: always 200, what went wrong beside the data.

    Raises:
        Exception: a resolver failed, which is the sandbox's fault.
    """
    errors = result.errors or []
    for error in errors:
        if error.path is not None and not isinstance(error.original_error, ApiError):
            raise error.original_error or error
    if not errors:
        return json_response({"data": result.data})
    listed = [to_error(error) for error in errors]
    if result.data is None and all(error.path is None for error in errors):
        return json_response({"errors": listed})
    return json_response({"data": result.data, "errors": listed})


def to_error(error: GraphQLError) -> Json:
    """One entry of `errors`, in GitHub's order."""
    entry: Json = {}
    kind = getattr(error.original_error, "kind", None)
    if kind:
        entry["type"] = kind
    if error.path:
        entry["path"] = error.path
    if error.locations:
        entry["locations"] = [location.formatted for location in error.locations]
    return entry | {"message": error.message}


def refusal(kind: str, message: str) -> Response:
    """An error without data."""
    return json_response({"errors": [{"type": kind, "message": message}]})
