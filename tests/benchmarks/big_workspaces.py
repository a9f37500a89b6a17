"""A first sync of a big Linear or Notion workspace: requests, records a second, peak memory.

The sandbox serves what was generated from this process; the sync runs in a fresh one, so that its
memory is its own. Limits of time are lifted: what is measured is what a sync asks and holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.sandbox import Limits, Sandbox, Workspace
from tests import workspaces
from tests.benchmarks.contenders import ROOT, Clock, Measured, peak_bytes

UNLIMITED: Final = Limits(
    linear_requests_per_hour=1_000_000_000, linear_complexity_per_hour=1_000_000_000
)
OF_LINEAR: Final = f"""
sources:
  - name: linear
    type: linear
    owner: tidewater
    secret: LINEAR_API_KEY
    teams: [{workspaces.TEAM}]
"""
OF_NOTION: Final = """
sources:
  - name: notion
    type: notion
    owner: Tidewater Labs
    secret: NOTION_TOKEN
"""


def linear(issues: int) -> Workspace:
    """A team with so many issues, two comments each."""
    return workspaces.many_issues(issues, 2)


def notion(pages: int) -> Workspace:
    """So many pages of 120 blocks, a quarter of them below another block."""
    return workspaces.many_pages(pages, 120)


SERVED: Final[dict[str, tuple[Callable[[int], Workspace], str]]] = {
    "linear": (linear, OF_LINEAR),
    "notion": (notion, OF_NOTION),
}


@dataclass(frozen=True)
class Synced:
    """A sync: what it measured, the requests it made, and its peak memory before it loaded."""

    measured: Measured
    requests: int
    reading_bytes: int


def sync(source: str, count: int, folder: Path) -> Synced:
    """Sync a workspace of so many issues or pages.

    Raises:
        RuntimeError: the sync failed, or the sandbox did.
    """
    make, sources = SERVED[source]
    folder.mkdir(parents=True)
    (folder / "sources.yml").write_text(sources, encoding="utf-8")
    with Sandbox(make(count), limits=UNLIMITED) as sandbox:
        command = [sys.executable, "-m", "tests.benchmarks.big_workspaces", source, sandbox.url]
        done = subprocess.run([*command, str(folder)], cwd=ROOT, capture_output=True, text=True)
        if done.returncode or sandbox.violations:
            raise RuntimeError(f"{source}: {sandbox.violations[:1]} {done.stderr[-2_000:]}")
        measured = json.loads(done.stdout.splitlines()[-1])
        reading_bytes = measured.pop("reading_bytes")
        return Synced(Measured(**measured), len(sandbox.requests), reading_bytes)


def main(source: str, url: str, folder: str) -> None:
    from include import steps
    from include.settings import Settings

    data = Path(folder)
    settings = Settings(data, data / "sources.yml", url, secret_lookup=lambda _: None)
    clock, parts = Clock(), {}
    containers, _ = steps.prepare(settings, source)
    parts["prepare"] = clock.lap()
    records = 0
    for container in containers:
        records += steps.extract(settings, source, container)["items_processed"]
    parts["extract"] = clock.lap()
    reading_bytes = peak_bytes()
    steps.load(settings, source)
    parts["load"] = clock.lap()
    seconds = parts["extract"] + parts["load"]
    measured = Measured(records, seconds, peak_bytes(), parts)
    print(json.dumps({**vars(measured), "reading_bytes": reading_bytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
