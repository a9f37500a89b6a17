"""Airflow's settings as environment variables: everything under the data folder, nothing in HOME.

Kept apart from `include.airflow`, since it must be in place before Airflow is first imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from include.settings import ROOT, Settings


def environment(settings: Settings, *, port: int = 8080) -> dict[str, str]:
    """What Airflow needs to run Headwater's DAGs on this machine; variables already set win."""
    home = settings.data / "airflow"
    defaults = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # The default of 32 makes a small machine slow: a task is a Python process of its own.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # On a busy machine five seconds are not enough: a backfill that has to wait longer is taken
        # back while the scheduler has begun with it, and that ends the scheduler.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",
        # Halves the wait between two tasks.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    own = {
        # `airflow standalone` starts its parts by name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HEADWATER_DATA": str(settings.data),
        "HEADWATER_SOURCES": str(settings.sources_file),
    }
    if settings.sandbox_url:
        own["HEADWATER_SANDBOX_URL"] = settings.sandbox_url
    return {**defaults, **os.environ, **own}
