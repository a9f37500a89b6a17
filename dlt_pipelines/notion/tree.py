"""Where a page stands in the workspace: its chain of parents, for roots and path filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, Final

import msgspec

from dlt_pipelines.http import NotFoundError
from dlt_pipelines.ledger import ResourceRun
from dlt_pipelines.notion.markdown import plain_text
from dlt_pipelines.notion.rest import Workspace

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
    filters of a workspace without roots start at its top level.
    """

    workspace: Workspace
    settings: Mapping[str, Any]
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def covers(self, run: ResourceRun, record: bytes) -> bool:
        """Whether a page or data source belongs to this container."""
        root = _plain_id(self.settings.get("page_id") or "")
        include = self.settings.get("include_paths") or ()
        exclude = self.settings.get("exclude_paths") or ()
        if not (root or include or exclude):
            return True
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
        ids, titles = [_plain_id(item["id"])], [_title(item)]
        parent = item.get("parent") or _NO_PARENT
        while (kind := parent.get("type")) in _PATHS:
            parent_id = parent[kind]
            above = self._fetch(run, kind, parent_id)
            ids.append(_plain_id(parent_id))
            titles.append(_title(above))
            parent = above.get("parent") or _NO_PARENT
        return ids, titles

    def _fetch(self, run: ResourceRun, kind: str, object_id: str) -> Mapping[str, Any]:
        if object_id not in self._known:
            try:
                found = self.workspace.get(run, _PATHS[kind].format(object_id))
            except NotFoundError:
                found = {}  # Not shared with the integration: the visible chain ends here.
            self._known[object_id] = found
        return self._known[object_id]


def _title(item: Mapping[str, Any]) -> str:
    if isinstance(item.get("title"), list):
        return plain_text(item["title"])
    for value in (item.get("properties") or {}).values():
        if isinstance(value, dict) and value.get("type") == "title":
            return plain_text(value.get("title") or [])
    return ""


def _plain_id(identifier: str) -> str:
    return identifier.replace("-", "").lower()
