"""The ways to load issues that are compared, each run in a process of its own.

    headwater       prepare, extract and load as the DAGs and the command line do; `prepare` makes
                    the tables of a new warehouse, once, and is told apart
    hand_written    the same envelope with httpx, msgspec, pyarrow and DuckDB, and nothing else:
                    no ledger, no state, no dead letters, no deduplication, one transaction
    dlt_defaults    dlt as its introduction shows it: dicts, normalised into nested tables
    merge, append   extract what has changed since the load in the folder, then only the load is
                    measured: as Headwater does it, and with write_disposition append

`python -m tests.benchmarks.contenders NAME URL FOLDER` prints one line of JSON. Clocks start after
the imports; memory is the high-water mark of the whole process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.benchmarks.records import REPOSITORY

ROOT = Path(__file__).parents[2]
SOURCES = f"""
sources:
  - name: github
    type: github
    owner: {REPOSITORY.split("/")[0]}
    secret: GITHUB_TOKEN
    repositories: [{{name: {REPOSITORY}}}]
"""


@dataclass(frozen=True)
class Measured:
    """One run of one contender: records it loaded in how many seconds, and seconds by step."""

    records: int
    seconds: float
    peak_bytes: int
    parts: dict[str, float]

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def run(name: str, url: str, folder: Path) -> Measured:
    """Run a contender in a fresh process.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "tests.benchmarks.contenders", name, url, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2_000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def headwater_settings(folder: Path, url: str) -> Any:
    """Headwater's settings for one repository on a benchmark server."""
    from include.settings import Settings

    folder.mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.yml"
    sources.write_text(SOURCES, encoding="utf-8")
    return Settings(folder, sources, url, secret_lookup=lambda _: None)


def headwater(url: str, folder: Path) -> dict[str, float]:
    from include import steps

    settings = headwater_settings(folder, url)
    parts, clock = {}, Clock()
    steps.prepare(settings, "github")
    parts["prepare"] = clock.lap()
    steps.extract(settings, "github", REPOSITORY, resources=["issues"])
    parts["extract"] = clock.lap()
    steps.load(settings, "github")
    parts["load"] = clock.lap()
    return parts


def hand_written(url: str, folder: Path) -> dict[str, float]:
    import duckdb
    import httpx
    import msgspec
    import pyarrow as pa

    from dlt_pipelines.raw_event import SCHEMA

    class Keys(msgspec.Struct):
        node_id: str
        updated_at: datetime

    split = msgspec.json.Decoder(list[msgspec.Raw]).decode
    read = msgspec.json.Decoder(Keys).decode

    def pages() -> Iterator[bytes]:
        link = f"{url}/github/repos/{REPOSITORY}/issues"
        params: dict[str, Any] | None = {
            "state": "all",
            "sort": "updated",
            "direction": "asc",
            "per_page": 100,
        }
        with httpx.Client(headers={"Authorization": "Bearer sandbox-token"}) as client:
            while link:
                response = client.get(link, params=params)
                response.raise_for_status()
                yield response.content
                link, params = response.links.get("next", {}).get("url", ""), None

    def batches() -> Iterator[pa.Table]:
        rows: list[tuple[Any, ...]] = []
        for page in pages():
            observed_at = datetime.now(UTC)
            for raw in split(page):
                payload = bytes(raw)
                keys = read(payload)
                digest = sha256(payload).hexdigest()
                changed = keys.updated_at.isoformat()
                identity = ("github", REPOSITORY, "issues", keys.node_id, "upsert", changed, digest)
                event_id = sha256("\x1f".join(identity).encode()).hexdigest()
                rows.append(
                    (
                        event_id,
                        "github",
                        REPOSITORY,
                        keys.node_id,
                        "upsert",
                        "poll",
                        keys.updated_at,
                        observed_at,
                        digest,
                        payload.decode(),
                        "hand-written",
                    )
                )
            if len(rows) >= 2_000:
                yield to_table(rows)
                rows = []
        if rows:
            yield to_table(rows)

    def to_table(rows: list[tuple[Any, ...]]) -> pa.Table:
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=SCHEMA)

    clock = Clock()
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        db.execute(f"attach '{folder / 'warehouse.duckdb'}' as w (storage_version 'v1.2.0')")
        db.execute("create schema w.raw_github")
        db.register("envelope", SCHEMA.empty_table())
        db.execute("create table w.raw_github.issues as from envelope")
        db.execute("begin")
        for batch in batches():
            db.register("batch", batch)
            db.execute("insert into w.raw_github.issues from batch")
        db.execute("commit")
        db.execute("detach w")
    return {"load": clock.lap()}


def merge(url: str, folder: Path) -> dict[str, float]:
    from dlt_pipelines import pipeline
    from include import steps, warehouse

    settings = headwater_settings(folder, url)
    steps.extract(settings, "github", REPOSITORY, resources=["issues"])
    with warehouse.writer(settings) as db:
        clock = Clock()
        pipeline.load(settings.source_type("github"), "github", settings.store, db)
        return {"load": clock.lap()}


def append(url: str, folder: Path) -> dict[str, float]:
    from dlt_pipelines.pipeline import EVENTS

    EVENTS["write_disposition"] = "append"
    return merge(url, folder)


def dlt_defaults(url: str, folder: Path) -> dict[str, float]:
    import dlt
    import httpx

    @dlt.resource(name="issues")
    def issues() -> Iterator[list[dict[str, Any]]]:
        link = f"{url}/github/repos/{REPOSITORY}/issues?state=all&sort=updated&per_page=100"
        with httpx.Client() as client:
            while link:
                response = client.get(link)
                yield response.json()
                link = response.links.get("next", {}).get("url", "")

    clock = Clock()
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = dlt.pipeline(
        "defaults",
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="raw_github",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(issues())
    return {"load": clock.lap()}


class Clock:
    """Seconds since it was last asked."""

    def __init__(self) -> None:
        self.started = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        self.started, seconds = now, now - self.started
        return seconds


def loaded_records(folder: Path) -> int:
    """How many issues a contender's warehouse holds."""
    import duckdb

    if not (folder / "warehouse.duckdb").exists():
        return 0
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as db:
        row = db.execute("select count(*) from raw_github.issues").fetchone()
    return int(row[0]) if row else 0


def peak_bytes() -> int:
    """The high-water mark of this process's resident memory (Linux)."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


CONTENDERS: dict[str, Callable[[str, Path], dict[str, float]]] = {
    "headwater": headwater,
    "hand_written": hand_written,
    "dlt_defaults": dlt_defaults,
    "merge": merge,
    "append": append,
}


def main(name: str, url: str, folder: str) -> None:
    before = loaded_records(Path(folder))
    parts = CONTENDERS[name](url, Path(folder))
    peak = peak_bytes()
    seconds = sum(seconds for step, seconds in parts.items() if step != "prepare")
    added = loaded_records(Path(folder)) - before
    print(json.dumps(vars(Measured(added, seconds, peak, parts))))


if __name__ == "__main__":
    main(*sys.argv[1:])
