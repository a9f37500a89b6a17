"""Linear's GraphQL API over a workspace.

Follows https://linear.app/developers/graphql: the schema is `linear.graphql`, so that anything
outside of it is a validation error; cursors, filters and archiving as documented; complexity
counted before execution and refused above the limit; limits answered with 400 and `RATELIMITED`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from include.sandbox.limits import Budget, Limits
from include.sandbox.linear_complexity import complexity_of
from include.sandbox.linear_filters import FilterError
from include.sandbox.linear_listings import DEFAULT_FIRST, InvalidInputError
from include.sandbox.linear_oauth import OAUTH_PREFIX
from include.sandbox.linear_resolvers import resolve
from include.sandbox.linear_schema import SCHEMA_PATH, schema
from include.sandbox.replies import json_response, linear_error, linear_error_object
from include.sandbox.workspace import LinearStore, Workspace

__all__ = ["SCHEMA_PATH", "Linear", "operation_names"]


@dataclass(frozen=True)
class Budgets:
    """What a token may still ask in its hour; `endpoints` by root field, where limited."""

    requests: Budget
    complexity: Budget
    endpoints: Mapping[str, Budget]

    def headers(self, points: int, root_fields: Iterable[str]) -> dict[str, str]:
        """What Linear says of them with every answer; times are in milliseconds."""
        named = {"requests": self.requests, "complexity": self.complexity}
        limited = [name for name in root_fields if name in self.endpoints]
        headers = {"x-complexity": str(points)}
        if limited:
            named["endpoint-requests"] = self.endpoints[limited[0]]
            headers["x-ratelimit-endpoint-name"] = limited[0]
        for name, budget in named.items():
            headers[f"x-ratelimit-{name}-limit"] = str(budget.limit)
            headers[f"x-ratelimit-{name}-remaining"] = str(budget.remaining)
            headers[f"x-ratelimit-{name}-reset"] = str(int(budget.reset_at * 1_000))
        return headers


class Linear:
    """The two endpoints, and how much each token has used of the first."""

    def __init__(self, workspace: Workspace, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._budgets: dict[str, Budgets] = {}

    def routes(self) -> list[BaseRoute]:
        """Every route served; anything else is 404."""
        return [
            Route("/graphql", self._serve, methods=["POST"]),
            Route("/oauth/token", self._grant, methods=["POST"]),
        ]

    async def _grant(self, request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        return self._workspace.linear.oauth.answer(content_type, await request.body())

    async def _serve(self, request: Request) -> Response:
        token = self._token(request.headers.get("authorization", ""))
        if token is None:
            return linear_error(
                401, "Authentication required, not authenticated", "AUTHENTICATION_ERROR"
            )
        budgets = self._budgets.setdefault(token, self._new_budgets(token))
        body = await request.body()
        root_fields = operation_names(body)
        spent = [budgets.endpoints[name] for name in root_fields if name in budgets.endpoints]
        points = 0
        if not all(budget.spend() for budget in (budgets.requests, *spent)):
            response = rate_limited()
        else:
            try:
                response, points = self._answer(read_query(body), budgets)
            except QueryError as error:
                response = error.response
        response.headers.update(budgets.headers(points, root_fields))
        return response

    def _answer(self, query: Query, budgets: Budgets) -> tuple[Response, int]:
        points = query.complexity
        if points > self._limits.linear_complexity_per_query:
            return too_complex(points, self._limits.linear_complexity_per_query), points
        if not budgets.complexity.spend(points):
            return rate_limited(), points
        return to_response(query.execute(self._workspace.linear)), points

    def _token(self, authorization: str) -> str | None:
        """The token of a request: a personal key, or an application's, which needs `Bearer`."""
        token = authorization.removeprefix("Bearer ").strip()
        if token in self._workspace.tokens:
            return token
        is_granted = self._workspace.linear.oauth.is_valid(token)
        return token if is_granted and authorization.startswith("Bearer ") else None

    def _new_budgets(self, token: str) -> Budgets:
        limits = self._limits
        requests, complexity = limits.linear_requests_per_hour, limits.linear_complexity_per_hour
        if token.startswith(OAUTH_PREFIX):
            requests = limits.linear_oauth_requests_per_hour
            complexity = limits.linear_oauth_complexity_per_hour
        endpoints = {
            name: Budget(limit) for name, limit in limits.linear_requests_per_endpoint.items()
        }
        return Budgets(Budget(requests), Budget(complexity), endpoints)


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
    operation_name: str | None

    @property
    def complexity(self) -> int:
        """Points of the query, rounded up."""
        points = complexity_of(
            self.document, self.operation, schema(), self.variables, DEFAULT_FIRST
        )
        return math.ceil(points)

    def execute(self, store: LinearStore) -> ExecutionResult:
        """Run the query on a store."""
        return execute_sync(
            schema(),
            self.document,
            root_value={},
            context_value=store,
            variable_values=dict(self.variables),
            operation_name=self.operation_name,
            field_resolver=resolve,
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
    except msgspec.MsgspecError as error:
        raise QueryError(linear_error(400, f"Bad request: {error}", "INPUT_ERROR")) from error
    parsed = parse_query(request.query)
    if isinstance(parsed, tuple):
        raise QueryError(invalid_query(parsed))
    operation = get_operation_ast(parsed, request.operationName)
    if operation is None:
        raise QueryError(linear_error(400, "Unknown or ambiguous operation", "INPUT_ERROR"))
    return Query(parsed, operation, request.variables or {}, request.operationName)


@lru_cache(maxsize=256)
def parse_query(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    """A valid document, or what is wrong with it."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    errors = validate(schema(), document)
    return tuple(errors) if errors else document


def operation_names(body: bytes) -> list[str]:
    """The operation's name, if it has one, and the root fields it asks for."""
    try:
        operation = read_query(body).operation
    except QueryError:
        return []
    name = [operation.name.value] if operation.name else []
    fields = [
        node.name.value for node in operation.selection_set.selections if hasattr(node, "name")
    ]
    return name + fields


def to_response(result: ExecutionResult) -> Response:
    """The result as Linear sends it: refused arguments are a 400, the rest is beside the data."""
    errors = [to_error(error) for error in result.errors or []]
    data = to_javascript(result.data)
    if not errors:
        return json_response({"data": data})
    refused = data is None and all(e["extensions"]["statusCode"] == 400 for e in errors)
    return json_response({"errors": errors, "data": data}, 400 if refused else 200)


def to_javascript(value: Any) -> Any:
    """A value whose whole floats are written without a fraction: 3, not 3.0."""
    if isinstance(value, dict):
        return {name: to_javascript(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_javascript(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_error(error: GraphQLError) -> dict[str, Any]:
    """One execution error."""
    refused = isinstance(error.original_error, FilterError | InvalidInputError) or (
        error.original_error is None and error.path is None
    )
    status, code = (400, "INPUT_ERROR") if refused else (500, "INTERNAL_SERVER_ERROR")
    entry = linear_error_object(status, error.message, code)
    if isinstance(error.original_error, InvalidInputError):
        entry["extensions"]["userPresentableMessage"] = error.original_error.shown
    return entry | {"path": error.path} if error.path else entry


def invalid_query(errors: tuple[GraphQLError, ...]) -> Response:
    """The 400 for a query outside of the schema."""
    code = "GRAPHQL_VALIDATION_FAILED"
    return json_response(
        {
            "errors": [
                linear_error_object(400, error.message, code)
                | {"locations": [location.formatted for location in error.locations or []]}
                for error in errors
            ]
        },
        400,
    )


def rate_limited() -> Response:
    """The 400 of a token that has used its hour."""
    return linear_error(
        400,
        "Rate limit exceeded. Only a limited number of requests are allowed per hour.",
        "RATELIMITED",
    )


def too_complex(points: int, limit: int) -> Response:
    """The 400 for a query above the limit of one query."""
    error = linear_error_object(400, "Query too complex", "INPUT_ERROR")
    error["extensions"]["userPresentableMessage"] = (
        f"The query is too complex. Complexity: {points}. Maximum allowed complexity: {limit}."
    )
    return json_response({"errors": [error]}, 400)
