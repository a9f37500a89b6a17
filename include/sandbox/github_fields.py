"""How a field of GitHub's GraphQL schema gets its value where it needs no more than its row.

Rows are REST objects, except discussions, which REST does not have. A field is what the row has of
its name in either spelling, in GraphQL's form: enums in capitals, times in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from graphql import (
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
)

from include.sandbox.collection import Json
from include.sandbox.github_connections import Items, connection
from include.sandbox.github_graphql_cost import Price
from include.sandbox.github_nodes import Nodes, Thing
from include.sandbox.github_objects import HTML_URL
from include.sandbox.limits import Budget

Resolver = Callable[..., Any]
ListOf = Callable[..., Items | None]

RESOLVERS: Final[dict[str, Resolver]] = {}
"""`Type.field` to its function, or `field` for every type that has no other for it."""

WIDE_INT: Final = GraphQLScalarType("WideInt", serialize=int)
"""GitHub's ids are longer than GraphQL's integers, and sent as such all the same."""
WIDE_INT.name = "Int"


@dataclass(frozen=True)
class Asked:
    """What a resolver knows beyond its object: who asks, and what the query costs.

    `check_permission` refuses a field for which REST has this path.
    """

    nodes: Nodes
    budget: Budget
    price: Price
    may_push: bool
    check_permission: Callable[[str], None]


def field(*names: str) -> Callable[[Resolver], Resolver]:
    """Make a function the resolver of fields."""

    def register(resolver: Resolver) -> Resolver:
        for name in names:
            RESOLVERS[name] = resolver
        return resolver

    return register


def listed(*names: str) -> Callable[[ListOf], ListOf]:
    """Make a function that finds all items the resolver of connections."""

    def register(find: ListOf) -> ListOf:
        def resolve(thing: Thing, info: GraphQLResolveInfo, **arguments: Any) -> Json | None:
            found = find(thing, info, **arguments)
            return None if found is None else connection(found, info, arguments)

        for name in names:
            RESOLVERS[name] = resolve
        return find

    return register


def attach(schema: GraphQLSchema) -> GraphQLSchema:
    """Give every field of a schema its resolver."""
    for type_name, kind in schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType) or type_name.startswith("__"):
            continue
        for name, declared in kind.fields.items():
            declared.resolve = (
                RESOLVERS.get(f"{type_name}.{name}")
                or (of_page(name) if is_page(type_name) else RESOLVERS.get(name))
                or plain(name, get_named_type(declared.type))
            )
            if name == "databaseId":
                declared.type = WIDE_INT
    return schema


def is_page(type_name: str) -> bool:
    """Whether a type is a part of a connection, which is built as a dict of its fields."""
    return type_name.endswith(("Connection", "Edge")) or type_name in ("PageInfo", "RateLimit")


def of_page(name: str) -> Resolver:
    """The resolver of a part of a connection."""
    return lambda page, info: page[name]


def plain(name: str, returned: Any) -> Resolver:
    """The resolver of a field that is in the row."""
    other = snake(name)
    convert = converter_to(returned)

    def resolve(thing: Thing, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        row = thing.row
        value = row.get(name)
        if value is None:
            value = row.get(other)
        return None if value is None else convert(value)

    return resolve


def converter_to(returned: Any) -> Callable[[Any], Any]:
    """How a value of REST becomes one of this type."""
    if isinstance(returned, GraphQLEnumType):
        if returned.name == "CheckStatusState":
            return to_check_status
        return to_enum
    if returned.name == "DateTime":
        return to_time
    return lambda value: value


def to_check_status(value: str) -> str:
    """A check's status; recordings have been seen to hold its conclusion there: it is completed."""
    known = ("REQUESTED", "QUEUED", "IN_PROGRESS", "COMPLETED", "WAITING", "PENDING")
    return value.upper() if value.upper() in known else "COMPLETED"


def to_enum(value: str) -> str | None:
    """A name in capitals; REST once had an empty one for steps that did not end."""
    return value.upper() or None


def to_time(value: str) -> str:
    """A time in UTC, to the second."""
    if value.endswith("Z") and len(value) == 20:
        return value
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def snake(name: str) -> str:
    """The REST spelling of a name."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def person(thing: Thing, user: Json | None) -> Thing | None:
    """An account of either API's shape; None for one that is gone."""
    return None if user is None else thing.of(account_type(user), user)


def account_type(user: Json) -> str:
    """User, Bot, Organization or Mannequin."""
    return str(user.get("__typename") or user.get("type") or "User")


def url_of(row: Json) -> str:
    """Where people read an object."""
    return str(row.get("html_url") or row.get("url") or "")


@field("id")
def global_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """An object's global id."""
    return str(thing.row.get("node_id") or thing.row["id"])


@field("databaseId")
def database_id(thing: Thing, info: GraphQLResolveInfo) -> int | None:
    """An object's id in REST."""
    known = thing.row.get("databaseId", thing.row.get("id"))
    return known if isinstance(known, int) else None


@field("fullDatabaseId")
def full_database_id(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """An object's id in REST, as text."""
    known = database_id(thing, info)
    return None if known is None else str(known)


@field("url")
def url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Where people read an object."""
    return url_of(thing.row)


@field("resourcePath")
def resource_path(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The path of its URL."""
    return urlsplit(url_of(thing.row)).path


@field("author", "creator")
def author(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who made it."""
    row = thing.row
    return person(thing, row.get("user") or row.get("author") or row.get("creator"))


@field("body", "title", "name")
def text(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A text, which GraphQL has empty rather than null."""
    return str(thing.row.get(info.field_name) or "")


@field("repository")
def repository(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The repository it belongs to."""
    return thing.of("Repository", thing.home.repository)


@field("authorAssociation")
def author_association(thing: Thing, info: GraphQLResolveInfo) -> str:
    """How its author stands to the repository."""
    row = thing.row
    return str(row.get("author_association") or row.get("authorAssociation") or "NONE").upper()


@field("createdAt")
def created_at(thing: Thing, info: GraphQLResolveInfo) -> str:
    """When it was made; reviews are made when they are submitted."""
    row = thing.row
    return to_time(
        row.get("created_at")
        or row.get("createdAt")
        or row.get("submitted_at")
        or thing.home.repository["created_at"]
    )


@field("updatedAt")
def updated_at(thing: Thing, info: GraphQLResolveInfo) -> str:
    """When it last changed; what does not say so has not since it was made."""
    row = thing.row
    known = row.get("updated_at") or row.get("updatedAt") or row.get("published_at")
    return to_time(known) if known else created_at(thing, info)


@field("isMinimized")
def is_minimized(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it is hidden, which REST does not say."""
    return bool(thing.row.get("isMinimized", False))


@field("locked", "closed")
def flag(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Something that is so or not."""
    return bool(thing.row.get(info.field_name, False))


@field("activeLockReason")
def active_lock_reason(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """Why it is locked."""
    reason = thing.row.get("active_lock_reason")
    return reason.upper().replace("-", "_").replace(" ", "_") if reason else None


@field("avatarUrl")
def avatar_url(thing: Thing, info: GraphQLResolveInfo, size: int | None = None) -> str:
    """An account's picture."""
    known = thing.row.get("avatar_url") or f"{HTML_URL}/{thing.row.get('login', 'ghost')}.png"
    return str(known)


@field("Bot.login")
def bot_login(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A bot's name, which only REST writes with `[bot]`."""
    return str(thing.row["login"]).removesuffix("[bot]")


@field("User.url", "Bot.url", "Mannequin.url", "Organization.url")
def account_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """An account's page."""
    return str(thing.row.get("html_url") or f"{HTML_URL}/{thing.row['login']}")


@field("User.name", "Organization.name", "Release.name", "GitActor.name")
def optional_name(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """A name that need not be."""
    name = thing.row.get("name")
    return str(name) if name is not None else None


@field("User.isSiteAdmin")
def is_site_admin(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether an account is GitHub's own staff."""
    return bool(thing.row.get("site_admin"))


@field("User.email")
def email(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A public address; empty without one."""
    return str(thing.row.get("email") or "")
