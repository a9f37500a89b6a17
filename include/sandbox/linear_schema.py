"""Linear's schema as far as it is served, and which collection holds the objects of a type."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, get_named_type

SCHEMA_PATH = Path(__file__).with_name("linear.graphql")
COLLECTIONS = {
    "Team": "teams",
    "User": "users",
    "TeamMembership": "team_memberships",
    "WorkflowState": "workflow_states",
    "IssueLabel": "labels",
    "Cycle": "cycles",
    "Project": "projects",
    "ProjectStatus": "project_statuses",
    "ProjectMilestone": "project_milestones",
    "ProjectUpdate": "project_updates",
    "Initiative": "initiatives",
    "InitiativeToProject": "initiative_to_projects",
    "InitiativeUpdate": "initiative_updates",
    "Document": "documents",
    "Issue": "issues",
    "IssueHistory": "issue_history",
    "IssueRelation": "issue_relations",
    "Comment": "comments",
    "Attachment": "attachments",
    "Customer": "customers",
    "CustomerNeed": "customer_needs",
}
"""Type to the collection that holds its objects."""

FILTERED_ONLY = {
    ("Document", "team"): "Team",
    ("Document", "cycle"): "Cycle",
    ("Project", "accessibleTeams"): "TeamConnection",
}
"""What can be filtered by, though it is no public field: type and name to the type found there."""


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The schema served."""
    return build_schema(SCHEMA_PATH.read_text(encoding="utf-8"))


@lru_cache(maxsize=4_096)
def type_of(type_name: str, field: str) -> str:
    """The name of the type that a field has, without what says list or non-null; "" if none."""
    declared = schema().type_map.get(type_name)
    if isinstance(declared, GraphQLObjectType) and field in declared.fields:
        return str(get_named_type(declared.fields[field].type).name)
    return FILTERED_ONLY.get((type_name, field), "")


def is_object(type_name: str) -> bool:
    """Whether a type is one of objects."""
    return isinstance(schema().type_map.get(type_name), GraphQLObjectType)
