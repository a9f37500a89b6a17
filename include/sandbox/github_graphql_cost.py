"""GitHub's rule for the price of a query, and for how much one may ask for.

A connection takes as many requests as it has parents: the product of the page sizes around it. A
hundred requests are one point, and no query costs less than one. A query may return 500,000 nodes.
https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

REQUESTS_PER_POINT: Final = 100
MAXIMUM_NODES: Final = 500_000


@dataclass
class Price:
    """What a query asks for.

    `page_size` is the largest number that a client pages by: of ids, of a connection that is in no
    list, or of one whose size is a variable.
    """

    requests: int = 0
    nodes: int = 0
    page_size: int = 0

    @property
    def points(self) -> int:
        """Points of the hourly budget."""
        return max(1, (self.requests + REQUESTS_PER_POINT // 2) // REQUESTS_PER_POINT)


def price_of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
) -> Price:
    """The price of an operation of a valid document; defaults of variables are in `variables`."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    counter = _Counter(schema, dict(variables), fragments)
    counter.selections(operation.selection_set, schema.query_type, 1)
    return counter.price


class _Counter:
    def __init__(
        self,
        schema: GraphQLSchema,
        variables: dict[str, Any],
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self.price = Price()
        self._schema = schema
        self._variables = variables
        self._fragments = fragments

    def selections(
        self, selections: SelectionSetNode, parent: Any, parents: int, is_listed: bool = False
    ) -> None:
        """Count what is selected of each of so many parents, which are in a list or not."""
        for node in selections.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                self._field(node, parent, parents, is_listed)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                narrowed = self._schema.get_type(condition.name.value) if condition else parent
                self.selections(node.selection_set, narrowed, parents, is_listed)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                narrowed = self._schema.get_type(fragment.type_condition.name.value)
                self.selections(fragment.selection_set, narrowed, parents, is_listed)

    def _field(self, node: FieldNode, parent: Any, parents: int, is_listed: bool) -> None:
        field = getattr(parent, "fields", {}).get(node.name.value)
        if node.selection_set is None or field is None:
            return
        returned = get_named_type(field.type)
        if node.name.value == "nodes" and parent is self._schema.query_type:
            ids = self._argument(node, "ids") or []
            parents *= len(ids)
            self.price.nodes += len(ids)
            self._paged_by(len(ids))
            is_listed = True
        elif returned.name.endswith("Connection"):
            size = self._argument(node, "first") or self._argument(node, "last") or 0
            self.price.requests += parents
            self.price.nodes += parents * size
            if not is_listed or is_sized_by_variable(node):
                self._paged_by(size)
            parents *= max(1, size)
            is_listed = True
        self.selections(node.selection_set, returned, parents, is_listed)

    def _paged_by(self, size: int) -> None:
        self.price.page_size = max(self.price.page_size, size)

    def _argument(self, node: FieldNode, name: str) -> Any:
        for argument in node.arguments:
            if argument.name.value == name:
                return value_from_ast_untyped(argument.value, self._variables)
        return None

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives:
            for argument in directive.arguments:
                value = value_from_ast_untyped(argument.value, self._variables)
                if value is (directive.name.value == "skip"):
                    return False
        return True


def is_sized_by_variable(node: FieldNode) -> bool:
    """Whether a connection's page size is a variable."""
    return any(
        argument.name.value in ("first", "last") and isinstance(argument.value, VariableNode)
        for argument in node.arguments
    )
