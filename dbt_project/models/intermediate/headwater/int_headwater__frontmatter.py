"""Front matter of Markdown files and wiki pages as JSON, read once per text.

A Python model, because SQL cannot read YAML.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import yaml

BATCH_ROWS = 500
SCHEMA = pa.schema(
    [
        pa.field("document_id", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("frontmatter", pa.string()),
    ]
)
TEXTS = """
    select document_id, content_hash, body
    from documents
    where
        starts_with(ltrim(body, chr(65279)), '---')  -- a byte order mark
        and (
            document_type = 'wiki_page'
            or (document_type = 'file' and regexp_matches(lower(title), '[.](md|mdx|markdown)$'))
        )
"""
FRONTMATTER = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)


class Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for gigabytes of JSON."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Read a node.

        Raises:
            yaml.composer.ComposerError: it is an alias.
        """
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias", self.peek_event().start_mark)
        return super().compose_node(parent, index)


def model(dbt: Any, session: Any) -> Any:
    """Read the front matter of texts that have not been read yet."""
    dbt.config(
        materialized="incremental",
        incremental_strategy="delete+insert",
        unique_key="document_id",
    )
    query = TEXTS
    if dbt.is_incremental:
        query = f"from ({TEXTS}) anti join {dbt.this} using (document_id, content_hash)"
    rows = dbt.ref("int_headwater__documents").query("documents", query)
    batches = iter(lambda: rows.fetchmany(BATCH_ROWS), [])
    return pa.RecordBatchReader.from_batches(SCHEMA, (to_batch(batch) for batch in batches))


def to_batch(rows: list[tuple[str, str, str]]) -> pa.RecordBatch:
    """Rows of texts with their front matter; null where none can be read."""
    columns = zip(*((row[0], row[1], read_frontmatter(row[2])) for row in rows), strict=True)
    return pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in columns], schema=SCHEMA)


def read_frontmatter(text: str) -> str | None:
    """Return the front matter of a text as a JSON object; null where there is none."""
    found = FRONTMATTER.match(text.lstrip("\ufeff"))
    if not found:
        return None
    try:
        fields = yaml.load(found.group(1), Loader)  # noqa: S506  derived from the safe one
        written = json.dumps(fields, default=str, allow_nan=False, ensure_ascii=False)
        written.encode()  # Half of a surrogate pair is no text.
    except Exception:  # noqa: BLE001  it is somebody's text: what it holds stops nothing
        return None
    return written if isinstance(fields, dict) else None
