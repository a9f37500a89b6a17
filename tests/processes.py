"""Commands in processes of their own, and their end by `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.settings import ROOT, Settings

TIMEOUT_SECONDS = 1_200  # Whatever hangs; a busy machine is slow.
# Ends itself before the statement or system call of this number; counts them if there are fewer.
_KILLED_AT = """
import importlib, os, signal, sys
from datetime import datetime
from pathlib import Path
import duckdb
from include.settings import Settings
module, name = sys.argv[1].split(":")
called, data, at, seen = getattr(importlib.import_module(module), name), Path(sys.argv[2]), 0, 0
at = int(sys.argv[3])
options = {"now": datetime.fromisoformat(sys.argv[4])} if sys.argv[4:] else {}
def watch(frame, event, function):
    global seen
    name = getattr(function, "__name__", "")
    if event == "c_call" and (name in ("execute", "replace", "unlink", "fsync")):
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(data, data / "sources.yml", secret_lookup=lambda _: None)
sys.setprofile(watch)
called(settings, **options)
sys.setprofile(None)
print(seen)
"""


def killed_at(
    call: int, function: str, data: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Call `module:function` with the settings of a folder, killed at its n-th outside call.

    With n = 0 it ends well and prints how many there are.
    """
    command = [sys.executable, "-c", _KILLED_AT, function, str(data), str(call), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@dataclass
class Command:
    """`headwater …` in a session of its own, what it says going to files."""

    process: subprocess.Popen[bytes]
    said: Path

    @classmethod
    def start(cls, settings: Settings, folder: Path, *arguments: str) -> Command:
        environment = {
            **os.environ,
            "HEADWATER_DATA": str(settings.data),
            "HEADWATER_SOURCES": str(settings.sources_file),
            "HEADWATER_SANDBOX_URL": settings.sandbox_url or "",
        }
        for secret in ("GITHUB_TOKEN", "LINEAR_API_KEY", "NOTION_TOKEN"):
            environment.pop(secret, None)
        said = folder / f"said_{len([*folder.glob('said_*.out')])}"
        with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "include.cli", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return cls(process, said)

    @property
    def printed(self) -> Any:
        """What it printed as JSON; an empty list if it printed none."""
        text = self.said.with_suffix(".out").read_text()
        return json.loads(text) if text.strip() else []

    @property
    def complained(self) -> str:
        """What it said on stderr."""
        return self.said.with_suffix(".err").read_text()

    @property
    def errors(self) -> list[str]:
        """The errors among that."""
        return [line for line in self.complained.splitlines() if "; expected " in line]

    def wait(self) -> int:
        return self.process.wait(TIMEOUT_SECONDS)

    def end(self) -> None:
        """Leave nothing of it behind, whatever became of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_when(self, is_time: Callable[[], bool], *, with_children: bool = True) -> bool:
        """Kill it the moment a condition holds; False if it ended before that."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not is_time():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.002)
            if self.process.returncode is not None:
                return False
            assert time.monotonic() < deadline
        (os.killpg if with_children else os.kill)(self.process.pid, signal.SIGKILL)
        return self.process.wait() == -signal.SIGKILL
