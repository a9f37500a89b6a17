"""Fields of Linear's objects that a payload need not spell out, for they follow from others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLNonNull, GraphQLOutputType, is_list_type

from include.sandbox.collection import Json
from include.sandbox.linear_relations import id_of, referring, related

if TYPE_CHECKING:
    from include.sandbox.stores import LinearStore

PRIORITY_LABELS: Final = ("No priority", "Urgent", "High", "Medium", "Low")


def default(
    store: LinearStore, parent: str, source: Json, field: str, declared: GraphQLOutputType
) -> Any:
    """The value of a field that a payload lacks; None where nothing says what it is."""
    if (parent, field) in FOLLOWS:
        return FOLLOWS[parent, field](source)
    if (parent, field) in COUNTED:
        return len(related(store, parent, source, *COUNTED[parent, field]))
    if (parent, field) in NEWEST:
        rows = referring(store.collection(NEWEST[parent, field]), parent.lower())
        return next(iter(rows.get(source["id"], [])), None)
    if field.endswith("Ids") and (listed := source.get(f"{field[:-3]}s")) is not None:
        return [item["id"] for item in (listed if isinstance(listed, list) else listed["nodes"])]
    if field.endswith("Id") and isinstance(source.get(field[:-2]), dict):
        return id_of(source[field[:-2]])
    if not isinstance(declared, GraphQLNonNull):
        return None
    return [] if is_list_type(declared.of_type) else EMPTY.get(str(declared.of_type))


def now() -> str:
    """This moment as Linear writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


EMPTY: Final[dict[str, Any]] = {"Boolean": False, "Float": 0, "Int": 0, "JSONObject": {}}
"""What stands in a field that is never null, where a workspace has nothing to say about it."""

FOLLOWS: Final[dict[tuple[str, str], Callable[[Json], Any]]] = {
    ("Cycle", "isActive"): lambda cycle: cycle["startsAt"] <= now() < cycle["endsAt"],
    ("Cycle", "isFuture"): lambda cycle: now() < cycle["startsAt"],
    ("Cycle", "isPast"): lambda cycle: cycle["endsAt"] <= now(),
    ("Initiative", "frequencyResolution"): lambda initiative: "weekly",
    ("InitiativeToProject", "sortOrder"): lambda joint: "0",
    ("Issue", "branchName"): lambda issue: issue["identifier"].lower(),
    ("Issue", "number"): lambda issue: int(issue["identifier"].split("-")[1]),
    ("Issue", "priorityLabel"): lambda issue: PRIORITY_LABELS[int(issue.get("priority") or 0)],
    ("Project", "color"): lambda project: "#bec2c8",
    ("Project", "frequencyResolution"): lambda project: "weekly",
    ("Project", "priorityLabel"): lambda project: PRIORITY_LABELS[project.get("priority") or 0],
    ("Project", "state"): lambda project: project["status"]["type"],
    ("Team", "displayName"): lambda team: team["name"],
    ("Team", "cycleCalenderUrl"): lambda team: f"https://client-api.linear.app/ical/{team['id']}",
    ("Team", "issueEstimationType"): lambda team: "notUsed",
    ("Team", "setIssueSortOrderOnStateChange"): lambda team: "default",
    ("Team", "timezone"): lambda team: "Etc/UTC",
    ("Team", "visibility"): lambda team: "private" if team.get("private") else "public",
    # Every object belongs to the one workspace that is served.
    **{
        (name, "organization"): lambda row: {"id": ""}
        for name in ("ExternalUser", "Initiative", "Team", "User")
    },
}

COUNTED: Final = {
    ("Customer", "approximateNeedCount"): ("needs", "CustomerNeed"),
    ("InitiativeUpdate", "commentCount"): ("comments", "Comment"),
    ("Organization", "createdIssueCount"): ("issues", "Issue"),
    ("Organization", "customerCount"): ("customers", "Customer"),
    ("Organization", "userCount"): ("users", "User"),
    ("ProjectUpdate", "commentCount"): ("comments", "Comment"),
    ("Team", "issueCount"): ("issues", "Issue"),
}
"""Fields that say how many objects a nested list has, and what these are."""

NEWEST: Final = {
    ("Initiative", "lastUpdate"): "initiative_updates",
    ("Project", "lastUpdate"): "project_updates",
}
"""Fields that are the newest object referring to theirs, and the collection it is in."""
