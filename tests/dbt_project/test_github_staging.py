"""Every raw table of GitHub that came with code, talk and runs is staged, typed and named alike."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.dbt_project.conftest import read, read_rows
from tests.dbt_project.github_payloads import ATTIC, GAUGE
from tests.dbt_project.github_staged_code import CODE
from tests.dbt_project.github_staged_talk import TALK

# What every staging model has of the envelope; `_seen` and `_load` columns are test_build's.
ENVELOPE: Final = (
    "connection_id, event_id, _dlt_load_id, last_load_id, first_seen_at, last_seen_at, loaded_at"
)
STAGED: Final = CODE | TALK
# Models with more rows of GAUGE than the test writes out.
EXAMPLES: Final = {
    "discussion_comments": "external_id in ('DC_2', 'DC_3')",
    "files": "external_id in ('main:README.md', 'main:bell.py')",
}

NAMED_ALIKE: Final = {
    "branches": "main",
    "tags": "v1",
    "collaborators": "U_ada",
    "wiki_pages": "guides/Tide-tables.md",
    "files": "main:README.md",
}


@pytest.mark.parametrize("table", STAGED)
def test_staging_reads_the_whole_object(github_warehouse: Path, table: str) -> None:
    query = (
        f"select * exclude ({ENVELOPE}) from staging.stg_github__{table}"
        f" where container != '{ATTIC}' and {EXAMPLES.get(table, 'true')}"
        " order by external_id, occurred_at"
    )
    assert read_rows(github_warehouse, query) == STAGED[table]


@pytest.mark.parametrize("table", NAMED_ALIKE)
def test_the_same_name_in_two_repositories_is_two_objects(
    github_warehouse: Path, table: str
) -> None:
    assert read(
        github_warehouse,
        f"select external_id, list(container order by container) from staging.stg_github__{table}"
        " group by external_id having count(*) > 1",
    ) == [(NAMED_ALIKE[table], [ATTIC, GAUGE])]
