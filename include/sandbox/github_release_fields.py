"""Releases and their files in GitHub's GraphQL schema."""

from __future__ import annotations

import html
import re
from typing import Any, Final

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import Items, ordered
from include.sandbox.github_fields import field, listed, person
from include.sandbox.github_nodes import Thing

REACTIONS: Final = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "HOORAY": "hooray",
    "CONFUSED": "confused",
    "HEART": "heart",
    "ROCKET": "rocket",
    "EYES": "eyes",
}
"""GraphQL's name of a reaction to REST's."""


@field("Repository.release")
def release(thing: Thing, info: GraphQLResolveInfo, tagName: str) -> Thing | None:  # noqa: N803
    """A release by its tag."""
    row = thing.home.releases.find(tag_name=tagName)
    return thing.of("Release", row) if row else None


@field("Repository.latestRelease")
def latest_release(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The newest release that is neither a draft nor a prerelease."""
    row = newest_release(thing)
    return thing.of("Release", row) if row else None


def newest_release(thing: Thing) -> Json | None:
    """The row of the latest release."""
    rows = [row for row in thing.home.releases if not (row["draft"] or row["prerelease"])]
    return max(rows, key=lambda row: (str(row["created_at"]), row["id"]), default=None)


@field("Release.isLatest")
def is_latest(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it is the latest release."""
    row = newest_release(thing)
    return row is not None and row["id"] == thing.row["id"]


@field("Release.descriptionHTML")
def description_html(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """What a release says, as HTML; Markdown is not rendered."""
    text = thing.row.get("body")
    if text is None:
        return None
    known = thing.row.get("body_html")
    return str(known) if known is not None else f"<p>{html.escape(text)}</p>"


@listed("Release.mentions")
def mentions(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The collaborators that a release names."""
    named = {login.lower() for login in re.findall(r"@([\w-]+)", thing.row.get("body") or "")}
    rows = [row for row in thing.home.collaborators if row["login"].lower() in named]
    return ordered(rows, lambda row: thing.of("User", row))


@field("Release.reactionGroups")
def reaction_groups(thing: Thing, info: GraphQLResolveInfo) -> list[Thing]:
    """Every kind of reaction, those that nobody has shown too."""
    counts = thing.row.get("reactions") or {}
    return [
        thing.of("ReactionGroup", {"content": content, "count": counts.get(name, 0)})
        for content, name in REACTIONS.items()
    ]


@listed("ReactionGroup.reactors")
def reactors(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Who has shown a reaction, of whom no more than the number is known."""
    return ordered(range(thing.row["count"]), lambda number: number)


@listed("Release.releaseAssets")
def release_assets(
    thing: Thing, info: GraphQLResolveInfo, name: str | None = None, **page: Any
) -> Items:
    """The files of a release."""
    rows = [row for row in thing.row.get("assets", []) if name in (None, row["name"])]
    return ordered(rows, lambda row: thing.of("ReleaseAsset", row))


@field("ReleaseAsset.url")
def asset_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Where an asset is."""
    return str(thing.row.get("url") or thing.row["browser_download_url"])


@field("ReleaseAsset.uploadedBy")
def uploaded_by(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who uploaded an asset."""
    return person(thing, thing.row.get("uploader"))
