"""How many API requests three readers of GitHub make: of the demo's repositories, and of fifty.

Each reader has a sandbox of its own with the same workspace, syncs twice, and nothing changes in
between. Requests are counted in the sandbox's log. Those of git's own protocol and of archives'
storage are no API requests and take from no quota; they are counted apart. A reader that was
refused anything is no measure: it would look frugal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from include.sandbox import Exchange, Limits, Sandbox, Workspace
from include.sandbox.workspace import DEMO_PATH
from tests import workspaces
from tests.workspaces import REPO

# Nobody waits for an hour to pass: what is counted is what was asked.
UNLIMITED: Final = Limits(
    github_requests_per_hour=1_000_000, github_graphql_points_per_hour=1_000_000
)
API: Final = "https://api.github.com/repos"
_ARCHIVE: Final = re.compile(r"^/_codeload/")
_GIT: Final = re.compile(r"^/[^/]+/[^/]+\.git/")
_NUMBER: Final = re.compile(r"(?<=/)(\d+|[0-9a-f]{40})(?=/|$)")

Json = dict[str, Any]


class ReaderError(RuntimeError):
    """A reader was not served, or failed; the text says what, in one line."""


class Reader(Protocol):
    """Anything that can sync the repositories of a sandbox, again and again."""

    def prepare(self, sandbox: Sandbox, folder: Path) -> None:
        """Whatever is done once for an installation; its requests are not counted."""

    def sync(self) -> None:
        """Read everything that is new."""


@dataclass(frozen=True)
class Tally:
    """What one sync asked: of the API, of git over HTTP, of the storage of archives."""

    api: int
    not_modified: int
    git: int
    archives: int
    graphql: int

    @classmethod
    def of(cls, log: Iterable[Exchange]) -> Tally:
        """What a log says.

        Raises:
            ReaderError: the sandbox refused a request.
        """
        kinds: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for exchange in log:
            kind = kind_of(exchange.path)
            kinds[kind] += 1
            kinds["not_modified"] += kind == "api" and exchange.status == 304
            kinds["graphql"] += exchange.path == "/graphql"
            if exchange.status >= 400 and not is_expected(exchange):
                path = _NUMBER.sub("*", exchange.path)
                refused[f"{exchange.status} {exchange.method} {path}"] += 1
        if refused:
            listed = ", ".join(f"{count} of {what}" for what, count in refused.most_common(5))
            raise ReaderError(f"the sandbox refused {refused.total()} requests: {listed}")
        return cls(
            kinds["api"],
            kinds["not_modified"],
            kinds["git"],
            kinds["archives"],
            kinds["graphql"],
        )

    def __str__(self) -> str:
        beside = {"not modified": self.not_modified, "GraphQL": self.graphql}
        listed = ", ".join(f"{count:,} {name}" for name, count in beside.items() if count)
        return f"{self.api:,}" + (f" ({listed})" if listed else "")

    @property
    def beside_api(self) -> str:
        """What else was asked, in words."""
        return f"{self.git:,} of git over HTTP, {self.archives:,} of archives"


@dataclass(frozen=True)
class Syncs:
    """A first sync and one in which nothing had changed."""

    first: Tally
    again: Tally

    def __str__(self) -> str:
        return f"first {self.first}, again {self.again}"


def kind_of(path: str) -> str:
    """What a request is counted as: `api`, `git` or `archives`."""
    if _ARCHIVE.match(path):
        return "archives"
    return "git" if _GIT.match(path) else "api"


def is_expected(exchange: Exchange) -> bool:
    """Whether a refusal belongs to the protocol: git asks first without, then with credentials.

    A wiki that nobody has written to has no repository.
    """
    is_git = kind_of(exchange.path) == "git"
    return is_git and (exchange.status == 401 or ".wiki.git/" in exchange.path)


def measure(reader: Reader, workspace: Workspace, folder: Path) -> Syncs:
    """Sync a workspace twice.

    Raises:
        ReaderError: the reader failed, or was refused something.
    """
    with Sandbox(workspace, limits=UNLIMITED) as sandbox:
        folder.mkdir(parents=True)
        reader.prepare(sandbox, folder)
        tallies = []
        for _ in range(2):
            sandbox.requests.clear()
            reader.sync()
            tallies.append(Tally.of(sandbox.requests))
        if sandbox.violations:
            raise ReaderError(f"the sandbox broke: {sandbox.violations[0]!r}")
    return Syncs(*tallies)


def demo_repositories() -> Workspace:
    """The demo's repositories and their organization, and nothing of other providers."""
    whole = Workspace.load(DEMO_PATH)
    return Workspace(
        "demo",
        repositories=whole.repositories.values(),
        organizations=whole.organizations.values(),
    )


def fleet(count: int) -> Workspace:
    """Repositories of one organization, each with its own code and a handful of objects."""
    names = [f"{REPO.split('/')[0]}/fleet-{number:02}" for number in range(1, count + 1)]
    workspace = Workspace.from_data(
        {"github": {name: handful(name, 1_000 * n) for n, name in enumerate(names, 1)}}
    )
    workspace.organizations = demo_repositories().organizations
    return workspace


def handful(name: str, base: int) -> Json:
    """What one repository holds, with numbers and ids after `base`: ids are unique everywhere.

    Addresses are true, since PyGithub follows them.
    """
    issue, pull, run, deployed, topic = (base + offset for offset in range(1, 6))
    pull_url, run_url, deployment_url = (
        f"{API}/{REPO}/{kind}/{number}"
        for kind, number in (("pulls", pull), ("actions/runs", run), ("deployments", deployed))
    )
    repository = {
        **workspaces.demo()["github"][REPO]["repository"],
        "name": name.split("/")[1],
        "id": base,
        "node_id": f"R_{base}",
    }
    rows = {
        "repository": repository,
        "issues": [
            workspaces.issue(issue, 10),
            workspaces.issue(base + 9, 20),
            # GitHub lists every pull request as an issue too.
            workspaces.issue(pull, 30, pull_request={"url": pull_url}),
        ],
        "pull_requests": [workspaces.pull_request(pull, 30, url=pull_url)],
        "issue_comments": [workspaces.issue_comment(base + 11, 40, issue=issue)],
        "review_comments": [workspaces.review_comment(base + 12, 50, pull=pull)],
        "reviews": [workspaces.review(base + 13, 60, pull=pull)],
        "issue_events": [workspaces.issue_event(base + 14, 70)],
        "labels": [workspaces.label(base + 15)],
        "milestones": [workspaces.milestone(base + 16, 100)],
        "workflow_runs": [
            workspaces.workflow_run(run, 110, url=run_url, jobs_url=f"{run_url}/jobs")
        ],
        "workflow_jobs": [workspaces.workflow_job(base + 17, run)],
        "deployments": [workspaces.deployment(deployed, 120, url=deployment_url)],
        "discussions": [workspaces.discussion(topic, 130)],
        "discussion_comments": [workspaces.discussion_comment(base + 18, topic, 130)],
    }
    moved: Json = json.loads(json.dumps(rows).replace(REPO, name))
    return {**moved, "git": DEMO_PATH / "github" / REPO / "code.fast-import"}
