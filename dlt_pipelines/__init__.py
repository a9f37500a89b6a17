"""Extract and load: one package per source, and the registry of them."""

from __future__ import annotations

from typing import Final

from dlt_pipelines.github import GITHUB
from dlt_pipelines.linear import LINEAR
from dlt_pipelines.notion import NOTION
from dlt_pipelines.pipeline import SourceType

SOURCES: Final[dict[str, SourceType]] = {source.name: source for source in (GITHUB, LINEAR, NOTION)}
