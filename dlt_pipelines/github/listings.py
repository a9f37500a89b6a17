"""Complete listings of a repository that have no change time: one GraphQL request for all of them.

    listings.graphql   → raw_github.branches, tags, labels, milestones, collaborators

The newest discussions come along, and before files are first read the submodules. A listing that is
longer than its first page is read on. What GraphQL refuses the token is asked of REST, which has
the last word: the permissions of both are not quite the same. Rows are the objects of whichever API
they came from, their external ids are the same in both; a failure that may pass is no reason to ask
the other one.

https://docs.github.com/graphql/reference/objects#repository
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

import dlt
import msgspec
from dlt.extract import DltResource

from dlt_pipelines.exceptions import HeadwaterError, HiddenError
from dlt_pipelines.github.graphql import GraphQL, Json, is_too_much
from dlt_pipelines.github.rest import About, Params, State, listed, news
from dlt_pipelines.http import GraphQLProblem
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import SyncRequest
from dlt_pipelines.raw_event import ReadKeys

# Discussions carry comments and these replies: thirty of them are 930 requests by GitHub's count.
FIRST_DISCUSSIONS: Final = 30
NEWEST_DISCUSSIONS: Final = 5


@dataclass(frozen=True)
class _Listing:
    """How a listing is read: by REST's path, or as the list of this name in GraphQL's answer."""

    read_keys: ReadKeys
    params: Params = field(default_factory=dict)
    items: str = "nodes"


class _Name(msgspec.Struct):
    name: str


class _Node(msgspec.Struct):
    """An object of either API: the global id is `id` in GraphQL, where REST has a number."""

    id: str | int = 0
    node_id: str = ""


def _name_keys(record: bytes) -> tuple[str, datetime | None]:
    return msgspec.json.decode(record, type=_Name).name, None


def node_keys(record: bytes) -> tuple[str, datetime | None]:
    """The global id of a row of either API; a listing's rows have no time."""
    node = msgspec.json.decode(record, type=_Node)
    external_id = node.node_id or node.id
    if not isinstance(external_id, str):
        raise msgspec.ValidationError("Object missing required field `node_id`")
    return external_id, None


LISTINGS: Final = {
    "branches": _Listing(_name_keys),
    "tags": _Listing(_name_keys),
    "labels": _Listing(node_keys),
    "milestones": _Listing(node_keys, {"state": "all"}),
    "collaborators": _Listing(node_keys, items="edges"),
}


@dataclass
class Listings:
    """The listings of one repository, asked for at most once in a sync."""

    graphql: GraphQL
    about: About
    request: SyncRequest
    sync: SyncRun
    _found: Json | None = None

    def resources(self) -> list[DltResource]:
        """One resource for each."""
        return [
            listed(
                name,
                self.request,
                self.sync,
                partial(self._fetch, name),
                listing.read_keys,
                "GraphQL, repository: totalCount 0",
            )
            for name, listing in LISTINGS.items()
        ]

    def newest_discussions(self, run: ResourceRun) -> Json | None:
        """The first page of discussions, newest change first, where it came with the listings."""
        found: Json | None = self._ask(run).get("discussions") if self._wanted else None
        return found

    def submodules(self, run: ResourceRun, commit: str) -> dict[str, str]:
        """The default branch's submodules by path, where they came along and it is at `commit`.

        Whoever asks can do without, so a failure of the listings is left to them.
        """
        with suppress(HeadwaterError):
            found = self._ask(run) if self._wanted else {}
            head = (found.get("defaultBranchRef") or {}).get("target") or {}
            if head.get("oid") == commit:
                nodes = head["submodules"]["nodes"]
                commits = {node["path"]: node["subprojectCommitOid"] for node in nodes}
                return {path: sha for path, sha in commits.items() if sha}
        return {}

    @property
    def _wanted(self) -> list[str]:
        names = self.sync.resources.keys() - self.about.repository.empty
        return [name for name in LISTINGS if name in names]

    def _fetch(self, name: str, run: ResourceRun, state: State | None) -> Iterator[Any] | None:
        """Every record of a listing; None where none has changed since it was last read."""
        repository = self.about.repository
        if repository.is_empty(run, state):
            return None if state and state.get("listed") == 0 else iter(())
        answer = self._ask(run)
        if answer.get(name) is None:
            return repository.fetch_listing(run, f"/{name}", LISTINGS[name].params, state)
        found = self.graphql.complete(
            run,
            answer[name],
            "listings",
            "ListingPage",
            {"id": answer["id"], name: True},
            lambda node: node[name],
            LISTINGS[name].items,
        )
        records = news([_to_record(item) for item in found], state)
        run.expected_items = len(found) if records else None
        return records

    def _ask(self, run: ResourceRun) -> Json:
        """What GraphQL shows of the repository; nothing where it refuses the request."""
        if self._found is None:
            self._found = self._read(run)
        return self._found

    def _read(self, run: ResourceRun) -> Json:
        """All that is wanted at once; where that is too much, each listing by itself."""
        lists = self._wanted
        together = [[*lists, "discussions"]] if self._has_discussions() else []
        for names in (*together, lists):
            try:
                return self._request(run, names, can_ask_less=True)
            except HeadwaterError as error:
                is_hidden = isinstance(error, HiddenError)
                if is_hidden and "discussions" not in names:
                    return {}
                if not is_hidden and not is_too_much(error):
                    raise
        found: Json = {}
        for name in lists:
            found |= self._request(run, [name], can_ask_less=False)
        return found

    def _request(self, run: ResourceRun, names: list[str], *, can_ask_less: bool) -> Json:
        owner, name = self.request.container.split("/")
        variables: Json = {"owner": owner, "name": name, "first": self._first_discussions()}
        variables |= {kind: kind in names for kind in (*LISTINGS, "discussions")}
        variables["submodules"] = self._reads_first_files()
        data = self.graphql.ask(
            run,
            "listings",
            "Listings",
            variables,
            can_ask_less=can_ask_less,
            accept=_leaves_null,
        )
        found: Json | None = data["repository"]
        if found is None:  # A list that is never null was refused, and all that is around it.
            raise HiddenError(
                f"github.{run.resource}",
                f"GraphQL does not show {self.request.container} to the token",
                "permission to read it",
                "grant it to the token",
            )
        return found

    def _has_discussions(self) -> bool:
        if "discussions" not in self.sync.resources:
            return False
        run = self.sync.account("discussions")
        return run.resource not in self.about.repository.empty and self.about.has(
            run, "discussions"
        )

    def _reads_first_files(self) -> bool:
        is_known = self.request.is_live and dlt.current.resource_state("files").get("heads")
        return "files" in self.sync.resources and not is_known

    def _first_discussions(self) -> int:
        """As many discussions as are wanted at once: at first all of them, later what is new."""
        if not self.request.is_live:
            return FIRST_DISCUSSIONS
        cursors = dlt.current.resource_state("discussions").get("incremental", {})
        is_known = cursors.get("occurred_at", {}).get("last_value") is not None
        return NEWEST_DISCUSSIONS if is_known else FIRST_DISCUSSIONS


def _leaves_null(problem: GraphQLProblem) -> bool:
    """Whether an error refuses a whole listing, or the details of somebody's permission."""
    path = problem.get("path") or []
    is_listing = len(path) == 2 and path[0] == "repository"
    is_detail = bool(path) and path[-1] == "permissionSources"
    return problem.get("type") == "FORBIDDEN" and (is_listing or is_detail)


def _to_record(item: Json) -> bytes:
    """A node; what only its place in the list says of it is put beside its own."""
    if isinstance(node := item.get("node"), dict):
        item = {**node, **{key: value for key, value in item.items() if key != "node"}}
    return msgspec.json.encode(item)
