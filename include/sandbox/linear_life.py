"""What happens to the objects of a Linear workspace: archived, trashed, moved, deleted for good."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from include.sandbox.collection import Collection, Json
from include.sandbox.linear_defaults import now
from include.sandbox.linear_relations import id_of

# Kinds whose objects go with the object they refer to, and the name of that reference.
HELD_BY: Final = {
    "issues": (
        ("comments", "issue"),
        ("issue_history", "issue"),
        ("issue_relations", "issue"),
        ("issue_relations", "relatedIssue"),
        ("attachments", "issue"),
        ("customer_needs", "issue"),
    ),
    "comments": (("comments", "parent"),),
    "projects": (
        ("project_milestones", "project"),
        ("project_updates", "project"),
        ("initiative_to_projects", "project"),
    ),
    "initiatives": (("initiative_to_projects", "initiative"), ("initiative_updates", "initiative")),
    "project_updates": (("comments", "projectUpdate"),),
    "initiative_updates": (("comments", "initiativeUpdate"),),
    "customers": (("customer_needs", "customer"),),
    "teams": (
        ("issues", "team"),
        ("cycles", "team"),
        ("workflow_states", "team"),
        ("labels", "team"),
        ("team_memberships", "team"),
    ),
    "users": (("team_memberships", "user"),),
}
# Fields of an issue whose changes its history keeps as `from…` and `to…`.
KEPT: Final = (
    "assignee",
    "cycle",
    "delegate",
    "dueDate",
    "estimate",
    "parent",
    "priority",
    "project",
    "projectMilestone",
    "state",
    "team",
    "title",
)


class LinearLife:
    """Changes as Linear makes them, with `updatedAt` and an issue's history."""

    issues: Collection
    issue_history: Collection
    teams: Collection
    workflow_states: Collection

    if TYPE_CHECKING:
        kinds: ClassVar[tuple[str, ...]]

        def collection(self, kind: str) -> Collection:
            """The collection of a kind."""

    def change_issue(self, issue_id: str, actor: str | None = None, **changed: Any) -> Json:
        """Change fields of an issue; its history grows by one entry, which says from what to what.

        Raises:
            KeyError: there is no such issue.
        """
        issue = self._get("issues", issue_id)
        moment = now()
        entry: Json = {
            "id": str(uuid.uuid4()),
            "createdAt": moment,
            "updatedAt": moment,
            "archivedAt": None,
            "issue": {"id": issue_id},
            "actor": {"id": actor} if actor else None,
        }
        for field in sorted({*KEPT} & {*changed}):
            if changed[field] == issue.get(field):
                continue
            name = field[0].upper() + field[1:]
            entry |= {f"from{name}": issue.get(field), f"to{name}": changed[field]}
        if "labels" in changed:
            before, after = label_ids(issue), label_ids(changed)
            entry["addedLabels"] = [{"id": label} for label in after if label not in before]
            entry["removedLabels"] = [{"id": label} for label in before if label not in after]
        if "description" in changed:
            entry["updatedDescription"] = True
        issue |= {**changed, "updatedAt": moment}
        self.issues.upsert(issue)
        self.issue_history.upsert(entry)
        return issue

    def move_issue(self, issue_id: str, team_id: str, actor: str | None = None) -> Json:
        """Move an issue to another team: it gets a key of that team and remembers the old one.

        Raises:
            KeyError: there is no such issue or team.
        """
        team = self._get("teams", team_id)
        numbers = [row["number"] for row in self.issues if row["team"]["id"] == team_id]
        number = int(max(numbers, default=0)) + 1
        former = self._get("issues", issue_id)
        state = self._alike_state(former, team_id)
        return self.change_issue(
            issue_id,
            actor,
            team={"id": team_id, "key": team["key"]},
            state=state,
            cycle=None,
            number=number,
            identifier=f"{team['key']}-{number}",
            previousIdentifiers=[*former.get("previousIdentifiers", []), former["identifier"]],
        )

    def archive(self, kind: str, object_id: str, *, trash: bool = False) -> None:
        """Archive an object, or put it into the trash, from where it is deleted for good later.

        Raises:
            KeyError: there is no such object.
        """
        moment = now()
        row = self._get(kind, object_id) | {"archivedAt": moment, "updatedAt": moment}
        self.collection(kind).upsert(row | ({"trashed": True} if trash else {}))

    def restore(self, kind: str, object_id: str) -> None:
        """Take an object out of the archive or the trash.

        Raises:
            KeyError: there is no such object.
        """
        row = self._get(kind, object_id) | {"archivedAt": None, "updatedAt": now()}
        self.collection(kind).upsert(row | ({"trashed": None} if "trashed" in row else {}))

    def delete(self, kind: str, object_id: str | int) -> None:
        """Delete an object for good with what hangs on it; nobody refers to it any more.

        Raises:
            KeyError: there is no such object.
        """
        self.collection(kind).delete(object_id)
        held = HELD_BY.get(kind, ())
        needle = f'"{object_id}"'.encode()
        for other in self.kinds:
            collection = self.collection(other)
            for row in [msgspec.json.decode(raw) for raw in collection.raw() if needle in raw]:
                if any(
                    id_of(row.get(name)) == object_id
                    for held_kind, name in held
                    if held_kind == other
                ):
                    if row["id"] in collection:
                        self.delete(other, row["id"])
                else:
                    collection.upsert(
                        {name: without(value, str(object_id)) for name, value in row.items()}
                    )

    def _alike_state(self, issue: Json, team_id: str) -> Json:
        """The state of another team that is most like an issue's: by name, else by type."""
        state = self.workflow_states.get(issue["state"]["id"]) or issue["state"]
        there = [row for row in self.workflow_states if row["team"]["id"] == team_id]
        same = [row for row in there if row["name"] == state["name"]]
        same += [row for row in there if row["type"] == state["type"]] + there
        return {name: same[0][name] for name in ("id", "name", "type")} if same else state

    def _get(self, kind: str, object_id: str) -> Json:
        row = self.collection(kind).get(object_id)
        if row is None:
            raise KeyError(f"sandbox: linear has no {kind} {object_id}")
        return row


def label_ids(row: Json) -> list[str]:
    """The ids of an issue's labels."""
    return [node["id"] for node in (row.get("labels") or {}).get("nodes", [])]


def without(value: Any, object_id: str) -> Any:
    """A field's value without an object: null where it was it, shorter where it was listed."""
    if isinstance(value, list):
        return [item for item in value if not refers_to(item, object_id)]
    if isinstance(value, dict) and "nodes" in value:
        return {**value, "nodes": without(value["nodes"], object_id)}
    return None if refers_to(value, object_id) else value


def refers_to(value: Any, object_id: str) -> bool:
    """Whether a value is a reference to an object."""
    return isinstance(value, dict) and value.get("id") == object_id
