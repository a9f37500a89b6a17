"""Linear: see `source` for what is loaded."""

from dlt_pipelines.linear.source import LINEAR

__all__ = ["LINEAR"]
