"""Judge of GraphQL answers: the provider's whole schema, run on the answer itself.

What the schema makes of the data that was sent must be the same data: exactly the fields asked for,
through fragments and `@include`, each of its declared type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    execute_sync,
    parse,
    validate,
)
from graphql.execution.collect_fields import collect_sub_fields

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class ContractError(AssertionError):
    """A response, or a request that was answered, that breaks the provider's contract."""


def judge_answer(
    provider: str,
    schema: GraphQLSchema,
    request_body: bytes,
    data: Any,
    leaves: Mapping[str, Callable[[Any], Any]] | None = None,
) -> None:
    """Judge the query by a provider's whole schema, and the data by the query.

    Raises:
        ContractError: either breaks the schema.
    """
    widen(schema, leaves or {})
    request = json.loads(request_body)
    document = valid(provider, schema, request["query"])
    if data is None:
        return
    result = execute_sync(
        schema,
        document,
        root_value=data,
        variable_values=request.get("variables") or {},
        operation_name=request.get("operationName"),
        field_resolver=sent,
        type_resolver=type_of,
    )
    if result.errors:
        where = "/".join(str(part) for part in result.errors[0].path or [])
        raise ContractError(f"{provider} {where}: {result.errors[0].message}")
    if result.data != data:
        raise ContractError(f"{provider} {different(result.data, data)}")


def widen(schema: GraphQLSchema, leaves: Mapping[str, Callable[[Any], Any]]) -> None:
    """Judge scalars by functions of ours; `databaseId` is longer than GraphQL's integers."""
    if "widened" in schema.extensions:
        return
    schema.extensions["widened"] = True
    for name, judge in leaves.items():
        schema.type_map[name].serialize = judge  # type: ignore[union-attr]
    wide = GraphQLScalarType("WideInt", serialize=to_integer)
    wide.name = "Int"
    for declared in schema.type_map.values():
        if isinstance(declared, GraphQLObjectType) and "databaseId" in declared.fields:
            declared.fields["databaseId"].type = wide


def to_time(value: Any) -> str:
    """A time as GitHub writes it."""
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise ContractError(f"{value!r} is no time")
    return value


def to_integer(value: Any) -> int:
    """An integer of any length."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContractError(f"{value!r} is no integer")
    return value


def to_text(value: Any) -> str:
    """A scalar that is a string."""
    if not isinstance(value, str):
        raise ContractError(f"{value!r} is no string")
    return value


GITHUB_LEAVES: dict[str, Callable[[Any], Any]] = {
    "DateTime": to_time,
    "URI": to_text,
    "GitObjectID": to_text,
    "BigInt": to_text,
}
VALID: dict[tuple[str, str], DocumentNode] = {}


def valid(provider: str, schema: GraphQLSchema, query: str) -> DocumentNode:
    """A query that is valid in the whole schema."""
    if (provider, query) not in VALID:
        document = parse(query)
        errors = validate(schema, document)
        if errors:
            raise ContractError(f"{provider}: {errors[0].message}")
        VALID[provider, query] = document
    return VALID[provider, query]


def sent(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """What was sent for a field."""
    name = info.path.key
    if name not in source:
        raise ContractError(f"{name} was not sent")
    return source[name]


def type_of(value: Any, info: GraphQLResolveInfo, abstract: Any) -> str:
    """The type of an object of an interface: what it says, or whose fields it has."""
    if "__typename" in value:
        return str(value["__typename"])
    for candidate in info.schema.get_possible_types(abstract):
        fields = collect_sub_fields(
            info.schema, info.fragments, info.variable_values, candidate, info.field_nodes
        )
        if set(fields.fields if hasattr(fields, "fields") else fields) == set(value):
            return candidate.name
    raise ContractError(f"no {abstract.name} has the fields {sorted(value)}")


def different(ours: Any, theirs: Any, path: str = "data") -> str:
    """Where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if set(ours) != set(theirs):
            return f"{path}: fields {sorted(set(ours) ^ set(theirs))}"
        parts = [(f"{path}.{name}", ours[name], theirs[name]) for name in ours]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        parts = [(f"{path}.{at}", *pair) for at, pair in enumerate(zip(ours, theirs, strict=True))]
    else:
        return f"{path}: {theirs!r}"
    return next(different(one, other, at) for at, one, other in parts if one != other)
