"""GitHub: see `source` for what is loaded."""

from dlt_pipelines.github.source import GITHUB

__all__ = ["GITHUB"]
