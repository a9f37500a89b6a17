"""Pages and their properties, databases and data sources, one at a time."""

from __future__ import annotations

from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from include.sandbox.collection import Json
from include.sandbox.notion_objects import LISTED_PROPERTIES, property_item, property_items
from include.sandbox.notion_requests import API_URL, Call, InvalidRequestError, NotFoundError


def page(call: Call) -> Json:
    """`GET /v1/pages/{id}`; in trash it can still be read."""
    return with_chosen_properties(call, call.shown(call.find("pages")))


def data_source(call: Call) -> Json:
    """`GET /v1/data_sources/{id}`."""
    return call.shown(call.find("data_sources"))


def database(call: Call) -> Json:
    """`GET /v1/databases/{id}`, with those of its data sources that can be read."""
    found = call.find("databases")
    store = call.store
    known = {source["id"]: source for source in found["data_sources"]}
    for source_id in store.data_sources.below(found["id"]):
        source = store.data_sources.get(source_id) or {"title": []}
        name = "".join(text["plain_text"] for text in source["title"])
        known[source_id] = {"id": source_id, "name": name or known.get(source_id, {}).get("name")}
    listed = [known[key] for key in store.listed(known)]
    return call.shown(found | {"data_sources": listed})


def page_property(call: Call) -> Json:
    """`GET /v1/pages/{id}/properties/{property_id}`: one value, or a listing of many."""
    property_id = call.names["property_id"]
    for value in call.find("pages")["properties"].values():
        if unquote(value["id"]) == unquote(property_id):
            if value["type"] in LISTED_PROPERTIES:
                return listed_property(call, value)
            return call.shown(property_item(value))
    raise NotFoundError(f"Could not find property with name or id: {property_id}")


def listed_property(call: Call, value: Json) -> Json:
    """A page of a property's items. A rollup's value is not known before the last page."""
    kind = value["type"]
    items = property_items(value)
    keys = [str(uuid5(NAMESPACE_URL, f"{call.path}/{number}")) for number in range(len(items))]
    listing = call.listing(keys, lambda key: items[keys.index(key)], "property_item")
    cursor = listing["next_cursor"]
    shown: Json = {}
    if kind == "rollup":
        rollup = value["rollup"]
        shown = {"type": rollup["type"], rollup["type"]: rollup[rollup["type"]]}
        if listing["has_more"]:
            shown = {"type": "incomplete", "incomplete": {}}
        elif rollup["type"] == "array":
            shown["array"] = []
        shown["function"] = rollup["function"]
    listing["property_item"] = {
        "id": value["id"],
        "next_url": None if cursor is None else f"{API_URL}{call.path}?start_cursor={cursor}",
        "type": kind,
        kind: shown,
    }
    return listing


def with_chosen_properties(call: Call, row: Json) -> Json:
    """A page with only the properties that `filter_properties` names, if it names any."""
    chosen = [
        unquote(name)
        for key in ("filter_properties", "filter_properties[]")
        for value in call.query.getlist(key)
        for name in value.split(",")
    ]
    if not chosen or row["object"] != "page":
        return row
    values = {
        name: value
        for name, value in row["properties"].items()
        if unquote(value["id"]) in chosen or name in chosen
    }
    known = {unquote(value["id"]) for value in values.values()} | set(values)
    for name in chosen:
        if name not in known:
            raise InvalidRequestError(
                f"Could not find property with name or id: {name} in filter_properties."
            )
    return row | {"properties": values}
