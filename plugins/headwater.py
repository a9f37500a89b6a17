"""What Headwater adds to Airflow's API server and UI; wiring only, like the DAG files."""

from include.airflow_plugin import HeadwaterPlugin

__all__ = ["HeadwaterPlugin"]
