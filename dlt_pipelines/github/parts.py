"""What hangs on pull requests, workflow runs and deployments, taken apart into resources.

queries/pull_requests.graphql        → raw_github.pull_request_details, reviews, review_threads,
                                       pull_request_files, pull_request_commits
queries/workflow_jobs.graphql        → raw_github.workflow_jobs
queries/deployment_statuses.graphql  → raw_github.deployment_statuses
"""

from __future__ import annotations

from dlt_pipelines.github.graphql import Json
from dlt_pipelines.github.nested import Nested, Records, Together
from dlt_pipelines.ledger import ResourceRun, SyncRun


def pull_request_parts(together: Together, sync: SyncRun, is_live: bool) -> Nested:
    """Details, reviews, threads, files and commits of pull requests."""
    flags = {
        "details": "pull_request_details",
        "reviews": "reviews",
        "threads": "review_threads",
        "files": "pull_request_files",
        "commits": "pull_request_commits",
    }
    return Nested(
        together.graphql,
        sync,
        "pull_requests",
        tuple(name for name in flags.values() if name in sync.resources),
        "pull_requests",
        "PullRequests",
        {flag: name in sync.resources for flag, name in flags.items()},
        _split_pull_request,
        is_live,
        together,
        "pulls",
    )


def workflow_jobs(together: Together, sync: SyncRun, is_live: bool) -> Nested:
    """The jobs of workflow runs."""
    return Nested(
        together.graphql,
        sync,
        "workflow_runs",
        tuple(name for name in ("workflow_jobs",) if name in sync.resources),
        "workflow_jobs",
        "WorkflowJobs",
        {},
        _split_run,
        is_live,
        together,
        "runs",
        key="databaseId",
    )


def deployment_statuses(together: Together, sync: SyncRun, is_live: bool) -> Nested:
    """The statuses of deployments."""
    return Nested(
        together.graphql,
        sync,
        "deployments",
        tuple(name for name in ("deployment_statuses",) if name in sync.resources),
        "deployment_statuses",
        "DeploymentStatuses",
        {},
        _split_deployment,
        is_live,
        together,
        "deployments",
    )


def _split_pull_request(nested: Nested, run: ResourceRun, pull: Json) -> Records:
    identity = {"id": pull["id"], "number": pull["number"], "updatedAt": pull["updatedAt"]}
    records: dict[str, list[Json]] = {}
    if "reviews" in pull:
        records["reviews"] = nested.rest_of(run, pull, "reviews")
    if "reviewThreads" in pull:
        threads = nested.rest_of(run, pull, "reviewThreads")
        for thread in threads:
            comments = nested.rest_of(run, thread, "comments", "ThreadPage")
            thread["comments"] = {"totalCount": len(comments), "nodes": comments}
        records["review_threads"] = threads
    if "files" in pull:
        # Null where GitHub cannot compute the difference, for instance of a vanished fork.
        files = nested.rest_of(run, pull, "files") if pull["files"] else []
        records["pull_request_files"] = [{**identity, "files": files}]
    if "commits" in pull:
        commits = [item["commit"] for item in nested.rest_of(run, pull, "commits")]
        records["pull_request_commits"] = [{**identity, "commits": commits}]
    if "state" in pull:
        for name in ("reviewRequests", "closingIssuesReferences"):
            if pull[name]:
                items = nested.rest_of(run, pull, name)
                pull[name] = {"totalCount": len(items), "nodes": items}
        lists = ("__typename", "reviews", "reviewThreads", "files", "commits")
        details = {key: value for key, value in pull.items() if key not in lists}
        records["pull_request_details"] = [details]
    return records


def _split_run(nested: Nested, run: ResourceRun, workflow_run: Json) -> Records:
    suite = workflow_run["checkSuite"]
    jobs = nested.rest_of(run, suite, "checkRuns", "JobPage") if suite["checkRuns"] else []
    identity = {"id": workflow_run["id"], "databaseId": workflow_run["databaseId"]}
    return {"workflow_jobs": [{**job, "run": identity} for job in jobs]}


def _split_deployment(nested: Nested, run: ResourceRun, deployment: Json) -> Records:
    if not deployment["statuses"]:
        return {"deployment_statuses": []}
    return {"deployment_statuses": nested.rest_of(run, deployment, "statuses", "StatusPage")}
