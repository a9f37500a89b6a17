"""Releases and their files in GitHub's GraphQL schema."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import Items, ordered
from include.sandbox.github_fields import field, listed
from include.sandbox.github_nodes import Thing


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
