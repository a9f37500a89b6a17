"""One request that tells of up to fifty teams whether anything in them has moved.

The newest issue, the newest comment, and all workflow states, of which a deleted one leaves nothing
newer behind. A page of issues costs nearly all points that a query may, however few have changed;
a team costs 63 here. A change that is committed late, beside a newer one, would not be seen: so a
team whose newest change is younger than the cursors' overlap is visited again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dlt_pipelines.http import Client, Meter
from dlt_pipelines.linear.scope import Scope

TEAMS_AT_ONCE: Final = 50
# A resource's connection, the type of its filter, and how much of it is asked for.
_ASKED: Final = {
    "issues": ("issues", "IssueFilter", "first: 1, orderBy: updatedAt"),
    "comments": ("comments", "CommentFilter", "first: 1, orderBy: updatedAt"),
    "workflow_states": ("workflowStates", "WorkflowStateFilter", "first: 50"),
}


class _Version(msgspec.Struct, rename="camel"):
    id: str
    updated_at: datetime


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool


class _Page(msgspec.Struct, rename="camel"):
    nodes: list[_Version]
    page_info: _PageInfo


def probe(client: Client, teams: Sequence[str], meter: Meter) -> Mapping[str, bytes]:
    """What moves in each team; teams without states, or with too many, are left out."""
    found: dict[str, bytes] = {}
    for start in range(0, len(teams), TEAMS_AT_ONCE):
        found.update(_ask(client, teams[start : start + TEAMS_AT_ONCE], meter))
    return found


def is_settled(answer: bytes, overlap: timedelta, asked_at: datetime) -> bool:
    """Whether nothing that is older than what was found can still come, by Linear's own clock."""
    pages = msgspec.json.decode(answer, type=dict[str, _Page])
    changes = [version.updated_at for page in pages.values() for version in page.nodes]
    return asked_at - max(changes) > overlap


def probe_text(count: int) -> str:
    """The query for so many teams."""
    numbered = [(name, number) for number in range(count) for name in _ASKED]
    variables = ", ".join(f"${name}{number}: {_ASKED[name][1]}!" for name, number in numbered)
    fields = "\n".join(_field(name, number) for name, number in numbered)
    return f"query Probe({variables}) {{\n{fields}\n}}"


def _field(name: str, number: int) -> str:
    connection, _, arguments = _ASKED[name]
    return (
        f"  {name}{number}: {connection}({arguments}, includeArchived: true,"
        f" filter: ${name}{number})"
        " { nodes { id updatedAt } pageInfo { hasNextPage } }"
    )


def _ask(client: Client, teams: Sequence[str], meter: Meter) -> Iterator[tuple[str, bytes]]:
    variables: dict[str, Any] = {
        f"{name}{number}": Scope("team", (team,)).filters(name)
        for number, team in enumerate(teams)
        for name in _ASKED
    }
    text = probe_text(len(teams))
    answer = client.graphql(meter, "/graphql", text, variables, dict[str, _Page])
    for number, team in enumerate(teams):
        pages = {name: answer[f"{name}{number}"] for name in _ASKED}
        states = pages["workflow_states"]
        if states.nodes and not states.page_info.has_next_page:
            states.nodes.sort(key=lambda state: state.id)
            yield team, msgspec.json.encode(pages)
