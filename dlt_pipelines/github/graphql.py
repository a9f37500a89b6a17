"""Asking GitHub's GraphQL API: by the hundred, for less where that is too much, and to the end.

One request brings up to 100 objects with their lists. GitHub answers 502 or runs out of time where
that is too much work: the same is then asked for by halves, and by more again once that goes well.
A list that does not fit its first page is read on. https://docs.github.com/graphql
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dlt_pipelines.exceptions import HeadwaterError, PermanentError, TransientError
from dlt_pipelines.http import Client, GraphQLProblem
from dlt_pipelines.ledger import ResourceRun

Json = dict[str, Any]

MOST: Final = 100
_SUCCESSES_TO_GROW: Final = 4
_IMPORT: Final = re.compile(r'^#import "(\w+)\.graphql"$', re.MULTILINE)


@lru_cache
def document(name: str) -> str:
    """A document of `queries/`, with those that it imports (`#import "name.graphql"`)."""
    text = (Path(__file__).parent / "queries" / f"{name}.graphql").read_text(encoding="utf-8")
    return "\n".join([text, *(document(other) for other in _IMPORT.findall(text))])


def endpoint(base_url: str) -> str:
    """Where GraphQL is: beside the REST API, which an Enterprise Server has below /api/v3."""
    if base_url.endswith("/api/v3"):
        return f"{base_url.removesuffix('/v3')}/graphql"
    return f"{base_url}/graphql"


class PageSize:
    """How much to ask for at once."""

    def __init__(self, most: int = MOST) -> None:
        self.now = self._most = most
        self._successes = 0

    def shrink(self) -> None:
        """It was too much."""
        self.now = max(1, self.now // 2)
        self._successes = 0

    def succeeded(self) -> None:
        """It went well; after some of these, ask for more."""
        self._successes += 1
        if self._successes >= _SUCCESSES_TO_GROW:
            self.now = min(self._most, self.now * 2)
            self._successes = 0


@dataclass(frozen=True)
class GraphQL:
    """Operations on one client."""

    client: Client

    def ask(
        self,
        run: ResourceRun,
        name: str,
        operation: str,
        variables: Mapping[str, Any],
        *,
        can_ask_less: bool = False,
        accept_missing: bool = False,
        accept: Callable[[GraphQLProblem], bool] | None = None,
    ) -> Json:
        """The `data` of one operation of a document."""
        return self.client.graphql(
            run.meter,
            endpoint(self.client.base_url),
            document(name),
            variables,
            Json,
            operation=operation,
            attempts=1 if can_ask_less else None,
            accept_missing=accept_missing,
            accept=accept,
        )

    def nodes(
        self,
        run: ResourceRun,
        name: str,
        operation: str,
        ids: Sequence[str],
        variables: Mapping[str, Any],
    ) -> Iterator[tuple[str, Json | None]]:
        """Each object by its id, None where there is none (any more)."""
        size, start = PageSize(), 0
        while start < len(ids):
            batch = ids[start : start + size.now]
            try:
                data = self.ask(
                    run,
                    name,
                    operation,
                    {**variables, "ids": batch},
                    can_ask_less=len(batch) > 1,
                    accept_missing=True,
                )
            except HeadwaterError as error:
                if not is_too_much(error) or len(batch) == 1:
                    raise
                size.now = len(batch)
                size.shrink()
                continue
            yield from zip(batch, data["nodes"], strict=True)
            start += len(batch)
            size.succeeded()

    def walk(
        self,
        run: ResourceRun,
        name: str,
        operation: str,
        variables: Mapping[str, Any],
        connection: Callable[[Json], Json],
        most: int = MOST,
        after: str | None = None,
    ) -> Iterator[list[Json]]:
        """The pages of a connection of the top level, from the cursor `after` on."""
        size = PageSize(most)
        while True:
            try:
                data = self.ask(
                    run,
                    name,
                    operation,
                    {**variables, "first": size.now, "after": after},
                    can_ask_less=size.now > 1,
                )
            except HeadwaterError as error:
                if not is_too_much(error) or size.now == 1:
                    raise
                size.shrink()
                continue
            found = connection(data)
            yield found["nodes"]
            size.succeeded()
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]

    def complete(
        self,
        run: ResourceRun,
        found: Json,
        name: str,
        operation: str,
        variables: Mapping[str, Any],
        connection: Callable[[Json], Json],
        items: str = "nodes",
    ) -> list[Json]:
        """All items of a list that came with its object: its first page, and the others.

        Raises:
            PermanentError: there are fewer than the API says.
        """
        rows: list[Json] = list(found[items])
        total = found["totalCount"]
        while found["pageInfo"]["hasNextPage"]:
            after = found["pageInfo"]["endCursor"]
            data = self.ask(run, name, operation, {**variables, "after": after})
            if data["node"] is None:
                break
            found = connection(data["node"])
            total = found["totalCount"]
            rows += found[items]
        if len(rows) < total:
            raise PermanentError(
                f"github.{run.resource}",
                f"{operation} gave {len(rows)} of {total} items",
                "all of them",
                "run again; if it persists report the query",
                code="incomplete",
            )
        return rows


def is_too_much(error: HeadwaterError) -> bool:
    """Whether asking for less may help: a timeout, a 5xx, or more nodes than GitHub allows."""
    if isinstance(error, TransientError):
        return error.code != "rate_limited"
    return error.code == "too_large"
