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
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        # Halves the wait between two tasks.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        # Parsing costs seconds of processor time; what changes without its file is sources.yml.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        # A busy machine takes longer than 5 s to answer, and than 30 s to read a DAG: the task
        # would be given up for the one, the DAG for the other.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "180",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "240",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in os.environ:
        for option in ("SQL_ALCHEMY_CONNECT_ARGS", "SQL_ALCHEMY_CONNECT_ARGS_ASYNC"):
            defaults[f"AIRFLOW__DATABASE__{option}"] = "include.airflow_sqlite.CONNECT_ARGS"
    own = {
        # `airflow standalone` starts its parts by name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HEADWATER_DATA": str(settings.data),
        "HEADWATER_SOURCES": str(settings.sources_file),
    }
    if settings.sandbox_url:
        own["HEADWATER_SANDBOX_URL"] = settings.sandbox_url
    return {**defaults, **os.environ, **own}
