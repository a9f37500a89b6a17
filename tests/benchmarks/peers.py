"""`tap-github | target-duckdb`, as their documentation tells to run them, each in an environment.

Both are installed from the package registry, pinned, into a folder that stays for the next run. The
clock runs from the start of both processes to the end of both, less the tap's own start (its help).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import Clock, Measured
from tests.benchmarks.records import REPOSITORY

TAP = ("meltanolabs-tap-github==1.30.1",)
TARGET = ("target-duckdb==0.8.0", "duckdb==1.5.5")


class PeerError(RuntimeError):
    """A peer cannot be installed or run; the text says why, in one line."""


def run(url: str, records: int, folder: Path, environments: Path) -> Measured:
    """Load all issues that the server lists with the peers.

    Raises:
        PeerError: they cannot be installed, fail, or load another number of records.
    """
    tap = install(environments / "tap-github", TAP) / "tap-github"
    target = install(environments / "target-duckdb", TARGET) / "target-duckdb"
    folder.mkdir(parents=True, exist_ok=True)
    tap_config = write(
        folder / "tap.json",
        {"api_url_base": f"{url}/github", "repositories": [REPOSITORY], "start_date": "2010-01-01"},
    )
    warehouse = folder / "warehouse.duckdb"
    target_config = write(
        folder / "target.json", {"path": str(warehouse), "default_target_schema": "raw_github"}
    )
    catalog = json.loads(call([tap, "--config", tap_config, "--discover"]))
    catalog_path = write(folder / "catalog.json", only_issues(catalog))
    clock = Clock()
    call([tap, "--help"])
    start = clock.lap()
    pipe(
        [tap, "--config", tap_config, "--catalog", catalog_path],
        [target, "-c", target_config],
        folder / "tap.log",
    )
    seconds = clock.lap()
    loaded = count(warehouse)
    if loaded != records:
        raise PeerError(f"loaded {loaded} records; expected {records}")
    return Measured(loaded, seconds - start, 0, {"start": start})


def install(environment: Path, requirements: tuple[str, ...]) -> Path:
    """Make an environment with these packages; returns its folder of commands."""
    ready = environment / ".ready"
    marker = repr((str(environment), requirements))  # Its commands name its own path.
    if not ready.exists() or ready.read_text() != marker:
        call([sys.executable, "-m", "venv", "--clear", environment])
        call([environment / "bin" / "pip", "install", "--quiet", *requirements])
        ready.write_text(marker)
    return environment / "bin"


def only_issues(catalog: dict[str, Any]) -> dict[str, Any]:
    """The catalog with nothing but issues selected."""
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == "issues"
    return catalog


def pipe(left: list[Any], right: list[Any], log: Path) -> None:
    """`left | right`; both must succeed."""
    with (
        log.open("wb") as file,
        subprocess.Popen(left, stdout=subprocess.PIPE, stderr=file, env=environment()) as producer,
        subprocess.Popen(
            right, stdin=producer.stdout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as consumer,
    ):
        if producer.stdout:
            producer.stdout.close()
        output, _ = consumer.communicate()
    if producer.returncode or consumer.returncode:
        raise PeerError(last_line(log.read_bytes() if producer.returncode else output))


def call(command: list[Any]) -> str:
    """Run a command and return its output."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise PeerError(f"{Path(command[0]).name}: {last_line(done.stderr.encode())}")
    return done.stdout


def environment() -> dict[str, str]:
    """Without tokens: `tap-github` would send them to GitHub to have them checked."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_TOKEN")}


def count(warehouse: Path) -> int:
    """How many issues the peers loaded."""
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as db:
        row = db.execute("select count(*) from raw_github.issues").fetchone()
    return int(row[0]) if row else 0


def write(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or ["no output"])[-1][:300]
