"""Reading Linear from a sandbox without a pipeline."""

from __future__ import annotations

import pytest

from dlt_pipelines.linear.graphql import Workspace
from include.settings import SANDBOX_TOKEN
from tests.workspaces import TEAM


@pytest.fixture
def reader(sandbox_of, client_of, resource_run):
    """A Linear workspace read through the real client, and the account of one resource."""

    def start(workspace, resource: str = "issues", **options):
        sandbox = sandbox_of(workspace, **options)
        run = resource_run("linear", TEAM, resource)
        client = client_of(sandbox, "linear", Authorization=SANDBOX_TOKEN)
        return Workspace(client), run, sandbox

    return start
