"""The comparison is fair only if both sides make the same rows."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.benchmarks.contenders import hand_written, headwater
from tests.benchmarks.records import Records
from tests.benchmarks.server import serving


def test_hand_written_code_and_headwater_make_the_same_events(tmp_path: Path) -> None:
    records = Records(tmp_path / "issues.json")
    records.write(500, 0)
    with serving(records, 500) as url:
        headwater(url, tmp_path / "headwater")
        hand_written(url, tmp_path / "hand_written")

    ours, theirs = events(tmp_path / "headwater"), events(tmp_path / "hand_written")

    assert len(ours) == 500
    assert ours == theirs


def events(folder: Path) -> list[tuple[str, str, str]]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as db:
        return db.execute(
            "select event_id, payload_hash, payload from raw_github.issues order by event_id"
        ).fetchall()
