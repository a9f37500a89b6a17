"""Markdown of Notion page contents and comments, and whom they name, read once per version.

A Python model rather than a function called from SQL: DuckDB's Python functions need numpy,
which nothing else here does (duckdb/duckdb issue 17052).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pyarrow as pa

BATCH_ROWS = 500
SCHEMA = pa.schema(
    [
        pa.field("connection_id", pa.string()),
        pa.field("external_id", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("_dlt_load_id", pa.string()),
        pa.field("container", pa.string()),
        pa.field("resource", pa.string()),
        pa.field("markdown", pa.string()),
        pa.field("block_ids", pa.list_(pa.string())),
        pa.field(
            "user_mentions",
            pa.list_(
                pa.struct(
                    [
                        pa.field("user_id", pa.string()),
                        pa.field("shown", pa.string()),
                        pa.field("evidence", pa.string()),
                    ]
                )
            ),
        ),
        pa.field("error_code", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)
COLUMNS = (
    "connection_id, external_id, event_id, _dlt_load_id, container, resource, blocks_json,"
    " notion_markdown"
)
KEY = "connection_id, resource, external_id, event_id, _dlt_load_id"


def model(dbt: Any, session: Any) -> Any:
    """Render the texts whose version has not been rendered yet."""
    dbt.config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key=["connection_id", "resource", "external_id"],
    )
    texts = dbt.ref("int_notion__block_texts")
    query = f"select {COLUMNS} from texts"
    if dbt.is_incremental:
        # The blocks themselves are read of new versions only.
        new = f"select {KEY} from texts anti join {dbt.this} using ({KEY})"
        query += f" semi join ({new}) using ({KEY})"
    rows = texts.query("texts", query)
    batches = iter(lambda: rows.fetchmany(BATCH_ROWS), [])
    return pa.RecordBatchReader.from_batches(SCHEMA, (to_batch(batch) for batch in batches))


def to_batch(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of texts with their Markdown, or with the error that kept them from having it."""
    of_notion, of_blocks = load_renderers()
    rendered = []
    for *identity, blocks_json, notion_markdown in rows:
        markdown, block_ids, mentions, error_code, error_message = None, [], [], None, None
        try:
            blocks = json.loads(blocks_json or "[]")
            block_ids = list(find_block_ids(blocks))
            if blocks_json is None and notion_markdown is not None:
                mentions = [m._asdict() for m in of_notion.user_mentions(notion_markdown)]
                markdown = of_notion.normalise(notion_markdown)
            else:
                mentions = [m._asdict() for m in of_blocks.user_mentions(blocks)]
                markdown = of_blocks.render_markdown(blocks)
        except Exception as error:  # noqa: BLE001  one text that cannot be read stops nothing
            error_code, error_message = type(error).__name__, str(error)
        rendered.append((*identity, markdown, block_ids, mentions, error_code, error_message))
    columns = [list(column) for column in zip(*rendered, strict=True)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


@cache
def load_renderers() -> tuple[ModuleType, ModuleType]:
    """Of Notion's own Markdown and of blocks.

    Without their packages, which open with the whole loader: it takes a second.
    """
    folder = importlib.util.find_spec("dlt_pipelines").submodule_search_locations[0]
    packages = {"dlt_pipelines": folder, "dlt_pipelines.notion": f"{folder}/notion"}
    bare = {name: path for name, path in packages.items() if name not in sys.modules}
    for name, path in bare.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [path]
    try:
        enhanced = importlib.import_module("dlt_pipelines.notion.enhanced")
        markdown = importlib.import_module("dlt_pipelines.notion.markdown")
    finally:
        for name in bare:
            del sys.modules[name]
    return enhanced, markdown


def find_block_ids(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """The id of every block at any depth: a comment or a page may hang on any of them.

    Raises:
        TypeError: an id is no text.
    """
    waiting = list(blocks)
    while waiting:
        block = waiting.pop()
        if "id" in block:
            if not isinstance(block["id"], str):
                raise TypeError(f"the id of a block is {block['id']!r}, not text")
            yield block["id"]
        waiting.extend(block.get("children") or [])
