"""Long property values: a page shows 25 references of each, the rest has an endpoint of its own.

https://developers.notion.com/reference/retrieve-a-page-property
"""

from __future__ import annotations

from typing import Final

import msgspec

from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.rest import Json, Workspace

SHOWN: Final = 25
LISTED: Final = frozenset({"title", "rich_text", "relation", "people"})


def complete_properties(workspace: Workspace, run: ResourceRun, page: bytes) -> bytes:
    """The page with every property in full; untouched if none was cut off.

    Where a relation is longer than a page shows, what is rolled up over it was computed from the
    part that is shown: so rollups are asked for as well.
    """
    if b'"properties"' not in page:
        return page
    record: Json = msgspec.json.decode(page)
    properties = record.get("properties")
    if not isinstance(properties, dict):
        return page
    cut = {name for name, value in properties.items() if _is_cut(value)}
    if any(properties[name]["type"] == "relation" for name in cut):
        cut |= {name for name, value in properties.items() if value.get("type") == "rollup"}
    if not cut:
        return page
    for name in cut:
        properties[name] = _complete(workspace, run, record["id"], properties[name])
    return msgspec.json.encode(record)


def _is_cut(value: Json) -> bool:
    """Whether a value may have more than the page shows; only relations say so themselves."""
    kind = str(value.get("type"))
    if kind == "relation" and "has_more" in value:
        return bool(value["has_more"])
    if kind == "rollup":
        rollup = value.get("rollup") or {}
        return rollup.get("type") == "incomplete" or len(rollup.get("array") or ()) >= SHOWN
    return kind in LISTED and len(value.get(kind) or ()) >= SHOWN


def _complete(workspace: Workspace, run: ResourceRun, page_id: str, value: Json) -> Json:
    kind = str(value["type"])
    try:
        items, about = workspace.fetch_property(run, page_id, value["id"])
    except NotFoundError as error:  # Not shared with the integration, or removed meanwhile.
        run.dead_letter(msgspec.json.encode({"page_id": page_id, "property": value}), error)
        return value
    if kind != "rollup":
        parts = [item[kind] for item in items if kind in item]
        if kind in ("relation", "people"):  # What moves while the pages are read is listed twice.
            parts = list({part.get("id"): part for part in parts}.values())
        whole = {**value, kind: parts}
        return {**whole, "has_more": False} if "has_more" in value else whole
    rollup = about.get("rollup") or value["rollup"]
    if rollup.get("type") == "array":
        wrapping = ("object", "id")
        array = [{k: v for k, v in item.items() if k not in wrapping} for item in items]
        rollup = {**rollup, "array": array}
    return {**value, "rollup": rollup}
