"""What a query costs Linear, and how many objects it may ask for at once.

Linear allows 10,000 points a query: "each property is 0.1 point, each object is 1 point, and any
connection multiplies its children's points based on the given pagination argument, or the default
of 50" (https://linear.app/developers/rate-limiting). What the price depends on is in the query's
own text, so that no page size is written down anywhere: it follows from the fields that are asked
for. Linear's `X-Complexity` header says how right that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
)

POINTS_PER_QUERY: Final = 10_000
LARGEST_PAGE: Final = 250
DEFAULT_PAGE: Final = 50
PROPERTY_POINTS: Final = 0.1
OBJECT_POINTS: Final = 1.0
# Linear may change its prices; a prediction that is off by more than this is logged.
TOLERANCE: Final = 0.1


@dataclass(frozen=True)
class Plan:
    """A query's price as a function of its `$first`."""

    document: DocumentNode

    @cached_property
    def page_size(self) -> int:
        """The largest page that stays within the points of one query; 1 where none does."""
        sizes = range(LARGEST_PAGE, 1, -1)
        return next((size for size in sizes if self.points(size) <= POINTS_PER_QUERY), 1)

    def points(self, first: int) -> float:
        """What the query costs with pages of this size."""
        operation = next(
            node for node in self.document.definitions if isinstance(node, OperationDefinitionNode)
        )
        return self._selections(operation.selection_set, first)

    def _selections(self, selections: SelectionSetNode, first: int) -> float:
        points = 0.0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                points += self._field(node, first)
            elif isinstance(node, InlineFragmentNode):
                points += self._selections(node.selection_set, first)
            elif isinstance(node, FragmentSpreadNode):
                points += self._selections(self._fragment(node.name.value), first)
        return points

    def _field(self, node: FieldNode, first: int) -> float:
        if node.selection_set is None:
            return PROPERTY_POINTS
        children = self._selections(node.selection_set, first)
        return children * _first(node, first) if is_connection(node) else OBJECT_POINTS + children

    def _fragment(self, name: str) -> SelectionSetNode:
        return next(
            node.selection_set
            for node in self.document.definitions
            if isinstance(node, FragmentDefinitionNode) and node.name.value == name
        )


@cache
def plan_of(text: str) -> Plan:
    """The plan of a query."""
    return Plan(parse(text, no_location=True))


def is_off(predicted: float, counted: int) -> bool:
    """Whether Linear counted something else than was predicted; it counts whole points."""
    return abs(counted - predicted) > max(1.0, TOLERANCE * predicted)


def is_connection(node: FieldNode) -> bool:
    """Whether a field is a connection: in Linear's schema, whatever has `nodes` or `edges`."""
    fields = node.selection_set.selections if node.selection_set else ()
    names = {field.name.value for field in fields if isinstance(field, FieldNode)}
    return bool(names & {"nodes", "edges"})


def _first(node: FieldNode, first: int) -> int:
    for argument in node.arguments:
        if argument.name.value == "first" and isinstance(argument.value, IntValueNode):
            return int(argument.value.value)
        if argument.name.value == "first" and isinstance(argument.value, VariableNode):
            return first
    return DEFAULT_PAGE
