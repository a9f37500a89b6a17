"""Notion's objects as they leave the API: by version, freshly signed, with few references."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from include.sandbox.collection import Json

MAXIMUM_REFERENCES = 25
SIGNED_FOR = timedelta(hours=1)
TRASHABLE = ("page", "block", "database", "data_source")


def to_version(row: Json, version: str) -> Json:
    """An object in the shape of an API version."""
    shown: Json = signed(row)
    if shown.get("object") in TRASHABLE:
        shown.setdefault("in_trash", bool(shown.get("archived")))
        if version >= "2026-03-11":
            shown.pop("archived", None)
        else:
            shown.setdefault("archived", shown["in_trash"])
    if shown.get("object") == "page":
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
    if copy.get("type") == "file" and isinstance(hosted, dict) and "url" in hosted:
        url = str(hosted["url"]).split("?")[0]
        expiry = (datetime.now(UTC) + SIGNED_FOR).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        copy["file"] = {
            **hosted,
            "url": f"{url}?X-Amz-Expires=3600&X-Amz-Signature={secrets.token_hex(32)}",
            "expiry_time": expiry,
        }
    return copy


def with_few_references(value: Json) -> Json:
    """A property value with at most 25 relations or people."""
    kind = value.get("type")
    references = value.get(str(kind))
    if kind not in ("relation", "people") or not isinstance(references, list):
        return value
    shown = value | {str(kind): references[:MAXIMUM_REFERENCES]}
    return (
        shown | {"has_more": len(references) > MAXIMUM_REFERENCES} if kind == "relation" else shown
    )


def property_item(value: Json) -> Json:
    """A property of one value as `GET /v1/pages/{id}/properties/{id}` has it."""
    kind = value["type"]
    return {"object": "property_item", "id": value["id"], "type": kind, kind: value[kind]}


def property_items(value: Json) -> list[Json]:
    """A property of many values, one item per value."""
    kind = value["type"]
    return [
        {"object": "property_item", "id": value["id"], "type": kind, kind: item}
        for item in value[kind]
    ]
