"""All of Airflow in one, as its own `airflow standalone`, but it ends when one of its parts does.

Airflow's own goes on: without a scheduler nothing runs any more, and nothing says so. Run as a
program of its own (`python -m include.airflow_standalone`); exits 1 once a part has ended.
"""

from __future__ import annotations

import os
from contextlib import suppress
from subprocess import TimeoutExpired
from typing import Final

from airflow.cli.commands.standalone_command import StandaloneCommand
from airflow.configuration import write_default_airflow_configuration_if_needed

from dlt_pipelines.exceptions import PermanentError
from include.airflow import prepare_database
from include.console import print_error

SECONDS_TO_STOP: Final = 5


class Standalone(StandaloneCommand):  # type: ignore[misc]  # Airflow's has no types.
    """Looks at every part whenever it has passed on what they print."""

    def update_output(self) -> None:
        """Pass on what the parts print; end all if one has ended."""
        super().update_output()
        for name, part in self.subcommands.items():
            if part.process and (status := part.process.poll()) is not None:
                self._end(name, status)

    def _end(self, name: str, status: int) -> None:
        parts = [part for part in self.subcommands.values() if part.process]
        for part in parts:
            part.stop()
        for part in parts:
            with suppress(TimeoutExpired):
                part.process.wait(SECONDS_TO_STOP)
        print_error(
            PermanentError(
                f"airflow.{name}",
                f"it ended with exit code {status}",
                "it to run as long as the rest",
                "look at its last lines, then start again: what it had begun goes on",
            )
        )
        # Not by an exception: a thread waits for the output of what the dead one had started.
        os._exit(1)


if __name__ == "__main__":
    # Or each part would write secrets of its own, and refuse the others.
    write_default_airflow_configuration_if_needed()
    prepare_database()
    Standalone().run()
