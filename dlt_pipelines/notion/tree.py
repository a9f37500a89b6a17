"""Where a page stands in the workspace: its chain of parents, for roots and path filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, Final

import msgspec

from dlt_pipelines.exceptions import NotFoundError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.rest import Workspace
from dlt_pipelines.notion.rich_text import plain_text

_PATHS: Final = {
    "page_id": "/v1/pages/{}",
    "database_id": "/v1/databases/{}",
    "data_source_id": "/v1/data_sources/{}",
    "block_id": "/v1/blocks/{}",
}
_NO_PARENT: Final[Mapping[str, Any]] = {"type": "workspace", "workspace": True}


@dataclass
class Tree:
    """Decides what lies under a root and matches its path filters; asks for each parent once.

    Paths are titles joined by `/` from the root's children down, matched with `*` and `?`; the
    filters of a workspace without roots start at its top level. A data source stands for its
    database, which adds no title of its own.
    """

    workspace: Workspace
    settings: Mapping[str, Any]
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def is_everything(self) -> bool:
        """Whether the container is the whole workspace."""
        named = ("page_id", "include_paths", "exclude_paths")
        return not any(self.settings.get(name) for name in named)

    def covers(self, run: ResourceRun, record: bytes) -> bool:
        """Whether a page, database or data source belongs to this container."""
        if self.is_everything:
            return True
        root = plain_id(self.settings.get("page_id") or "")
        include = self.settings.get("include_paths") or ()
        exclude = self.settings.get("exclude_paths") or ()
        try:
            item = msgspec.json.decode(record, type=dict[str, Any])
            ids, titles = self._chain(run, item)
        except (msgspec.MsgspecError, KeyError):
            return True  # Unreadable: it goes on to the dead letters.
        if root:
            if root not in ids:
                return False
            titles = titles[: ids.index(root)]
        path = "/".join(reversed([title for title in titles if title]))
        if any(fnmatch(path, pattern) for pattern in exclude):
            return False
        return not include or any(fnmatch(path, pattern) for pattern in include)

    def _chain(self, run: ResourceRun, item: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Ids and titles from the item itself up to the workspace."""
        ids, titles = [plain_id(item["id"])], [_title(item)]
        self._known[ids[0]] = _parent_and_title(item)
        parent = item.get("parent") or _NO_PARENT
        below = item
        while (kind := parent.get("type")) in _PATHS and plain_id(parent[kind]) not in ids:
            parent_id = plain_id(parent[kind])
            if kind == "database_id" and (above := below.get("database_parent")):
                ids.append(parent_id)
                titles.append("")
                parent = above
                continue
            below = self._fetch(run, kind, parent[kind])
            ids.append(parent_id)
            titles.append("" if kind == "database_id" else _title(below))
            parent = below.get("parent") or _NO_PARENT
        return ids, titles

    def _fetch(self, run: ResourceRun, kind: str, object_id: str) -> Mapping[str, Any]:
        key = plain_id(object_id)
        if key not in self._known:
            try:
                found = self.workspace.get(run, _PATHS[kind].format(object_id))
            except NotFoundError:
                found = {}  # Not shared with the integration: the visible chain ends here.
            self._known[key] = _parent_and_title(found)
        return self._known[key]


def plain_id(identifier: str) -> str:
    """An id without dashes, in one case: settings and URLs have it so."""
    return identifier.replace("-", "").lower()


def _parent_and_title(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a chain needs of an object: a workspace has very many."""
    parents = {name: item[name] for name in ("parent", "database_parent") if name in item}
    return {**parents, "name": _title(item)}


def _title(item: Mapping[str, Any]) -> str:
    if isinstance(item.get("name"), str):
        return str(item["name"])
    if isinstance(item.get("title"), list):
        return plain_text(item["title"])
    for value in (item.get("properties") or {}).values():
        if isinstance(value, dict) and value.get("type") == "title":
            return plain_text(value.get("title") or [])
    return ""
