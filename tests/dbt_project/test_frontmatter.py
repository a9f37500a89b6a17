"""Front matter of Markdown files and wiki pages: read where there is some, never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.dbt_project.conftest import Dbt, read, read_all
from tests.dbt_project.github_objects import blob, file
from tests.dbt_project.github_payloads import GAUGE, WIKI_PAGE, at
from tests.raw_warehouse import Event, RawWarehouse

BUILD: Final = ("run", "--select", "+documents")


def test_frontmatter_is_read_of_markdown_that_has_one(warehouse: Path, dbt: Dbt) -> None:
    raw = RawWarehouse(warehouse)
    texts = {
        "list.md": "---\ntags: [tide, water]\ndate: 2026-03-01\nempty:\n---\n# Tides\n",
        "windows.mdx": "---\r\ntitle: 'Tide: low'\r\n---\r\nText",
        "dots.markdown": "---\n1: one\n...\n",
        "broken.md": "---\ntitle: [tide\n---\n",
        "unsafe.md": "---\nrun: !!python/object/apply:os.getcwd []\n---\n",
        "aliases.md": "---\na: &a [1]\nb: *a\n---\n",
        "endless.md": "---\na: .inf\n---\n",
        "ruler.md": "---\nA ruler.\n",
        "half.md": '---\ntitle: "\\ud83d tide"\n---\n',
        "marked.md": "\ufeff---\ntide: low\n---\nText",
        "plain.md": "# Tides\n\n---\na: b\n---\n",
        "scalar.md": "---\njust words\n---\n",
        "tide.yaml": "---\na: b\n---\n",
    }
    shas = {path: f"{number:040x}" for number, path in enumerate(texts)}
    page = WIKI_PAGE | {"body": "---\nowner: ada\n---\nHigh."}
    raw.listing("raw_github", "wiki_pages", GAUGE, [Event("Tide.md", page, at(3))])
    raw.load(
        "raw_github",
        {
            "files": [file(path, sha) for path, sha in shas.items()],
            "blobs": [blob(sha, texts[path]) for path, sha in shas.items()],
        },
    )
    dbt(*BUILD)

    def found() -> dict[str, Any]:
        rows = read(warehouse, "select title, frontmatter from core.documents order by 1")
        return {title: value and json.loads(value) for title, value in rows}

    some = {
        "Tide tables": {"owner": "ada"},
        "dots.markdown": {"1": "one"},
        "list.md": {"tags": ["tide", "water"], "date": "2026-03-01", "empty": None},
        "marked.md": {"tide": "low"},
        "windows.mdx": {"title": "Tide: low"},
    }
    assert found() == dict.fromkeys(texts) | some

    changed = [file("list.md", shas["plain.md"], 5), file("plain.md", shas["dots.markdown"], 5)]
    raw.load("raw_github", {"files": changed})
    dbt(*BUILD)
    assert found() == dict.fromkeys(texts) | some | {"list.md": None, "plain.md": {"1": "one"}}
    incremental = read_all(warehouse)
    dbt(*BUILD, "--full-refresh")
    assert read_all(warehouse) == incremental
