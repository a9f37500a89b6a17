"""What can befall the objects of a Notion workspace: trash, sharing, moves, edits and comments.

What is in trash, or no longer shared, takes along everything below it. A change is made at a
time, which Notion rounds down to the minute; without one, no time changes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.sandbox.collection import Json
from include.sandbox.notion_rich_text import plain

if TYPE_CHECKING:
    from include.sandbox.notion_rows import NotionRows

TREE_KINDS = ("pages", "blocks", "data_sources", "databases")


class NotionLife:
    """The changes, and who sees an object after them; a mixin of the Notion store."""

    pages: NotionRows
    blocks: NotionRows
    data_sources: NotionRows
    databases: NotionRows
    comments: NotionRows
    trash_roots: set[str]
    unshared: set[str]
    unlisted: set[str]
    resolved: set[str]

    def ancestors(self, object_id: str) -> Iterator[str]:
        """The id itself, then what holds it, up to the workspace."""
        seen: set[str] = set()
        current: str | None = object_id
        while current is not None and current not in seen:
            seen.add(current)
            yield current
            current = self._parent_of(current)

    def is_shared(self, object_id: str) -> bool:
        """Whether the integration may see an object: neither it nor what holds it was withdrawn."""
        return not self.unshared or self.unshared.isdisjoint(self.ancestors(object_id))

    def is_trashed(self, kind: str, object_id: str) -> bool:
        """Whether an object says that it is in trash, or was put there with what holds it.

        What was recorded or written with `in_trash` takes nothing along: it is served as it says.
        """
        return object_id in self._rows(kind).trashed or (
            bool(self.trash_roots) and not self.trash_roots.isdisjoint(self.ancestors(object_id))
        )

    def is_live(self, kind: str, object_id: str) -> bool:
        """Whether an object is shared and not in trash."""
        return self.is_shared(object_id) and not self.is_trashed(kind, object_id)

    def listed(self, ids: Iterable[str], *, withdrawn: bool = False) -> list[str]:
        """Those ids that are listed below a parent that may be read: without trash and secrets.

        With `withdrawn` what is not shared stays, for whoever has to say that it is there.
        """
        hidden = [found for kind in TREE_KINDS if (found := self._rows(kind).trashed)]
        if self.unshared and not withdrawn:
            hidden.append(self.unshared)
        if not hidden:
            return list(ids)
        return [key for key in ids if not any(key in keys for keys in hidden)]

    def is_resolved(self, comment_id: str) -> bool:
        """Whether a comment belongs to a discussion that was resolved."""
        if not self.resolved:
            return False
        return (self.comments.get(comment_id) or {}).get("discussion_id") in self.resolved

    def state(self) -> tuple[Hashable, ...]:
        """What changes whenever something does that decides what is found."""
        changes = tuple(self._rows(kind).changes for kind in TREE_KINDS)
        return (*changes, *map(frozenset, (self.trash_roots, self.unshared, self.unlisted)))

    def trash(self, object_id: str, at: datetime | None = None) -> None:
        """Put a page, block, data source or database into the trash.

        Raises:
            KeyError: there is no such object.
        """
        self._set(object_id, at, in_trash=True, archived=True)
        self.trash_roots.add(object_id)

    def restore(self, object_id: str, at: datetime | None = None) -> None:
        """Take an object out of the trash, with what went there below it.

        Raises:
            KeyError: there is no such object.
        """
        self._set(object_id, at, in_trash=False, archived=False)
        self.trash_roots.discard(object_id)

    def delete_forever(self, object_id: str) -> None:
        """Delete an object and everything below it; nothing of it can be asked for again.

        Raises:
            KeyError: there is no such object.
        """
        kinds, holder = self._kinds_of(object_id), self._parent_of(object_id)
        for comment_id in self.comments.below(object_id):
            self.comments.delete(comment_id)
        for kind in TREE_KINDS:
            for child_id in self._rows(kind).below(object_id):
                if child_id in self._rows(kind):  # a child page is two objects of one id
                    self.delete_forever(child_id)
        for kind in kinds:
            self._rows(kind).delete(object_id)
        for ids in (self.trash_roots, self.unshared, self.unlisted):
            ids.discard(object_id)
        self._announce_children(holder or "")

    def unshare(self, object_id: str) -> None:
        """Withdraw an object from the integration: it is nowhere to be found, nor what it holds."""
        self.unshared.add(object_id)

    def share(self, object_id: str) -> None:
        """Give the integration an object again."""
        self.unshared.discard(object_id)

    def unlist(self, object_id: str) -> None:
        """Let search leave out a page or data source, as Notion's index sometimes does."""
        self.unlisted.add(object_id)

    def move(self, object_id: str, parent: Json, at: datetime | None = None) -> None:
        """Move a page, block, data source or database below another parent.

        Raises:
            KeyError: there is no such object.
            ValueError: the parent lies below the object.
        """
        target = parent.get(parent["type"])
        if isinstance(target, str) and object_id in self.ancestors(target):
            raise ValueError(f"sandbox: {target} lies below {object_id}")
        self._set(object_id, at, parent=parent)

    def edit_block(self, block_id: str, at: datetime, **value: Any) -> None:
        """Change fields of a block's own value, as `rich_text`; what holds it is edited too.

        Raises:
            KeyError: there is no such block.
        """
        block = self._get("blocks", block_id)
        self.blocks.upsert(block | {block["type"]: block[block["type"]] | value})
        self.touch(block_id, at)

    def add_block(self, block: Json, at: datetime) -> None:
        """Add a block at the end of its parent, which from now on has children."""
        self.blocks.upsert(block)
        self._announce_children(self.blocks.parent_of(block["id"]) or "")
        self.touch(block["id"], at)

    def edit_page(self, page_id: str, at: datetime, **properties: Json) -> None:
        """Give a page other values of properties; its parent is not edited by that.

        Raises:
            KeyError: there is no such page.
        """
        page = self._get("pages", page_id)
        self.pages.upsert(page | {"properties": page["properties"] | properties, **edited(at)})
        row = self.blocks.get(page_id)
        for value in properties.values():
            if value["type"] == "title" and row is not None:
                self.blocks.upsert(row | {"child_page": {"title": plain(value["title"])}})

    def change_schema(
        self, data_source_id: str, at: datetime, properties: dict[str, Json | None]
    ) -> None:
        """Add properties to a data source, replace them, or take those away that are None.

        Its rows follow, and are not edited by that: they lose the values of what was taken away,
        and a property that comes under another name, with the id it had, keeps them.

        Raises:
            KeyError: there is no such data source.
        """
        source = self._get("data_sources", data_source_id)
        schema = {k: v for k, v in (source["properties"] | properties).items() if v is not None}
        self.data_sources.upsert(source | {"properties": schema} | edited(at))
        names = {value["id"]: name for name, value in schema.items()}
        gone = {source["properties"][name]["id"] for name in source["properties"]} - set(names)
        for row_id in self.pages.below(data_source_id):
            row = self._get("pages", row_id)
            values = {
                names.get(value["id"], name): value
                for name, value in row["properties"].items()
                if value["id"] not in gone
            }
            if values != row["properties"]:
                self.pages.upsert(row | {"properties": values})

    def add_comment(self, comment: Json) -> None:
        """Add a comment; neither its page nor its block is edited by that."""
        self.comments.upsert(comment)

    def resolve(self, discussion_id: str) -> None:
        """Resolve a discussion: the API no longer lists its comments."""
        self.resolved.add(discussion_id)

    def reopen(self, discussion_id: str) -> None:
        """Open a resolved discussion again."""
        self.resolved.discard(discussion_id)

    def touch(self, object_id: str, at: datetime) -> None:
        """Make an object, the blocks around it and their page edited at a time."""
        for above in self.ancestors(object_id):
            is_page = above in self.pages
            for kind in ("pages",) if is_page else TREE_KINDS:
                row = self._rows(kind).get(above)
                if row is not None:
                    self._rows(kind).upsert(row | edited(at))
            if is_page:
                return

    def _set(self, object_id: str, at: datetime | None, **fields: Any) -> None:
        left = self._parent_of(object_id)
        for kind in self._kinds_of(object_id):
            row = self._get(kind, object_id)
            self._rows(kind).upsert(row | fields | (edited(at) if at else {}))
        holder = self._parent_of(object_id)
        for holder_id in {left, holder} - {None}:
            self._announce_children(str(holder_id))
        if at is not None and holder is not None and object_id not in self.pages:
            self.touch(holder, at)

    def _announce_children(self, holder_id: str) -> None:
        """Let a block say whether anything is listed below it."""
        block = None if holder_id in self.pages else self.blocks.get(holder_id)
        if block is not None:
            listed = bool(self.listed(self.blocks.below(holder_id)))
            self.blocks.upsert(block | {"has_children": listed})

    def _kinds_of(self, object_id: str) -> list[str]:
        """The kinds that have an object; a page below another is a block there, too."""
        kinds = [kind for kind in TREE_KINDS if object_id in self._rows(kind)]
        if not kinds:
            raise KeyError(f"sandbox: Notion has no object {object_id}")
        return kinds

    def _parent_of(self, object_id: str) -> str | None:
        parents = (self._rows(kind).parent_of(object_id) for kind in TREE_KINDS)
        return next((parent for parent in parents if parent is not None), None)

    def _get(self, kind: str, object_id: str) -> Json:
        row = self._rows(kind).get(object_id)
        if row is None:
            raise KeyError(f"sandbox: Notion has no object {object_id} among its {kind}")
        return row

    def _rows(self, kind: str) -> NotionRows:
        rows: NotionRows = getattr(self, kind)
        return rows


def edited(at: datetime) -> Json:
    """The time of an edit, as Notion keeps it: without the seconds."""
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    return {"last_edited_time": minute.strftime("%Y-%m-%dT%H:%M:00.000Z")}
