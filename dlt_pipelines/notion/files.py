"""Which files hang on Notion's objects: what is told of them, never their content or signature.

A file has no id of its own: it is named by what holds it and, where one holder has several, by a
hash of where it lies, which stays the same while its signature changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dlt_pipelines.notion.rest import Json
from dlt_pipelines.notion.rich_text import plain_text

MEDIA_BLOCKS: Final = frozenset({"audio", "file", "image", "pdf", "video"})
_HELD: Final = frozenset({"external", "file", "file_upload"})


def files_of_object(record: Json) -> Iterator[Json]:
    """Icon, cover and files in properties of a page, data source or database."""
    owner = {f"{record.get('object')}_id": record["id"], "last_edited_time": _edited(record)}
    for place in ("icon", "cover"):
        yield from _file(f"{record['id']}:{place}", place, record.get(place), owner)
    if record.get("object") != "page":
        return
    for name, value in (record.get("properties") or {}).items():
        if value.get("type") != "files":
            continue
        about = {**owner, "property_id": value.get("id"), "property_name": name}
        for item in value.get("files") or ():
            identity = f"{record['id']}:{value.get('id')}:{_digest(item)}"
            yield from _file(identity, "property", item, about)


def files_of_blocks(page_id: str, edited: Any, blocks: list[Json]) -> Iterator[Json]:
    """Files in blocks at any depth, and the icons of callouts."""
    waiting = list(reversed(blocks))
    while waiting:
        block = waiting.pop()
        waiting.extend(reversed(block.get("children") or []))
        kind = str(block.get("type"))
        held = block.get(kind)
        if not isinstance(held, dict) or "id" not in block:
            continue
        about = {
            "page_id": page_id,
            "block_id": block["id"],
            "block_type": kind,
            "last_edited_time": _edited(block) or edited,
        }
        if kind in MEDIA_BLOCKS:
            yield from _file(block["id"], "block", held, about)
        yield from _file(f"{block['id']}:icon", "icon", held.get("icon"), about)


def files_of_comment(comment: Json) -> Iterator[Json]:
    """What is attached to a comment."""
    about = {"comment_id": comment["id"], "last_edited_time": _edited(comment)}
    about |= {k: v for k, v in (comment.get("parent") or {}).items() if k != "type"}
    for attachment in comment.get("attachments") or ():
        held = {"type": "file", **attachment}
        identity = f"{comment['id']}:{_digest(held)}"
        for file in _file(identity, "attachment", held, about):
            yield {**file, "category": attachment.get("category")}


def _file(identity: str, place: str, held: Any, about: Json) -> Iterator[Json]:
    """One file if there is one: an icon may be an emoji, and a media block may be empty."""
    if not isinstance(held, dict) or held.get("type") not in _HELD:
        return
    kind = str(held["type"])
    url = str((held.get(kind) or {}).get("url") or "")
    parts = urlsplit(url)
    caption = plain_text(held.get("caption") or [])
    yield {
        "object": "file",
        "id": identity,
        "name": held.get("name") or unquote(parts.path.rpartition("/")[2]) or None,
        "type": kind,
        "place": place,
        "url": url or None,
        "host": parts.hostname,
        "path": parts.path or None,
        "caption": caption or None,
        **about,
    }


def _digest(held: Json) -> str:
    kind = str(held.get("type"))
    told = f"{(held.get(kind) or {}).get('url')} {held.get('name')}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _edited(record: Json) -> Any:
    return record.get("last_edited_time")
