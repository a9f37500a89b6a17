"""Notion: see `source` for what is loaded."""

from dlt_pipelines.notion.source import NOTION

__all__ = ["NOTION"]
