"""Measures Headwater beside other ways to do the same, in one run: `make benchmark`.

Writes the table to data/benchmarks.md. Contenders run one at a time, each in a fresh process,
against the same server; where a number says so it is the median of several runs, in turns.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from include import demo, steps
from include.sandbox import Workspace
from include.settings import ROOT, Settings
from tests.benchmarks import (
    big_warehouse,
    big_workspaces,
    contenders,
    github_readers,
    peers,
    sync_requests,
)
from tests.benchmarks.busy_repository import busy
from tests.benchmarks.contenders import Clock, Measured
from tests.benchmarks.github_requests import ReaderError, Syncs, demo_repositories, fleet, measure
from tests.benchmarks.records import Records
from tests.benchmarks.server import serving, show

console = Console(highlight=False, width=150)
PACKAGES = ("dlt", "duckdb", "pyarrow", "msgspec", "httpx", "dbt-core", "dbt-duckdb")

# What a sync may hold, however large the workspace.
MOST_BYTES = 2**30


@dataclass(frozen=True)
class Sizes:
    """How much is measured, and how often."""

    small: int = 50_000
    large: int = 200_000
    peers: int = 10_000
    changed: int = 1_000
    repeats: int = 3
    repositories: int = 50
    linear_issues: int = 20_000
    notion_pages: int = 3_000
    events: int = 1_000_000


QUICK = Sizes(2_000, 5_000, 500, 100, 1, 3, 500, 50, 50_000)


@dataclass(frozen=True)
class Row:
    """One line of the table; `is_met` is None where there is no target."""

    what: str
    value: str
    target: str = ""
    is_met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "no", None: ""}[self.is_met]


@dataclass
class Benchmark:
    """One run: a folder to work in, the server, and what was measured so far."""

    folder: Path
    environments: Path
    sizes: Sizes
    records: Records
    url: str
    runs: dict[tuple[str, int], list[Measured]] = field(default_factory=dict)

    def measure(self, names: tuple[str, ...], count: int) -> None:
        """Run contenders in turns, unless this run has measured them already."""
        missing = [name for name in names if (name, count) not in self.runs]
        show(self.url, count)
        for _ in range(self.sizes.repeats):
            for name in missing:
                measured = contenders.run(name, self.url, fresh(self.run_folder(name, count)))
                if measured.records != count:
                    raise RuntimeError(f"{name}: {measured.records} records; expected {count}")
                self.note(name, count, measured)

    def note(self, name: str, count: int, measured: Measured) -> None:
        self.runs.setdefault((name, count), []).append(measured)
        steps_taken = ", ".join(f"{step} {s:.2f} s" for step, s in measured.parts.items())
        console.print(f"  {name}: {count:,} records at {measured.rate:,.0f}/s ({steps_taken})")

    def run_folder(self, name: str, count: int) -> Path:
        return self.folder / f"{name}-{count}"

    def rate(self, name: str, count: int) -> float:
        """Records a second, the median of the runs."""
        return median(run.rate for run in self.runs[name, count])

    def peak(self, name: str, count: int) -> int:
        """Bytes of memory, the highest of the runs."""
        return max(run.peak_bytes for run in self.runs[name, count])


def load(bench: Benchmark) -> list[Row]:
    """Raw load beside hand-written code; memory; bytes on disk."""
    small, large = bench.sizes.small, bench.sizes.large
    rows = []
    for count in (small, large):
        bench.measure(("headwater", "hand_written"), count)
        ours, theirs = bench.rate("headwater", count), bench.rate("hand_written", count)
        value = f"{ours / theirs:.2f} ({ours:,.0f} beside {theirs:,.0f} records/s)"
        what = f"load of {count:,} issues, extract and load, beside hand-written code"
        rows.append(Row(what, value, "at least 0.7", ours / theirs >= 0.7))
    prepare = median(run.parts["prepare"] for run in bench.runs["headwater", large])
    rows.append(
        Row("making the tables of a new warehouse, once, not in the above", f"{prepare:.1f} s")
    )
    low, high = bench.peak("headwater", small), bench.peak("headwater", large)
    rows += [
        Row(
            f"peak memory at {large:,}, in one process",
            f"{high / 1e6:.0f} MB",
            "under 900 MB",
            high < 9e8,
        ),
        Row(
            f"peak memory at {large:,} beside {small:,}",
            f"{high / low:.2f} ({high / 1e6:.0f} beside {low / 1e6:.0f} MB)",
            "at most 1.3",
            high / low <= 1.3,
        ),
        Row(
            f"the same of hand-written code at {large:,}",
            f"{bench.peak('hand_written', large) / 1e6:.0f} MB",
        ),
    ]
    for count in (small, large):
        file = bench.run_folder("headwater", count) / "warehouse.duckdb"
        share = file.stat().st_size / bench.records.size(count)
        rows.append(Row(f"bytes on disk per byte of JSON, {count:,} issues", f"{share:.3f}"))
    return rows


def beside_peers(bench: Benchmark) -> list[Row]:
    """Raw load beside dlt's defaults and beside a Singer tap and target."""
    sizes = bench.sizes
    bench.measure(("headwater",), sizes.small)
    bench.measure(("dlt_defaults",), sizes.peers)
    ours = bench.rate("headwater", sizes.small)
    theirs = bench.rate("dlt_defaults", sizes.peers)
    what = f"load beside dlt's defaults ({sizes.small:,} beside {sizes.peers:,} issues)"
    value = f"{ours / theirs:.1f} times ({ours:,.0f} beside {theirs:,.0f} records/s)"
    rows = [Row(what, value, "at least 25 times", ours / theirs >= 25)]
    what = f"load beside tap-github | target-duckdb ({sizes.small:,} beside {sizes.peers:,} issues)"
    try:
        for _ in range(sizes.repeats):
            folder = fresh(bench.run_folder("singer", sizes.peers))
            measured = peers.run(bench.url, sizes.peers, folder, bench.environments)
            bench.note("singer", sizes.peers, measured)
    except peers.PeerError as error:
        return [*rows, Row(what, f"not measured: {error}", "at least 8 times", False)]
    theirs = bench.rate("singer", sizes.peers)
    value = f"{ours / theirs:.1f} times ({ours:,.0f} beside {theirs:,.0f} records/s)"
    return [*rows, Row(what, value, "at least 8 times", ours / theirs >= 8)]


def merge(bench: Benchmark) -> list[Row]:
    """Loading changes into a large table, beside appending the same."""
    count, changed = bench.sizes.large, bench.sizes.changed
    bench.measure(("headwater",), count)
    loaded = bench.run_folder("headwater", count)
    show(bench.url, count + changed)
    seconds: dict[str, list[float]] = {"merge": [], "append": []}
    for _ in range(bench.sizes.repeats):
        for name, measured in seconds.items():
            folder = fresh(bench.run_folder(name, changed))
            shutil.copytree(loaded, folder)
            run = contenders.run(name, bench.url, folder)
            if run.records < changed:
                raise RuntimeError(f"{name}: {run.records} records; expected {changed}")
            bench.note(name, changed, run)
            measured.append(run.seconds)
    merged, appended = median(seconds["merge"]), median(seconds["append"])
    what = f"merge of {changed:,} changed issues into {count:,}, beside appending the same package"
    value = f"{merged / appended:.2f} ({merged:.2f} beside {appended:.2f} s)"
    return [Row(what, value, "at most 1.5", merged / appended <= 1.5)]


def count_requests(bench: Benchmark) -> list[Row]:
    """Requests of Linear and Notion: a first sync, and one in which nothing has changed."""
    rows = []
    for source in sync_requests.SOURCES:
        folder = fresh(bench.folder / f"requests-{source}")
        syncs = sync_requests.sync_demo_twice(source, folder)
        again = syncs.again
        if source == "linear":
            wanted = ("at most 1 a resource", max(again.values()) <= 1)
        else:
            most = sync_requests.data_sources()
            is_met = again["query"] <= most and not again[sync_requests.CONTENTS]
            wanted = (f"search, {most} queries of data sources, no contents", is_met)
        rows += [
            Row(f"{source}, demo, first sync: requests", listed(syncs.first)),
            Row(f"{source}, demo, sync without changes: requests", listed(again), *wanted),
        ]
    return rows


def listed(counts: Counter[str]) -> str:
    subjects = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f"{counts.total()} ({subjects})"


def count_github_requests(bench: Benchmark) -> list[Row]:
    """API requests of GitHub beside two peers, for a first sync and one without changes."""
    count = bench.sizes.repositories
    rows = [Row("streams of source-github that are compared", github_readers.compared())]
    served: dict[str, Callable[[], Workspace]] = {
        "the demo's repositories": demo_repositories,
        f"{count} repositories": lambda: fleet(count),
        "one busy repository": busy,
    }
    for number, (name, made) in enumerate(served.items()):
        folder = bench.folder / f"github_requests-{number}"
        ours = measure(github_readers.Headwater(), made(), fresh(folder / "headwater"))
        console.print(f"  Headwater, {name}: {ours}")
        beside = f"{ours.first.beside_api}; then {ours.again.beside_api}"
        rows.append(Row(f"{name}: Headwater's requests that are none of the API", beside))
        for peer, reader in github_readers.PEERS.items():
            try:
                theirs = measure(reader(bench.environments), made(), fresh(folder / peer))
            except (ReaderError, peers.PeerError) as error:
                rows.append(Row(f"{name}: {peer}", f"not measured: {error}", "", False))
                continue
            console.print(f"  {peer}, {name}: {theirs}")
            what = f"{name}: requests of {peer} beside Headwater's"
            rows += ratios(what, ours, theirs, is_fleet=number == 1)
    return rows


def ratios(what: str, ours: Syncs, theirs: Syncs, *, is_fleet: bool) -> list[Row]:
    """How many times the requests a peer makes, at first and again."""
    rows = []
    for sync, mine, other, target in (
        ("first sync", ours.first, theirs.first, 5),
        ("sync without changes", ours.again, theirs.again, 20 if is_fleet else 0),
    ):
        times = other.api / max(mine.api, 1)
        value = f"{times:.1f} times ({other} beside {mine})"
        wanted = (f"at least {target} times", times >= target) if target else ("", None)
        rows.append(Row(f"{what}, {sync}", value, *wanted))
    return rows


def sync_big_workspaces(bench: Benchmark) -> list[Row]:
    """Memory, requests and speed of a first sync of big Linear and Notion workspaces."""
    rows = []
    for source, count, things in (
        ("linear", bench.sizes.linear_issues, "issues with 2 comments each"),
        ("notion", bench.sizes.notion_pages, "pages of 120 blocks"),
    ):
        quarter, whole = (
            big_workspaces.sync(source, size, fresh(bench.folder / f"big-{source}-{size}"))
            for size in (max(1, count // 4), count)
        )
        what = f"first sync of {count:,} {things} ({source})"
        rate = f"{whole.measured.rate:,.0f} records/s, {whole.requests:,} requests"
        console.print(f"  {source}: {rate}, {whole.measured}")
        rows.append(Row(what, rate))
        growth = whole.reading_bytes / quarter.reading_bytes
        ratio = f"{growth:.2f} ({mebibytes(whole.reading_bytes)})"
        rows.append(
            Row(f"{what}: memory of reading beside a quarter", ratio, "at most 1.5", growth <= 1.5)
        )
        # Loading holds what DuckDB may (`destination.LIMITS`) and what is around it.
        peak = whole.measured.peak_bytes
        fits = peak <= MOST_BYTES
        wanted = f"at most {mebibytes(MOST_BYTES)}, whatever the size"
        value = f"{mebibytes(peak)} ({mebibytes(quarter.measured.peak_bytes)} for a quarter)"
        rows.append(Row(f"{what}: peak memory", value, wanted, fits))
    return rows


def mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def build_big_warehouse(bench: Benchmark) -> list[Row]:
    """Full and incremental build of a big warehouse, its size, and the slowest analyses.

    Beside them the same increment of a small one: what dbt takes for its nodes, however few rows
    they have.
    """
    small = fresh(bench.folder / "small_warehouse")
    few = big_warehouse.generate(small, big_warehouse.FEW)
    big_warehouse.build(small)
    big_warehouse.change(small, big_warehouse.FEW)
    least = big_warehouse.build(small)
    folder = fresh(bench.folder / "big_warehouse")
    count = big_warehouse.generate(folder, bench.sizes.events)
    big_warehouse.build(folder)  # Parses the project, and makes the schemas.
    full = big_warehouse.build(folder, full_refresh=True)
    again = big_warehouse.build(folder)
    changed = big_warehouse.change(folder, bench.sizes.events)
    incremental = big_warehouse.build(folder)
    bytes_of = big_warehouse.sizes(folder)
    analyses = big_warehouse.time_analyses(folder)
    kept = big_warehouse.keep(folder)
    big_warehouse.build(folder, full_refresh=True)
    differences = big_warehouse.differences(folder, kept)
    for name, cost in (("full refresh", full), ("incremental", incremental)):
        slowest = ", ".join(f"{node} {seconds:.1f} s" for node, seconds in cost.slowest)
        console.print(f"  {name}: {cost}; slowest: {slowest}")
    what = f"`dbt build` of {count:,} raw events, tests included"
    by_clock = incremental.seconds / full.seconds
    by_processor = incremental.processor_seconds / full.processor_seconds
    size = ", ".join(f"{name} {count / 1e6:,.0f} MB" for name, count in bytes_of.items())
    return [
        Row(f"{what}: full refresh", str(full)),
        Row(f"{what}: nothing has changed", str(again)),
        Row(f"{what}: after a change of {changed} objects", str(incremental)),
        Row(
            "the last beside the full refresh",
            f"{by_clock:.3f} (of processor time {by_processor:.3f})",
            "at most 0.1",
            by_clock <= 0.1,
        ),
        Row(
            f"of that, what the same change costs among {few:,} raw events",
            f"{least.seconds / full.seconds:.3f} (of processor time"
            f" {least.processor_seconds / full.processor_seconds:.3f}): {least}",
        ),
        Row(
            "rows of marts in which it differs from a full refresh",
            ", ".join(f"{table} {rows}" for table, rows in differences.items()) or "none",
            "none",
            not differences,
        ),
        Row(f"size of the warehouse of {count:,} raw events", size),
        *(
            Row(
                f"analysis {name}, on {big_warehouse.CORES} cores",
                f"{seconds:.2f} s",
                "at most 1 s",
                seconds <= 1,
            )
            for name, seconds in list(analyses.items())[:10]
        ),
    ]


def transform(bench: Benchmark) -> list[Row]:
    """A build in which nothing has changed: dbt alone, the step, and the Airflow task."""
    folder = fresh(bench.folder / "transform")
    settings = Settings(folder, secret_lookup=lambda _: None)
    for source in ("github", *sync_requests.SOURCES):
        sync_requests.sync_demo_twice(source, folder)
    for _ in range(2):  # The second finds the schema that the first created.
        steps.transform(settings)
    seconds: dict[str, list[float]] = {"dbt": [], "step": [], "task": [], "run": []}
    for _ in range(bench.sizes.repeats):
        clock = Clock()
        steps.dbt(settings, "build", "--exclude-resource-type", "unit_test")
        seconds["dbt"].append(clock.lap())
        steps.transform(settings)
        seconds["step"].append(clock.lap())
        demo._run_dags(settings, ["transform"], lambda *_: None)
        task, run = airflow_seconds(settings)
        seconds["task"].append(task)
        seconds["run"].append(run)
    dbt, step, task, run = (median(seconds[name]) for name in ("dbt", "step", "task", "run"))
    console.print(f"  dbt build {dbt:.1f} s, step {step:.1f} s, task {task:.1f} s, DAG {run:.1f} s")
    return [
        Row("no-change `dbt build` of the demo, tests included", f"{dbt:.1f} s"),
        Row("the same with the sync ledger loaded first (`headwater transform`)", f"{step:.1f} s"),
        Row(
            "Airflow's task transform.build (ledger and dbt, its start_date to end_date) beside"
            " bare `dbt build`",
            f"{task / dbt:.2f} ({task:.1f} beside {dbt:.1f} s)",
            "at most 1.3",
            task / dbt <= 1.3,
        ),
        Row("the whole DAG run, with publish and docs, start_date to end_date", f"{run:.1f} s"),
    ]


def airflow_seconds(settings: Settings) -> tuple[float, float]:
    """Seconds of the newest build task and of its DAG run, as Airflow's database has them."""
    with sqlite3.connect(settings.data / "airflow" / "airflow.db") as db:
        (task,) = db.execute(
            "select duration from task_instance where task_id = 'build' order by start_date desc"
        ).fetchone()
        start, end = db.execute(
            "select start_date, end_date from dag_run order by start_date desc"
        ).fetchone()
    return task, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


BENCHMARKS: dict[str, Callable[[Benchmark], list[Row]]] = {
    "load": load,
    "peers": beside_peers,
    "merge": merge,
    "requests": count_requests,
    "github_requests": count_github_requests,
    "big_workspaces": sync_big_workspaces,
    "big_warehouse": build_big_warehouse,
    "transform": transform,
}


def fresh(folder: Path) -> Path:
    """The path of a folder that does not exist."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def facts(sizes: Sizes, records: Records) -> list[str]:
    """What the numbers depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    each = records.size(sizes.large) / sizes.large
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    conditions = f"""
        issues of {each:,.0f} bytes of JSON, no two alike, from a server in another process;
        contenders one at a time, in turns, each in a fresh process; times and rates are medians of
        {sizes.repeats}, memory is the highest
    """
    definition = """
        a load takes from the first request to the last commit, without the process's start and
        imports; hand-written code appends in one transaction, without ledger, cursor, dead letters
        or deduplication
    """
    disturbance = f"""
        load average at the end {os.getloadavg()[1]:.1f} over 5 minutes: whatever else runs on the
        machine disturbs every number
    """
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    notes = (machine, versions, conditions, definition, disturbance)
    return [" ".join(note.split()) for note in notes]


def report(rows: list[Row], notes: list[str], output: Path) -> None:
    """Print the table and write it as Markdown."""
    table = Table("what", "value", "target", "met", show_lines=True)
    for row in rows:
        table.add_row(row.what, row.value, row.target, row.verdict)
    console.print(table)
    for note in notes:
        console.print(f"- {note}")
    lines = [
        f"# Benchmarks, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "",
        *(f"- {note}" for note in notes),
        "",
        "| what | value | target | met |",
        "|---|---|---|---|",
        *(
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
            for cells in ((r.what, r.value, r.target, r.verdict) for r in rows)
        ),
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    console.print(f"written to {os.path.relpath(output)}")


def main(
    output: Annotated[Path, typer.Option(help="Where the table is written.")] = ROOT
    / "data"
    / "benchmarks.md",
    quick: Annotated[bool, typer.Option(help="Small sizes: proves that it runs.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Any of {', '.join(BENCHMARKS)}.")] = None,
) -> None:
    """Measure ratios and write them down."""
    if unknown := set(only or ()) - set(BENCHMARKS):
        raise typer.BadParameter(f"{', '.join(unknown)}; expected any of {', '.join(BENCHMARKS)}")
    sizes = QUICK if quick else Sizes()
    root = ROOT / "data" / "benchmarks"
    root.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with TemporaryDirectory(dir=root, prefix="run-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        records = Records(folder / "issues.json")
        console.print(f"generating {sizes.large + sizes.changed:,} issues")
        records.write(sizes.large, sizes.changed)
        with serving(records, sizes.small) as url:
            bench = Benchmark(folder, root / "environments", sizes, records, url)
            for chosen in only or BENCHMARKS:
                console.print(f"[bold]{chosen}[/bold]")
                rows += BENCHMARKS[chosen](bench)
        report(rows, facts(sizes, records), output)


if __name__ == "__main__":
    typer.run(main)
