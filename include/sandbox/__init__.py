"""The three providers on loopback: GitHub REST, Linear GraphQL and Notion REST from a folder.

    with Sandbox(Workspace.demo()) as sandbox:
        httpx.get(f"{sandbox.url}/github/rate_limit")

It answers as the providers do (pagination, authentication, limits, conditional requests, errors)
and fails on request, so that the demo, the tests and the benchmarks use real HTTP and no account.
It is written from the providers' contracts and imports nothing from `dlt_pipelines`. What it does
not serve is an error, never a guess.
"""

from include.sandbox.faults import Fault
from include.sandbox.limits import Limits
from include.sandbox.server import Exchange, Sandbox
from include.sandbox.workspace import Workspace

__all__ = ["Exchange", "Fault", "Limits", "Sandbox", "Workspace"]
