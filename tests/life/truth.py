"""What a workspace holds, as documents: from the sandbox's own rows, not from what it served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb

from include.sandbox import Workspace
from include.sandbox.collection import Json
from tests.workspaces import REPO

MARK = re.compile(r"life (\d+):")
# Documents of which every living one must be there, and no other.
KINDS = """
    ('github', 'issue'), ('github', 'pull_request'), ('github', 'comment'), ('github', 'review'),
    ('github', 'review_comment'), ('github', 'discussion'), ('github', 'file'),
    ('linear', 'issue'), ('linear', 'comment'), ('linear', 'project'), ('linear', 'document'),
    ('linear', 'initiative'), ('linear', 'project_update'), ('linear', 'initiative_update'),
    ('notion', 'page'), ('notion', 'comment'), ('notion', 'data_source')
"""
Document = dict[str, Any]


def living(workspace: Workspace) -> dict[str, Document]:
    """Every living object of a workspace by the id of its document, in its last version."""
    return {
        **dict(_github(workspace)),
        **dict(_linear(workspace)),
        **dict(_notion(workspace)),
    }


def published(db: duckdb.DuckDBPyConnection) -> dict[str, Document]:
    """Every document that is not deleted, in the form of `living`."""
    rows = db.execute(
        f"""
        select document_id, title, body, source_state, source_updated_at
        from core.documents
        where
            deleted_at is null
            and (source_type != 'github' or source_id like '{REPO}%')
            and ((source_type, document_type) in ({KINDS}) or document_type = 'commit')
        """
    ).fetchall()
    return {row[0]: _document(*row[1:]) for row in rows}


def differences(
    expected: dict[str, Document], found: dict[str, Document]
) -> tuple[list[str], list[str]]:
    """What is lost, or is not there in its last version; and what is there and should not be."""
    lost = []
    for document_id, document in sorted(expected.items()):
        if document.get("may_be_gone") and document_id not in found:
            continue
        if document_id not in found:
            lost.append(f"{document_id} is not there")
            continue
        for name, value in document.items():
            if name in found[document_id] and value != found[document_id][name]:
                lost.append(f"{document_id}: {name} {found[document_id][name]!r} for {value!r}")
    # Commits stay known whatever becomes of their branch.
    ghosts = [d for d in sorted(found.keys() - expected.keys()) if ":commit:" not in d]
    return lost, [f"{document_id} is gone" for document_id in ghosts]


def _document(title: Any, body: Any, state: Any, updated_at: Any) -> Document:
    """The fields that are compared; of a body that is rendered, the marks in their order."""
    return {
        "title": title or None,
        "body": body or None,
        "marks": MARK.findall(body or ""),
        "state": state,
        "updated_at": updated_at,
    }


def _github(workspace: Workspace) -> Iterator[tuple[str, Document]]:
    repository = workspace.github(REPO)

    def fields(row: Json, body: str = "body", **more: Any) -> Document:
        found = {"body": row[body] or None} | more
        if "title" in row:
            found["title"] = row["title"] or None
        return found

    for row in repository.issues:
        if "pull_request" not in row:
            more = {"state": row["state"], "updated_at": _time(row["updated_at"])}
            yield f"github:issue:{row['node_id']}", fields(row, **more)
    for row in repository.pull_requests:
        more = {"state": row["state"], "updated_at": _time(row["updated_at"])}
        yield f"github:pull_request:{row['node_id']}", fields(row, **more)
    for row in repository.issue_comments:
        yield (
            f"github:comment:{row['node_id']}",
            fields(row, updated_at=_time(row["updated_at"])),
        )
    for row in repository.review_comments:
        yield f"github:review_comment:{row['node_id']}", fields(row)
    for row in repository.reviews:
        yield f"github:review:{row['node_id']}", fields(row)
    for row in repository.discussions:
        yield f"github:discussion:{row['id']}", fields(row, updated_at=_time(row["updatedAt"]))
    for row in repository.discussion_comments:
        yield f"github:comment:{row['id']}", fields(row)
    git = repository.git
    assert git is not None
    for commit in git.log(git.resolve("main") or ""):
        title = commit.message.split("\n")[0]
        yield f"github:commit:{REPO}@{commit.sha}", {"title": title}
    for entry in git.tree(git.resolve("main", "tree") or "", recursive=True):
        if entry.kind != "tree":
            found: Document = {"title": entry.path}
            if entry.path.startswith("notes/"):
                found["body"] = (git.blob(entry.sha) or b"").decode()
            yield f"github:file:{REPO}@main:{entry.path}", found


def _linear(workspace: Workspace) -> Iterator[tuple[str, Document]]:
    store = workspace.linear
    for row in store.issues:
        if not row.get("trashed"):
            yield (
                f"linear:issue:{row['id']}",
                {
                    "title": row["title"],
                    "body": row["description"] or None,
                    "state": row["state"]["name"],
                    "updated_at": _time(row["updatedAt"]),
                },
            )
    for row in store.comments:
        if not row["archivedAt"]:  # So Linear keeps deleted comments.
            said = {"body": row["body"], "updated_at": _time(row["updatedAt"])}
            yield f"linear:comment:{row['id']}", said
    for kind, name in (("documents", "document"), ("projects", "project")):
        for row in store.collection(kind):
            if row.get("trashed"):
                continue
            said = {"updated_at": _time(row["updatedAt"])}
            said["marks"] = MARK.findall(row["content"] or "")
            yield f"linear:{name}:{row['id']}", said
    for kind in ("initiative", "project_update", "initiative_update"):
        for row in store.collection(f"{kind}s"):
            yield f"linear:{kind}:{row['id']}", {"updated_at": _time(row["updatedAt"])}


def _notion(workspace: Workspace) -> Iterator[tuple[str, Document]]:
    store = workspace.notion

    def marks(holder: str) -> Iterator[str]:
        for block_id in store.listed(store.blocks.below(holder)):
            row = store.blocks.get(block_id) or {}
            if row["type"] in ("child_page", "child_database"):
                continue
            for run in row[row["type"]].get("rich_text", ()):
                yield from MARK.findall(run["plain_text"])
            yield from marks(block_id)

    for row in store.pages:
        if store.is_live("pages", row["id"]):
            value = next(v for v in row["properties"].values() if v["type"] == "title")
            yield (
                f"notion:page:{row['id']}",
                {
                    "title": "".join(run["plain_text"] for run in value["title"]) or None,
                    "marks": list(marks(row["id"])),
                    "updated_at": _time(row["last_edited_time"]),
                },
            )
    for row in store.data_sources:
        if store.is_live("data_sources", row["id"]):
            yield f"notion:data_source:{row['id']}", {}
    for row in store.comments:
        holder = store.comments.parent_of(row["id"]) or ""
        said = "".join(run["plain_text"] for run in row["rich_text"])
        document: Document = {"marks": MARK.findall(said)}
        # Notion goes on to list the comments of what is in the trash.
        if not all(store.is_live(k, a) for a in store.ancestors(holder) for k in _kinds(store, a)):
            document["may_be_gone"] = True
        yield f"notion:comment:{row['id']}", document


def _kinds(store: Any, object_id: str) -> list[str]:
    return [kind for kind in ("pages", "blocks") if object_id in store.collection(kind)]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
