"""One request to Notion's API: what it asks of which workspace, and how it is refused or paged."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.datastructures import QueryParams

from include.sandbox.collection import Json
from include.sandbox.limits import Limits
from include.sandbox.notion_life import TREE_KINDS
from include.sandbox.notion_objects import to_version
from include.sandbox.stores import NotionStore

MAXIMUM_PAGE_SIZE = 100
API_URL = "https://api.notion.com"
KINDS = {"pages": "page", "blocks": "block", "databases": "database"} | {
    "data_sources": "data_source",
    "users": "user",
    "comments": "comment",
}


class InvalidRequestError(ValueError):
    """A request that Notion answers with validation_error."""


class NotFoundError(Exception):
    """An object that is not there, or not shared with the integration."""


@dataclass(frozen=True)
class Call:
    """A request that was let in. `path` is the part of the URL after the host."""

    store: NotionStore
    limits: Limits
    version: str
    path: str
    names: dict[str, str]
    query: QueryParams
    body: Json

    def find(self, kind: str, name: str = "id") -> Json:
        """The object of a kind that the path names, with or without dashes in its id."""
        object_id = to_id(self.names[name])
        found = self.store.collection(kind).get(object_id)
        if found is None or not self.store.is_shared(object_id):
            raise not_shared(KINDS[kind], self.names[name])
        return found

    def holder_of(self, text: str, where: str = "path.id") -> str:
        """The id of a page or block that may have blocks or comments below it."""
        holder_id = to_id(text, where)
        known = holder_id in self.store.blocks or holder_id in self.store.pages
        if not known or not self.store.is_shared(holder_id):
            raise not_shared("block", text)
        return holder_id

    def shown(self, row: Json) -> Json:
        """An object as the version asked for has it."""
        kind = f"{row['object']}s"
        trashed = kind in TREE_KINDS and self.store.is_trashed(kind, row["id"])
        return to_version(row, self.version, in_trash=trashed)

    def listing(
        self,
        keys: Sequence[str],
        load: Callable[[str], Json | None],
        list_type: str,
        parameters: Any = None,
    ) -> Json:
        """One page of a listing. A cursor is the key of the first row of the page it begins.

        `parameters` is the body of a POST; a GET has them in its query.
        """
        where = "query" if parameters is None else "body"
        asked = self.query if parameters is None else parameters
        size = read_page_size(asked.get("page_size"), where)
        cursor = asked.get("start_cursor")
        if cursor is not None and cursor not in keys:
            raise InvalidRequestError(f"The start_cursor provided is invalid: {cursor}")
        start = keys.index(cursor) if cursor is not None else 0
        end = start + size
        rows = (load(key) for key in keys[start:end])
        return {
            "object": "list",
            "results": [self.shown(row) for row in rows if row is not None],
            "next_cursor": keys[end] if end < len(keys) else None,
            "has_more": end < len(keys),
            "type": list_type,
            list_type: {},
        }


def not_shared(kind: str, object_id: str) -> NotFoundError:
    """The error for an object that is not there, or not for this integration."""
    return NotFoundError(
        f"Could not find {kind} with ID: {object_id}. Make sure the relevant pages and databases "
        "are shared with your integration."
    )


def read_body(body: bytes) -> Json:
    """The JSON object of a request; empty if there is none."""
    if not body:
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidRequestError("Error parsing JSON body.") from error


def refuse_unknown(body: Json, known: set[str]) -> None:
    """Refuse fields of a body that Notion does not have."""
    for name in body:
        if name not in known:
            raise InvalidRequestError(
                f"body failed validation: body.{name} should be not present, instead was "
                f"`{msgspec.json.encode(body[name]).decode()}`."
            )


def read_page_size(value: Any, where: str) -> int:
    """A page size between 1 and 100."""
    name = f"{where} failed validation: {where}.page_size"
    if value is None:
        return MAXIMUM_PAGE_SIZE
    if isinstance(value, str) and value.isdigit() and where == "query":
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequestError(f"{name} should be a number, instead was `{value!r}`.")
    if value > MAXIMUM_PAGE_SIZE:
        raise InvalidRequestError(f"{name} should be ≤ `100`, instead was `{value}`.")
    if value < 1:
        raise InvalidRequestError(f"{name} should be ≥ `1`, instead was `{value}`.")
    return value


def to_id(text: str, where: str = "path.id") -> str:
    """A UUID with dashes.

    Raises:
        InvalidRequestError: it is no UUID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise InvalidRequestError(
            f'path failed validation: {where} should be a valid uuid, instead was `"{text}"`.'
        ) from error
