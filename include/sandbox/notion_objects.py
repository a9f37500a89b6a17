"""Notion's objects as they leave the API: by version, freshly signed, with few references."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from include.sandbox.collection import Json

MAXIMUM_REFERENCES = 25
SIGNED_FOR = timedelta(hours=1)
TRASHABLE = ("page", "block", "database", "data_source")
LISTED_PROPERTIES = ("title", "rich_text", "relation", "people", "rollup")
NEWEST_VERSION = "2026-03-11"


def to_version(row: Json, version: str, *, in_trash: bool) -> Json:
    """An object in the shape of an API version."""
    shown: Json = signed(row)
    kind = shown.get("object")
    if kind in TRASHABLE:
        shown["in_trash"] = in_trash
        if version >= NEWEST_VERSION:
            shown.pop("archived", None)
        else:
            shown["archived"] = shown["in_trash"]
    if kind == "block" and shown.get("type") in ("meeting_notes", "transcription"):
        name = "meeting_notes" if version >= NEWEST_VERSION else "transcription"
        value = shown.pop(shown["type"])
        shown |= {"type": name, name: value}
    if kind == "page":
        shown["properties"] = {
            name: with_few_references(value) for name, value in shown["properties"].items()
        }
    return shown


def signed(value: Any) -> Any:
    """A copy in which every file that Notion hosts has a new signature and expiry."""
    if isinstance(value, list):
        return [signed(item) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {name: signed(item) for name, item in value.items()}
    hosted = copy.get("file")
    if isinstance(hosted, dict) and is_hosted(copy, hosted):
        url = str(hosted["url"]).split("?")[0]
        expiry = (datetime.now(UTC) + SIGNED_FOR).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        copy["file"] = {
            **hosted,
            "url": f"{url}?X-Amz-Expires=3600&X-Amz-Signature={secrets.token_hex(32)}",
            "expiry_time": expiry,
        }
    return copy


def is_hosted(holder: Json, file: Json) -> bool:
    """Whether a file is Notion's own; an attachment of a comment says so only by its expiry."""
    return "url" in file and (holder.get("type") == "file" or "expiry_time" in file)


def with_few_references(value: Json) -> Json:
    """A property value with at most 25 references: relations, people, mentions, rolled up values.

    Text ends after the last mention that is shown; only a relation says that it has more.
    """
    kind = str(value.get("type"))
    found = value.get(kind)
    if kind == "rollup" and isinstance(found, dict) and found.get("type") == "array":
        return value | {"rollup": found | {"array": found["array"][:MAXIMUM_REFERENCES]}}
    if not isinstance(found, list):
        return value
    if kind == "relation":
        more = len(found) > MAXIMUM_REFERENCES
        return value | {"relation": found[:MAXIMUM_REFERENCES], "has_more": more}
    if kind == "people":
        return value | {"people": found[:MAXIMUM_REFERENCES]}
    if kind in ("title", "rich_text"):
        mentions = [place for place, item in enumerate(found) if is_reference(item)]
        if len(mentions) > MAXIMUM_REFERENCES:
            return value | {kind: found[: mentions[MAXIMUM_REFERENCES - 1] + 1]}
    return value


def is_reference(item: Json) -> bool:
    """Whether a run of text mentions a page or person."""
    return item.get("type") == "mention" and item["mention"]["type"] in ("page", "user")


def property_item(value: Json) -> Json:
    """A property of one value as `GET /v1/pages/{id}/properties/{id}` has it."""
    kind = value["type"]
    return {"object": "property_item", "id": value["id"], "type": kind, kind: value[kind]}


def property_items(value: Json) -> list[Json]:
    """A property of many values, one item per value; a rollup's are those that it rolls up."""
    kind = value["type"]
    if kind == "rollup":
        items = value["rollup"].get("array", [])
        return [{"object": "property_item", "id": value["id"], **item} for item in items]
    return [
        {"object": "property_item", "id": value["id"], "type": kind, kind: item}
        for item in value[kind]
    ]


def plain_title(row: Json) -> str:
    """The title of a page or data source without its marks."""
    texts: list[Json] = row["title"] if row["object"] == "data_source" else []
    if row["object"] == "page":
        texts = next((v["title"] for v in row["properties"].values() if v["type"] == "title"), [])
    return "".join(text["plain_text"] for text in texts)
