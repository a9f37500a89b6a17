"""Repositories in GitHub's GraphQL schema: their counts, and the lists that begin at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLResolveInfo

from include.sandbox.collection import Collection, Json
from include.sandbox.github_connections import ApiError, Item, Items, Position
from include.sandbox.github_fields import account_type, field, listed, to_time
from include.sandbox.github_nodes import (
    Links,
    Thing,
    indexed,
    issue_by_number,
    pull_by_number,
    rows_of,
)

Order = dict[str, str]
SortKey = Callable[[Links], Any]

SORT_KEYS: Final[dict[str, SortKey]] = {
    "CREATED_AT": lambda links: links.made,
    "UPDATED_AT": lambda links: links.changed,
    "COMMENTS": lambda links: links.comments or 0,
    "NAME": lambda links: links.name or "",
    "NUMBER": lambda links: links.number or 0,
    "ID": lambda links: str(links.id).zfill(20),
}
OLDEST_FIRST: Final[Order] = {"field": "CREATED_AT", "direction": "ASC"}
NEWEST_CHANGE_FIRST: Final[Order] = {"field": "UPDATED_AT", "direction": "DESC"}


def all_of(
    thing: Thing,
    collection: Collection,
    type_name: str,
    order: Order,
    *,
    name: object = None,
    keep: Callable[[Links], bool] = lambda links: True,
) -> Items:
    """All rows of a kind in order, or those kept; `name` says which those are."""
    key, descending = SORT_KEYS[order["field"]], order["direction"] == "DESC"

    def build() -> list[Item]:
        items = [
            Item(position(key, links), raw) for links, raw in rows_of(collection) if keep(links)
        ]
        items.sort(key=lambda item: item.position, reverse=descending)
        return items

    items = collection.derived(("items", order["field"], descending, name), build)
    return Items(items, lambda raw: thing.of(type_name, raw), descending)


def position(key: SortKey, links: Links) -> Position:
    """The place of a row: its sort key, then its id."""
    return key(links), str(links.id).zfill(20)


@listed("Repository.issues")
def issues(
    thing: Thing,
    info: GraphQLResolveInfo,
    states: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    orderBy: Order | None = None,  # noqa: N803 (the argument's name in the schema)
    filterBy: Json | None = None,  # noqa: N803
    **page: Any,
) -> Items:
    """Issues that are no pull requests."""
    wanted = tuple(states or (filterBy or {}).get("states") or ())
    since = (filterBy or {}).get("since")

    def keep(links: Links) -> bool:
        return (
            links.pull_request is None
            and (not wanted or (links.state or "").upper() in wanted)
            and (not since or links.changed >= to_time(since))
        )

    found = all_of(
        thing,
        thing.home.issues,
        "Issue",
        orderBy or OLDEST_FIRST,
        name=("issues", wanted, since),
        keep=keep,
    )
    return with_labels(found, labels)


@listed("Repository.pullRequests")
def pull_requests(
    thing: Thing,
    info: GraphQLResolveInfo,
    states: Sequence[str] | None = None,
    baseRefName: str | None = None,  # noqa: N803 (the argument's name in the schema)
    headRefName: str | None = None,  # noqa: N803
    orderBy: Order | None = None,  # noqa: N803
    **page: Any,
) -> Items:
    """Pull requests, of some states and branches."""
    found = all_of(thing, thing.home.pull_requests, "PullRequest", orderBy or OLDEST_FIRST)
    wanted = {"base": baseRefName, "head": headRefName}
    if not states and not any(wanted.values()):
        return found

    def keep(row: Json) -> bool:
        state = "MERGED" if row.get("merged_at") else str(row["state"]).upper()
        return (not states or state in states) and all(
            name is None or row[side]["ref"] == name for side, name in wanted.items()
        )

    return narrowed(found, keep)


def with_labels(found: Items, labels: Sequence[str] | None) -> Items:
    """The issues that carry one of these labels."""
    if not labels:
        return found
    return narrowed(found, lambda row: any(one["name"] in labels for one in row["labels"]))


def narrowed(found: Items, keep: Callable[[Json], bool]) -> Items:
    """The items whose rows are kept."""
    kept = [item for item in found.items if keep(msgspec.json.decode(item.value))]
    return Items(kept, found.to_node, found.descending)


@listed("Repository.discussions")
def discussions(
    thing: Thing,
    info: GraphQLResolveInfo,
    states: Sequence[str] | None = None,
    answered: bool | None = None,
    orderBy: Order | None = None,  # noqa: N803 (the argument's name in the schema)
    **page: Any,
) -> Items:
    """Discussions, the last changed first if not asked otherwise."""
    found = all_of(thing, thing.home.discussions, "Discussion", orderBy or NEWEST_CHANGE_FIRST)
    if not states and answered is None:
        return found
    return narrowed(
        found,
        lambda row: (
            (not states or ("CLOSED" if row.get("closed") else "OPEN") in states)
            and answered in (None, bool(row.get("isAnswered")))
        ),
    )


@listed("Repository.releases")
def releases(
    thing: Thing,
    info: GraphQLResolveInfo,
    orderBy: Order | None = None,  # noqa: N803 (the argument's name in the schema)
    **page: Any,
) -> Items:
    """Releases and drafts of releases."""
    return all_of(thing, thing.home.releases, "Release", orderBy or OLDEST_FIRST)


@listed("Repository.deployments")
def deployments(
    thing: Thing,
    info: GraphQLResolveInfo,
    environments: Sequence[str] | None = None,
    orderBy: Order | None = None,  # noqa: N803 (the argument's name in the schema)
    **page: Any,
) -> Items:
    """Deployments, of some environments."""
    found = all_of(thing, thing.home.deployments, "Deployment", orderBy or OLDEST_FIRST)
    return (
        narrowed(found, lambda row: row["environment"] in environments) if environments else found
    )


@listed("Repository.labels")
def labels(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Labels in the order in which they were made."""
    info.context.check_permission(f"/repos/{thing.home.name}/labels")
    return all_of(thing, thing.home.labels, "Label", {"field": "ID", "direction": "ASC"})


@listed("Repository.milestones")
def milestones(
    thing: Thing, info: GraphQLResolveInfo, states: Sequence[str] | None = None, **page: Any
) -> Items:
    """Milestones by number."""
    info.context.check_permission(f"/repos/{thing.home.name}/milestones")
    order = {"field": "NUMBER", "direction": "ASC"}
    found = all_of(thing, thing.home.milestones, "Milestone", order)
    return narrowed(found, lambda row: row["state"].upper() in states) if states else found


@field("Repository.issue")
def issue(thing: Thing, info: GraphQLResolveInfo, number: int) -> Thing:
    """An issue by its number."""
    return issue_by_number(thing.home, number) or unknown("an Issue", number)


@field("Repository.pullRequest")
def pull_request(thing: Thing, info: GraphQLResolveInfo, number: int) -> Thing:
    """A pull request by its number."""
    return pull_by_number(thing.home, number) or unknown("a PullRequest", number)


@field("Repository.discussion", "Repository.milestone")
def numbered(thing: Thing, info: GraphQLResolveInfo, number: int) -> Thing:
    """A discussion or a milestone by its number."""
    collection = thing.home.collection(f"{info.field_name}s")
    raw = indexed(collection, "number", lambda links: links.number).get(number)
    name = info.field_name.capitalize()
    return unknown(f"a {name}", number) if raw is None else thing.of(name, raw)


def unknown(kind: str, number: int) -> Thing:
    """Refuse a number that nothing has.

    Raises:
        ApiError: always.
    """
    raise ApiError("NOT_FOUND", f"Could not resolve to {kind} with the number of {number}.")


@field("Repository.label")
def label(thing: Thing, info: GraphQLResolveInfo, name: str) -> Thing | None:
    """A label by its name."""
    row = thing.home.labels.find(name=name)
    return thing.of("Label", row) if row else None


@field("Repository.owner")
def owner(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The account that a repository belongs to."""
    row = thing.home.repository["owner"]
    organization = info.context.nodes.workspace.organizations.get(row["login"].lower())
    if organization is None:
        return Thing(account_type(row), row, thing.repository)
    return Thing("Organization", organization.organization, organization=organization)


OTHER_NAMES: Final = {
    "Repository.nameWithOwner": "full_name",
    "Repository.stargazerCount": "stargazers_count",
    "Repository.forkCount": "forks_count",
    "Repository.hasDiscussionsEnabled": "has_discussions",
    "Repository.hasIssuesEnabled": "has_issues",
    "Repository.hasProjectsEnabled": "has_projects",
    "Repository.hasWikiEnabled": "has_wiki",
    "Repository.isArchived": "archived",
    "Repository.isDisabled": "disabled",
    "Repository.isFork": "fork",
    "Repository.isPrivate": "private",
    "Repository.isTemplate": "is_template",
    "Repository.diskUsage": "size",
    "Repository.homepageUrl": "homepage",
    "Repository.sshUrl": "ssh_url",
    "Label.isDefault": "default",
    "Release.isDraft": "draft",
    "Release.isPrerelease": "prerelease",
    "Release.description": "body",
    "ReleaseAsset.downloadUrl": "browser_download_url",
    "ReleaseAsset.size": "size",
    "ReleaseAsset.downloadCount": "download_count",
    "ReleaseAsset.contentType": "content_type",
}
"""Fields that REST has under quite another name."""


def renamed(name: str, *, default: Any) -> Callable[..., Any]:
    """The resolver of a field that REST names otherwise."""
    return lambda thing, info: thing.row.get(name, default)


for _field, _name in OTHER_NAMES.items():
    _is_flag = _field.split(".")[1].startswith(("is", "has"))
    _is_count = _field.endswith("Count")
    field(_field)(renamed(_name, default=False if _is_flag else 0 if _is_count else None))


@field("Repository.isEmpty")
def is_empty(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether there is no commit."""
    return thing.home.git is None and not len(thing.home.commits)


@field("Repository.isInOrganization")
def is_in_organization(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether an organization owns it."""
    found: Thing = owner(thing, info)
    return found.type == "Organization"


@field("Repository.isLocked", "Repository.isMirror")
def never(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """What no repository of a workspace is."""
    return False


@field("Repository.visibility")
def visibility(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Public, private or internal."""
    known = thing.row.get("visibility") or ("private" if thing.row.get("private") else "public")
    return str(known).upper()


@field("Milestone.closed")
def milestone_closed(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether a milestone is closed."""
    return bool(thing.row["state"] == "closed")


@field("Label.url")
def label_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A label's page."""
    return f"{thing.home.repository['html_url']}/labels/{thing.row['name']}"
