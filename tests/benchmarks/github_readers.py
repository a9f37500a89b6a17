"""The readers whose requests are counted: Headwater, Airbyte's source-github and PyGithub.

The peers are installed from the package registry, pinned, each in an environment that stays for the
next run. Both read less than Headwater does, which is in their favour: no discussions, no wiki, no
threads of reviews, no files of commits; Airbyte no contents, no statuses of deployments and no
files of pull requests either; PyGithub no members of teams.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from include import steps
from include.demo import sources_yml
from include.sandbox import Sandbox
from include.sandbox.workspace import DEFAULT_TOKEN
from include.settings import Settings
from tests.benchmarks import peers
from tests.benchmarks.github_requests import Reader, ReaderError

AIRBYTE: Final = (
    "airbyte-source-github==2.7.1",
    "airbyte-cdk==7.39.1",
    "airbyte-protocol-models-dataclasses==0.17.1",
)
PYGITHUB: Final = ("PyGithub==2.10.0",)
PYGITHUB_SCRIPT: Final = Path(__file__).with_name("pygithub_reader.py")
PATIENCE_SECONDS: Final = 900  # It waits a minute after every 5xx.

# What Headwater reads too, by Headwater's names.
STREAMS: Final = {
    "branches": "branches",
    "tags": "tags",
    "collaborators": "collaborators",
    "issue_labels": "labels",
    "issue_milestones": "milestones",
    "releases": "releases",
    "issues": "issues",
    "comments": "issue_comments",
    "issue_events": "issue_events",
    "pull_requests": "pull_requests",
    "pull_request_commits": "pull_request_commits",
    "pull_request_stats": "pull_request_details",
    "reviews": "reviews",
    "review_comments": "review_comments",
    "commits": "commits",
    "workflow_runs": "workflow_runs",
    "workflow_jobs": "workflow_jobs",
    "deployments": "deployments",
    "organizations": "organizations",
    "teams": "teams",
    "team_members": "team_members",
}
# What Headwater does not read at all, or reads as part of something else.
LEFT_OUT: Final = frozenset(
    {
        "assignees",
        "commit_comment_reactions",
        "commit_comments",
        "contributor_activity",
        "events",
        "issue_comment_reactions",
        "issue_reactions",
        "issue_timeline_events",
        "project_cards",
        "project_columns",
        "projects",
        "projects_v2",
        "pull_request_comment_reactions",
        "repositories",
        "stargazers",
        "team_memberships",
        "users",
        "workflows",
    }
)


class Headwater:
    """Every content type, as `headwater sync` does it."""

    def prepare(self, sandbox: Sandbox, folder: Path) -> None:
        file = folder / "sources.yml"
        file.write_text(sources_yml(sandbox.workspace), encoding="utf-8")
        self._settings = Settings(folder, file, sandbox.url, secret_lookup=lambda _: None)

    def sync(self) -> None:
        for source in self._settings.sources:
            _, failures = steps.sync(self._settings, source.name)
            if failures:
                raise ReaderError(str(failures[0]))


class Airbyte:
    """`source-github read`, with the state of one run given to the next.

    What a platform does around it (`check`, `discover`) is not counted.
    """

    def __init__(self, environments: Path) -> None:
        self._command = peers.install(environments / "airbyte", AIRBYTE) / "source-github"

    def prepare(self, sandbox: Sandbox, folder: Path) -> None:
        self._folder = folder
        self._config = peers.write(
            folder / "config.json",
            {
                "credentials": {"personal_access_token": DEFAULT_TOKEN},
                "repositories": [r.name for r in sandbox.workspace.repositories.values()],
                "api_url": f"{sandbox.url}/github",
            },
        )
        (found,) = (m["catalog"] for m in self._messages("discover") if m["type"] == "CATALOG")
        self._catalog = peers.write(
            folder / "catalog.json", catalog_of(found["streams"], sandbox.workspace.organizations)
        )
        self._state: dict[str, Any] = {}

    def sync(self) -> None:
        arguments: list[Any] = ["--catalog", self._catalog]
        if self._state:
            state = self._folder / "state.json"
            state.write_text(json.dumps(list(self._state.values())), encoding="utf-8")
            arguments += ["--state", state]
        statuses: dict[str, str] = {}
        for message in self._messages("read", *arguments):
            if message["type"] == "STATE":
                stream = message["state"]["stream"]["stream_descriptor"]["name"]
                self._state[stream] = message["state"]
            elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
                status = message["trace"]["stream_status"]
                statuses[status["stream_descriptor"]["name"]] = status["status"]
        if failed := sorted(name for name, status in statuses.items() if status != "COMPLETE"):
            raise ReaderError(f"source-github: streams not complete: {', '.join(failed)}")

    def _messages(self, *arguments: Any) -> list[dict[str, Any]]:
        command = [self._command, arguments[0], "--config", self._config, *arguments[1:]]
        log = self._folder / f"{arguments[0]}.log"
        with log.open("w", encoding="utf-8") as file:
            try:
                done = subprocess.run(
                    command,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder,
                    env=peers.environment(),
                    timeout=PATIENCE_SECONDS,
                )
            except subprocess.TimeoutExpired:
                reason = f"not done after {PATIENCE_SECONDS} s"
                raise ReaderError(f"source-github {arguments[0]}: {reason}") from None
        output = log.read_text(encoding="utf-8")
        messages = [json.loads(line) for line in output.splitlines() if line[:1] == "{"]
        errors = [
            message["trace"]["error"]["message"]
            for message in messages
            if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR"
        ]
        if done.returncode or errors:
            reason = errors[0] if errors else peers.last_line(output.encode())
            raise ReaderError(f"source-github {arguments[0]}: {' '.join(reason.split())[:300]}")
        return messages


class PyGithub:
    """A script that reads what PyGithub offers, and only what is new the next time."""

    def __init__(self, environments: Path) -> None:
        self._python = peers.install(environments / "pygithub", PYGITHUB) / "python"

    def prepare(self, sandbox: Sandbox, folder: Path) -> None:
        workspace = sandbox.workspace
        self._job = peers.write(
            folder / "job.json",
            {
                "base_url": f"{sandbox.url}/github",
                "token": DEFAULT_TOKEN,
                "repositories": [r.name for r in workspace.repositories.values()],
                "organizations": [o.login for o in workspace.organizations.values()],
                "state": str(folder / "state.json"),
            },
        )

    def sync(self) -> None:
        peers.call([self._python, PYGITHUB_SCRIPT, self._job])


def compared() -> str:
    """Which streams of Airbyte's source are compared, and which are not, in words."""
    parts = {"": STREAMS, "not read by Headwater as such: ": LEFT_OUT}
    return "; ".join(f"{what}{', '.join(sorted(names))}" for what, names in parts.items())


def catalog_of(streams: list[dict[str, Any]], organizations: Collection[str]) -> dict[str, Any]:
    """The catalog of the streams that are compared, incremental where they offer it.

    Raises:
        ReaderError: the source has other streams than this comparison knows.
    """
    names = {stream["name"] for stream in streams}
    if unknown := names ^ (set(STREAMS) | LEFT_OUT):
        raise ReaderError(f"source-github: streams {sorted(unknown)} are not accounted for")
    of_owner = {"organizations", "teams", "team_members"} if not organizations else set()
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental"
                if "incremental" in stream["supported_sync_modes"]
                else "full_refresh",
                "destination_sync_mode": "append",
                "cursor_field": stream.get("default_cursor_field") or [],
                "primary_key": stream.get("source_defined_primary_key") or [],
            }
            for stream in streams
            if stream["name"] in set(STREAMS) - of_owner
        ]
    }


PEERS: Final[dict[str, Callable[[Path], Reader]]] = {
    "airbyte-source-github": Airbyte,
    "PyGithub": PyGithub,
}
