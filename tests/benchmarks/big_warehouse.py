"""A warehouse of a million raw events: what a full build costs, what a hundred changes cost, and
how long the analyses take on the published file.

Costs are seconds of the processor as well as of the clock: the former hold on a busy machine, too.
"""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import duckdb

from include import steps
from include.settings import Settings
from tests.benchmarks import generated_events

MARTS: Final = ("core", "ops", "analytics")
CORES: Final = 2
ASKED: Final = 5
# Raw events of a warehouse so small that its rows cost next to nothing.
FEW: Final = 20_000
KEYS: Final = """
    select source_id, count(*) from core.document_relationships
    inner join core.documents on document_id = to_document_id
    where document_type in ('issue', 'pull_request') and is_resolved
    group by all order by 2 desc, 1 limit 1
"""


@dataclass(frozen=True)
class Cost:
    """Of one build: by the clock and by the processor, and its slowest nodes."""

    seconds: float
    processor_seconds: float
    slowest: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s ({self.processor_seconds:.0f} s of processor time)"


def settings(folder: Path) -> Settings:
    return Settings(folder, secret_lookup=lambda _: None)


def generate(folder: Path, count: int) -> int:
    """Make the warehouse of so many raw events; returns how many there are."""
    return generated_events.generate(settings(folder), count)


def change(folder: Path, count: int, increment: int = 1) -> int:
    """Load a hundred changed objects."""
    return generated_events.change(settings(folder).warehouse, count, increment)


def build(folder: Path, *, full_refresh: bool = False) -> Cost:
    """Build and test as a scheduled run does."""
    placed = settings(folder)
    before, start = _processor_seconds(), perf_counter()
    steps.build(placed, full_refresh=full_refresh)
    seconds = perf_counter() - start
    told = json.loads((placed.data / "dbt" / "target" / "run_results.json").read_text())
    nodes = ((r["unique_id"].split(".")[-1], r["execution_time"]) for r in told["results"])
    slowest = tuple(sorted(nodes, key=lambda node: -node[1])[:10])
    return Cost(seconds, _processor_seconds() - before, slowest)


def differences(folder: Path, other: Path) -> dict[str, int]:
    """Rows of marts that only one of two warehouses has, by table; empty where they are alike."""
    found = {}
    with duckdb.connect(str(settings(folder).warehouse)) as db:
        db.execute(f"attach '{other}' as other (read_only)")
        tables = db.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where database_name = current_database() and list_contains($marts, schema_name)"
            " order by 1",
            {"marts": list(MARTS)},
        ).fetchall()
        for (table,) in tables:
            # Rows as text: a list inside of a struct has no order that `except` could use.
            mine, theirs = (
                f"select hash(rows), count(*) from {catalog}{table} as rows group by all"
                for catalog in ("", "other.")
            )
            row = db.execute(
                f"select count(*) from ((({mine}) except ({theirs}))"
                f" union all (({theirs}) except ({mine})))"
            ).fetchone()
            if row and row[0]:
                found[table] = row[0]
        db.execute("detach other")
    return found


def keep(folder: Path) -> Path:
    """A copy of the warehouse as it is."""
    return Path(shutil.copy(settings(folder).warehouse, folder / "kept.duckdb"))


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the raw data, of the warehouse and of what is published."""
    placed = settings(folder)
    published = Path(steps.publish(placed))
    with duckdb.connect(str(placed.warehouse), read_only=True) as db:
        size = db.execute("select block_size * used_blocks from pragma_database_size()").fetchone()
    used = size[0] if size else 0
    return {
        "used": used,
        "file": placed.warehouse.stat().st_size,
        "published": published.stat().st_size,
    }


def time_analyses(folder: Path) -> dict[str, float]:
    """Seconds of each analysis on the published file, the median of several, on two cores."""
    placed = settings(folder)
    published = Path(steps.publish(placed))
    with duckdb.connect(str(published), read_only=True) as db:
        key, *_ = db.execute(KEYS).fetchone() or ("none",)
    steps.dbt(
        placed,
        *("compile", "--select", "path:analyses", "--vars", json.dumps({"key": key})),
    )
    compiled = placed.data / "dbt" / "target" / "compiled" / "headwater" / "analyses"
    seconds = {}
    with duckdb.connect() as db:
        # The questions name the warehouse; the published file answers them.
        db.execute(f"attach '{published}' as warehouse (read_only)")
        db.execute("use warehouse")
        db.execute(f"set threads = {CORES}")
        db.execute("set timezone = 'UTC'")
        for path in sorted(compiled.glob("*.sql")):
            seconds[path.stem] = median(_ask(db, path.read_text()))
    return dict(sorted(seconds.items(), key=lambda asked: -asked[1]))


def _ask(db: Any, question: str) -> Iterator[float]:
    for _ in range(ASKED):
        start = perf_counter()
        db.execute(question).fetchall()
        yield perf_counter() - start


def _processor_seconds() -> float:
    """Of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
