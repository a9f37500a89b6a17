"""Search, and queries of data sources: what they find, in which order, and where they end.

Both end silently at Notion's maximum but for `request_status`, and search is not exhaustive: it
leaves out what was unlisted.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from include.sandbox.collection import Json
from include.sandbox.notion_filters import fulfils, order_by
from include.sandbox.notion_objects import plain_title
from include.sandbox.notion_pages import with_chosen_properties
from include.sandbox.notion_requests import Call, InvalidRequestError, refuse_unknown

SEARCHED = {"page": "pages", "data_source": "data_sources"}
NEWEST_FIRST = {"timestamp": "last_edited_time", "direction": "descending"}
SEARCH_FIELDS = {"query", "sort", "filter", "start_cursor", "page_size"}
QUERY_FIELDS = {
    "filter",
    "sorts",
    "start_cursor",
    "page_size",
    "in_trash",
    "archived",
    "result_type",
}


def search(call: Call) -> Json:
    """`POST /v1/search`: pages and data sources by their title, none that are in trash."""
    refuse_unknown(call.body, SEARCH_FIELDS)
    wanted = call.body.get("filter", {})
    if wanted and (wanted.get("property") != "object" or wanted.get("value") not in SEARCHED):
        raise InvalidRequestError(
            "body failed validation: body.filter should be "
            '{"property": "object", "value": "page" or "data_source"}.'
        )
    kinds = [SEARCHED[wanted["value"]]] if wanted else list(SEARCHED.values())
    text = str(call.body.get("query", "")).lower()
    sort = call.body.get("sort") or NEWEST_FIRST
    store = call.store

    def find() -> list[Json]:
        rows = [
            row
            for kind in kinds
            for key, row in store.collection(kind).decoded().items()
            if key not in store.unlisted
            and store.is_live(kind, key)
            and (not text or text in plain_title(row).lower())
        ]
        return order_by(rows, [sort])

    return capped(call, found(call, ("search", *kinds), find))


def query(call: Call) -> Json:
    """`POST /v1/data_sources/{id}/query`: rows by a filter, in the order asked for."""
    refuse_unknown(call.body, QUERY_FIELDS)
    source = call.find("data_sources")
    body, store = call.body, call.store
    in_trash = bool(body.get("in_trash", body.get("archived", False)))
    kind = body.get("result_type", "page")
    if kind not in SEARCHED:
        raise InvalidRequestError(
            'body failed validation: body.result_type should be "page" or "data_source", instead '
            f"was `{msgspec.json.encode(kind).decode()}`."
        )

    def find() -> list[Json]:
        held = store.pages if kind == "page" else store.data_sources
        rows = (
            row
            for key in held.below(source["id"])
            if store.is_shared(key)
            and store.is_trashed(SEARCHED[kind], key) == in_trash
            and (row := held.get(key)) is not None
        )
        chosen = [row for row in rows if fulfils(row, body.get("filter"), schema)]
        return order_by(chosen, body.get("sorts", []), schema)

    schema = source.get("properties", {})
    fulfils({}, body.get("filter"), schema, dry=True)
    return capped(call, found(call, ("query", source["id"]), find))


def found(call: Call, name: tuple[str, ...], find: Callable[[], list[Json]]) -> list[str]:
    """The ids that a query finds, once for all of its pages, until something changes."""
    asked = {k: v for k, v in call.body.items() if k not in ("start_cursor", "page_size")}
    key = (name, msgspec.json.encode(asked), call.store.state())
    return call.store.pages.derived(key, lambda: [str(row["id"]) for row in find()])


def capped(call: Call, ids: list[str]) -> Json:
    """A page of what was found, up to the maximum."""
    cap = call.limits.notion_results_per_query
    store = call.store

    def load(key: str) -> Json | None:
        return store.pages.get(key) or store.data_sources.get(key)

    answer = call.listing(ids[:cap], load, "page_or_data_source", call.body)
    answer["results"] = [with_chosen_properties(call, row) for row in answer["results"]]
    if not answer["has_more"]:
        answer["request_status"] = {"type": "complete"}
        if len(ids) > cap:
            answer["request_status"] = {
                "type": "incomplete",
                "incomplete_reason": "query_result_limit_reached",
            }
    return answer
