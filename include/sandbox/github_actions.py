"""GitHub's endpoints over what ran and what was deployed: workflow runs, jobs, deployments.

https://docs.github.com/rest/actions/workflow-runs, /rest/actions/workflow-jobs,
https://docs.github.com/rest/deployments
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from starlette.requests import Request

from include.sandbox.collection import Collection
from include.sandbox.github_answers import Endpoint, Paged, RefusedError, Rows, not_found_response
from include.sandbox.github_listings import (
    InvalidParameterError,
    Keys,
    Listing,
    one_of,
    select,
    timestamp,
)
from include.sandbox.workspace import GitHubRepository

MAXIMUM_RUNS: Final = 1_000
"""How many runs a filtered listing reaches at most."""

RUNS: Final = Listing(
    "workflow_runs",
    by_default=lambda keys: keys.created_at,
    descending_by_default=True,
    unserved=(
        "actor",
        "branch",
        "event",
        "status",
        "exclude_pull_requests",
        "check_suite_id",
        "head_sha",
    ),
)
DEPLOYMENTS: Final = Listing(
    "deployments",
    by_default=lambda keys: keys.created_at,
    descending_by_default=True,
    unserved=("sha", "ref", "task", "environment"),
)


class Job(msgspec.Struct):
    """What places a job: its run, and which attempt of it."""

    id: int
    run_id: int
    run_attempt: int = 1


class Status(msgspec.Struct):
    """What places a deployment's status."""

    id: int
    deployment_url: str


class GitHubActions:
    """Endpoints of runs and deployments; `find` gives a request's repository or refuses it."""

    def __init__(self, find: Callable[[Request], GitHubRepository]) -> None:
        self._find = find

    def endpoints(self, repo: str) -> dict[str, Endpoint]:
        """Endpoints of the REST API by path."""
        return {
            f"{repo}/actions/runs": self._runs,
            f"{repo}/actions/runs/{{run_id:int}}": self._run,
            f"{repo}/actions/runs/{{run_id:int}}/jobs": self._jobs,
            f"{repo}/deployments": self._deployments,
            f"{repo}/deployments/{{deployment_id:int}}/statuses": self._statuses,
        }

    def _runs(self, request: Request) -> Paged:
        repository = self._find(request)
        rows = select(repository.workflow_runs, RUNS, request.query_params)
        interval = created_in(request.query_params)
        total = len(rows)
        if interval is not None:
            first, last = interval
            rows = [raw for raw in rows if first <= created_at(raw) <= last]
            total = len(rows)
            rows = rows[:MAXIMUM_RUNS]
        return Paged({"total_count": total}, "workflow_runs", Rows(rows))

    def _run(self, request: Request) -> bytes:
        return one(self._find(request).workflow_runs, request.path_params["run_id"])

    def _jobs(self, request: Request) -> Paged:
        repository, run_id = self._find(request), request.path_params["run_id"]
        one(repository.workflow_runs, run_id)
        jobs = repository.workflow_jobs.derived(
            "by run", lambda: jobs_by_run(repository.workflow_jobs.raw())
        ).get(run_id, [])
        if (one_of("filter", request.query_params, ("latest", "all")) or "latest") == "latest":
            newest = max((job.run_attempt for job, _ in jobs), default=1)
            jobs = [(job, raw) for job, raw in jobs if job.run_attempt == newest]
        return Paged({"total_count": len(jobs)}, "jobs", Rows([raw for _, raw in jobs]))

    def _deployments(self, request: Request) -> Rows:
        return Rows(select(self._find(request).deployments, DEPLOYMENTS, request.query_params))

    def _statuses(self, request: Request) -> Rows:
        repository, deployment_id = self._find(request), request.path_params["deployment_id"]
        one(repository.deployments, deployment_id)
        statuses = repository.deployment_statuses.derived(
            "by deployment", lambda: statuses_by_deployment(repository.deployment_statuses.raw())
        )
        return Rows(statuses.get(deployment_id, []))


def one(collection: Collection, object_id: int) -> bytes:
    """One object by its number.

    Raises:
        RefusedError: there is none.
    """
    raw = collection.raw_of(object_id)
    if raw is None:
        raise RefusedError(not_found_response())
    return raw


def jobs_by_run(rows: list[bytes]) -> dict[int, list[tuple[Job, bytes]]]:
    """Jobs by the run they belong to, by id."""
    decode = msgspec.json.Decoder(Job).decode
    runs: dict[int, list[tuple[Job, bytes]]] = {}
    for job, raw in sorted(((decode(raw), raw) for raw in rows), key=lambda pair: pair[0].id):
        runs.setdefault(job.run_id, []).append((job, raw))
    return runs


def statuses_by_deployment(rows: list[bytes]) -> dict[int, list[bytes]]:
    """Statuses by the deployment they are of, newest first."""
    decode = msgspec.json.Decoder(Status).decode
    deployments: dict[int, list[bytes]] = {}
    pairs = sorted(((decode(raw), raw) for raw in rows), key=lambda p: p[0].id, reverse=True)
    for status, raw in pairs:
        deployments.setdefault(int(status.deployment_url.rsplit("/", 1)[1]), []).append(raw)
    return deployments


def created_at(raw: bytes) -> str:
    """When an object was created."""
    return msgspec.json.decode(raw, type=Keys).created_at or ""


def created_in(query: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and last moment of `created`, in GitHub's search syntax; None if it is absent.

    `>=T`, `<=T`, `>T`, `<T`, `T..T`, where either end may be `*`, or a day. A day is all of it.
    """
    text = query.get("created")
    if text is None:
        return None
    if ".." in text:
        first, last = text.split("..", 1)
        return to_first(first), to_last(last)
    if text.startswith(">="):
        return to_first(text[2:]), "9999"
    if text.startswith("<="):
        return "", to_last(text[2:])
    if text.startswith((">", "<")):
        raise InvalidParameterError("created", text, "`>=` or `<=`, which the sandbox serves")
    return to_first(text), to_last(text)


def to_first(text: str) -> str:
    """The moment an interval begins at."""
    return "" if text == "*" else moment(text)


def to_last(text: str) -> str:
    """The moment an interval ends at: of a day, its last second."""
    if text == "*":
        return "9999"
    return f"{text}T23:59:59Z" if len(text) == len("2026-01-01") else moment(text)


def moment(text: str) -> str:
    """A date or a time as GitHub's objects have it."""
    found = timestamp("created", {"created": text})
    if found is None:
        raise InvalidParameterError("created", text, "YYYY-MM-DDTHH:MM:SSZ")
    return found
