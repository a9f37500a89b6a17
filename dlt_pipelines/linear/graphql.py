"""Asking Linear's GraphQL API: as much at once as it allows, for less where that is refused.

A walk lists newest changes first with opaque page cursors. Its page size is planned from the price
of the query (`complexity.py`); where Linear refuses it all the same, the same page is asked for by
halves. Lists nested in an object that did not fit beside it are read on by queries of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec

from dlt_pipelines.exceptions import HeadwaterError, PermanentError
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.linear.complexity import LARGEST_PAGE, is_off, plan_of

T = TypeVar("T")
Variables = Mapping[str, Any]

# The lists that come with an object, and the query that reads on in each.
NESTED: Final = {
    "issues": {"labels": "issue_labels"},
    "projects": {"teams": "project_teams", "members": "project_members"},
}

_log = logging.getLogger(__name__)


class PageInfo(msgspec.Struct, rename="camel"):
    """Whether and where a list goes on."""

    has_next_page: bool
    end_cursor: str | None = None


class Connection(msgspec.Struct, rename="camel"):
    """One page of a list."""

    nodes: list[msgspec.Raw]
    page_info: PageInfo


class _Listing(msgspec.Struct):
    page: Connection


class _Parent(msgspec.Struct):
    nested: Connection


class _Nested(msgspec.Struct):
    parent: _Parent | None


class _Object(msgspec.Struct):
    page: msgspec.Raw


@cache
def query_text(name: str) -> str:
    """The text of one query file."""
    return files(__package__).joinpath("queries", f"{name}.graphql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Workspace:
    """One Linear workspace behind one credential; `_sizes` are pages that Linear had refused."""

    client: Client
    _sizes: dict[str, int] = field(default_factory=dict)

    def fetch_all(
        self, run: ResourceRun, query: str, filters: Mapping[str, Any] | None = None
    ) -> Iterator[bytes]:
        """Every object that a query lists, newest change first, nested lists completed."""
        variables = {} if filters is None else {"filter": filters}
        for nodes in self.walk(run, query_text(query), variables):
            for node in nodes:
                yield self.complete(run, query, bytes(node))

    def fetch_one(self, run: ResourceRun, query: str) -> bytes:
        """What a query for a single object brings."""
        return bytes(self._query(run, query_text(query), {}, _Object).page)

    def fetch_ids(
        self,
        run: ResourceRun,
        text: str,
        ids: Sequence[str],
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[msgspec.Raw]:
        """The objects with these ids that there are; a query asks for as many as fit a page."""
        start = 0
        while start < len(ids):
            batch = list(ids[start : start + self._page_size(text)])
            variables = {"filter": {**(filters or {}), "id": {"in": batch}}}
            for nodes in self.walk(run, text, variables):
                yield from nodes
            start += len(batch)

    def walk(
        self, run: ResourceRun, text: str, variables: Variables
    ) -> Iterator[list[msgspec.Raw]]:
        """The pages of a list of the top level."""
        after = None
        while True:
            size = self._page_size(text)
            asked = {**variables, "first": size, "after": after}
            try:
                connection = self._query(run, text, asked, _Listing).page
            except HeadwaterError as error:
                if error.code != "too_complex" or size == 1:
                    raise
                self._sizes[text] = size // 2
                continue
            yield connection.nodes
            if not connection.page_info.has_next_page:
                return
            after = _next_cursor(run, connection.page_info)

    def read_on(
        self, run: ResourceRun, query: str, parent_id: str, info: PageInfo
    ) -> Iterator[msgspec.Raw]:
        """What follows the first page of a list that came with its object."""
        while info.has_next_page:
            variables: dict[str, Any] = {"id": parent_id, "after": _next_cursor(run, info)}
            variables["first"] = self._page_size(query_text(query))
            parent = self._query(run, query_text(query), variables, _Nested).parent
            if parent is None:
                return
            yield from parent.nested.nodes
            info = parent.nested.page_info

    def complete(self, run: ResourceRun, query: str, node: bytes) -> bytes:
        """The node with all pages of its nested lists; untouched where one page was enough."""
        lists = NESTED.get(query)
        if not lists or b'"hasNextPage":true' not in node.replace(b" ", b""):
            return node
        record = msgspec.json.decode(node)
        for name, query in lists.items():
            info = msgspec.convert(record[name]["pageInfo"], PageInfo)
            if not info.has_next_page:
                continue
            rest = self.read_on(run, query, record["id"], info)
            nodes = [*record[name]["nodes"], *map(msgspec.json.decode, rest)]
            record[name] = {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return msgspec.json.encode(record)

    def _page_size(self, text: str) -> int:
        return self._sizes.get(text) or plan_of(text).page_size

    def _query(self, run: ResourceRun, text: str, variables: Variables, shape: type[T]) -> T:
        run.meter.complexity = None
        data = self.client.graphql(run.meter, "/graphql", text, variables, shape)
        predicted = plan_of(text).points(variables.get("first", LARGEST_PAGE))
        counted = run.meter.complexity
        if counted is not None and is_off(predicted, counted):
            _log.warning(
                "linear.%s: a query cost %d points; expected %.0f; see linear/complexity.py",
                run.resource,
                counted,
                predicted,
            )
        return data


def _next_cursor(run: ResourceRun, info: PageInfo) -> str:
    if not info.end_cursor:
        raise PermanentError(
            f"linear.{run.resource}",
            "a page says that more follow, but not where",
            "pageInfo.endCursor",
            "run again, and report this if it persists",
            code="incomplete",
        )
    return info.end_cursor
