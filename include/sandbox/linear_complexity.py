"""Linear's rule for the price of a query.

"Each property is 0.1 point, each object is 1 point, and any connection multiplies its children's
points by the given pagination argument, or 50." See https://linear.app/developers/rate-limiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

PROPERTY_POINTS = 0.1
OBJECT_POINTS = 1.0


def complexity_of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    default_first: int,
) -> float:
    """Points of an operation of a valid document."""
    counter = _Counter(document, operation, schema, variables, default_first)
    return counter.selections(operation.selection_set, schema.query_type)


class _Counter:
    def __init__(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        schema: GraphQLSchema,
        variables: Mapping[str, Any],
        default_first: int,
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._default_first = default_first
        self._defaults = {
            declared.variable.name.value: declared.default_value.value
            for declared in operation.variable_definitions
            if isinstance(declared.default_value, IntValueNode)
        }
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def selections(self, selections: SelectionSetNode, parent: GraphQLObjectType | None) -> float:
        points = 0.0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                points += self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                points += self.selections(node.selection_set, parent)
            elif isinstance(node, FragmentSpreadNode):
                points += self.selections(self._fragments[node.name.value].selection_set, parent)
        return points

    def _field(self, node: FieldNode, parent: GraphQLObjectType | None) -> float:
        field = parent.fields.get(node.name.value) if parent else None
        if node.selection_set is None or field is None:
            return PROPERTY_POINTS
        returned = get_named_type(field.type)
        children = self.selections(
            node.selection_set, returned if isinstance(returned, GraphQLObjectType) else None
        )
        if returned.name.endswith("Connection"):
            return children * self._first(node)
        return OBJECT_POINTS + children

    def _first(self, node: FieldNode) -> int:
        for argument in node.arguments:
            if argument.name.value not in ("first", "last"):
                continue
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                return int(self._value(argument.value.name.value) or self._default_first)
        return self._default_first

    def _value(self, name: str) -> Any:
        """What a variable stands for: what was sent, else its default in the query."""
        return self._variables.get(name, self._defaults.get(name))
