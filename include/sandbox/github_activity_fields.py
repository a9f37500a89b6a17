"""Discussions, workflow runs, deployments and teams in GitHub's GraphQL schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import Items, ordered, sorted_items
from include.sandbox.github_fields import field, listed, person, url_of
from include.sandbox.github_issue_fields import oldest_first
from include.sandbox.github_listings import number_in
from include.sandbox.github_nodes import Row, Thing, commit_thing, grouped, indexed
from include.sandbox.github_ref_fields import ref_thing


def comments_of(thing: Thing, discussion: str) -> Sequence[Row]:
    """All comments and replies of a discussion, oldest first."""
    groups = grouped(
        thing.home.discussion_comments,
        "discussion",
        lambda links: str(links.discussion.id) if links.discussion else None,
    )
    return groups.get(discussion, [])


@listed("Discussion.comments")
def discussion_comments(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Comments that reply to no other."""
    rows = [row for row in comments_of(thing, str(thing.row["id"])) if row[0].reply_to is None]
    return oldest_first(thing, rows, "DiscussionComment")


@listed("DiscussionComment.replies")
def replies(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Replies to a comment."""
    groups = grouped(
        thing.home.discussion_comments,
        "reply",
        lambda links: str(links.reply_to.id) if links.reply_to else None,
    )
    return oldest_first(thing, groups.get(str(thing.row["id"]), []), "DiscussionComment")


@field("DiscussionComment.replyTo")
def reply_to(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The comment that it replies to."""
    return comment_by_id(thing, thing.row.get("replyTo"))


@field("Discussion.answer")
def answer(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The comment that was chosen as the answer."""
    if thing.row.get("answer"):
        return comment_by_id(thing, thing.row["answer"])
    decoded = [msgspec.json.decode(raw) for _, raw in comments_of(thing, str(thing.row["id"]))]
    chosen = next((row for row in decoded if row.get("isAnswer")), None)
    return thing.of("DiscussionComment", chosen) if chosen else None


def comment_by_id(thing: Thing, reference: Json | None) -> Thing | None:
    """The comment of a reference."""
    row = thing.home.discussion_comments.get(reference["id"]) if reference else None
    return thing.of("DiscussionComment", row) if row else None


@field("DiscussionComment.discussion")
def discussion_of_comment(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The discussion it belongs to."""
    row = thing.home.discussions.get(thing.row["discussion"]["id"])
    return thing.of("Discussion", row) if row else None


@field("DiscussionComment.isAnswer")
def is_answer(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it was chosen as the answer."""
    return bool(thing.row.get("isAnswer"))


@field("upvoteCount")
def upvote_count(thing: Thing, info: GraphQLResolveInfo) -> int:
    """How many voted for it."""
    return int(thing.row.get("upvoteCount", 1))


@field("Discussion.answerChosenBy")
def answer_chosen_by(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who chose the answer."""
    return person(thing, thing.row.get("answerChosenBy"))


@field("Discussion.category")
def category(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """Its category."""
    return thing.of("DiscussionCategory", thing.row["category"])


@field("Discussion.isAnswered")
def is_answered(thing: Thing, info: GraphQLResolveInfo) -> bool | None:
    """Whether it has an answer; null where its category has none."""
    known = thing.row.get("isAnswered")
    return None if known is None else bool(known)


@listed("Discussion.labels")
def discussion_labels(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Its labels, whose whole rows the repository has."""
    held = thing.row.get("labels") or []
    rows = held["nodes"] if isinstance(held, dict) else held
    known = indexed(thing.home.labels, "node", lambda links: links.node_id)
    found = [known.get(row.get("node_id") or row["id"], row) for row in rows]
    return ordered(found, lambda row: thing.of("Label", row))


@field("WorkflowRun.checkSuite")
def suite_of_run(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The check suite that a run is."""
    return thing.of("CheckSuite", thing.row)


@field("CheckRun.checkSuite")
def suite_of_job(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The check suite of a job: its run's, or what the job tells of a run that is not recorded."""
    runs = indexed(thing.home.workflow_runs, "id", lambda links: links.id)
    job = thing.row
    raw = runs.get(job["run_id"])
    if raw is not None:
        return thing.of("CheckSuite", raw)
    names = ("head_sha", "head_branch", "status", "conclusion")
    known = {name: job.get(name) for name in names}
    return thing.of("CheckSuite", known | {"id": job["run_id"], "created_at": job["started_at"]})


@field("CheckSuite.id")
def check_suite_id(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A check suite's own id."""
    known = thing.row.get("check_suite_node_id")
    return str(known or f"CS_{thing.row['id']}")


@field("CheckSuite.databaseId")
def check_suite_database_id(thing: Thing, info: GraphQLResolveInfo) -> int | None:
    """A check suite's id in REST."""
    return thing.row.get("check_suite_id")


@field("CheckSuite.workflowRun")
def workflow_run(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The run that a check suite is; none if only its jobs are recorded."""
    return thing.of("WorkflowRun", thing.row) if "workflow_id" in thing.row else None


@field("CheckSuite.commit")
def checked_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit that was checked."""
    return commit_thing(thing.home, thing.row["head_sha"])


@field("CheckSuite.branch")
def checked_branch(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The branch that was checked; none if it is gone."""
    return ref_thing(thing, f"refs/heads/{thing.row.get('head_branch')}")


@field("WorkflowRun.workflow")
def workflow(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The workflow that ran."""
    number = thing.row["workflow_id"]
    row = {"id": number, "node_id": f"W_{number}", "name": thing.row.get("name")}
    return thing.of("Workflow", row)


@listed("CheckSuite.checkRuns")
def check_runs(
    thing: Thing,
    info: GraphQLResolveInfo,
    filterBy: Json | None = None,  # noqa: N803 (the argument's name in the schema)
    **page: Any,
) -> Items:
    """Jobs of the latest attempt, or of all of them, oldest first."""
    jobs = grouped(thing.home.workflow_jobs, "run", lambda links: links.run_id)
    rows: Sequence[Row] = jobs.get(thing.row["id"], [])
    condition = filterBy or {}
    if condition.get("checkType") != "ALL":
        latest = max((links.run_attempt for links, _ in rows), default=1)
        rows = [row for row in rows if row[0].run_attempt == latest]
    if set(condition) - {"checkType"}:
        rows = [row for row in rows if is_wanted(msgspec.json.decode(row[1]), condition)]
    return sorted_items(
        rows, lambda row: (int(row[0].id),), lambda row: thing.of("CheckRun", row[1])
    )


def is_wanted(job: Json, condition: Json) -> bool:
    """Whether a job meets the conditions on its name, status and conclusion."""
    status, conclusion = str(job["status"]).upper(), str(job.get("conclusion")).upper()
    statuses = condition.get("statuses") or [condition.get("status") or status]
    return (
        condition.get("checkName") in (None, job["name"])
        and status in statuses
        and (not condition.get("conclusions") or conclusion in condition["conclusions"])
    )


@field("CheckRun.detailsUrl")
def details_url(thing: Thing, info: GraphQLResolveInfo) -> str:
    """A job's page."""
    return url_of(thing.row)


@listed("CheckRun.steps")
def steps(thing: Thing, info: GraphQLResolveInfo, number: int | None = None, **page: Any) -> Items:
    """The steps of a job by number."""
    rows = [row for row in thing.row.get("steps") or [] if number in (None, row["number"])]
    return sorted_items(rows, lambda row: (row["number"],), lambda row: thing.of("CheckStep", row))


@field("CheckStep.secondsToCompletion")
def seconds_to_completion(thing: Thing, info: GraphQLResolveInfo) -> int | None:
    """How long a step took."""
    started, completed = thing.row.get("started_at"), thing.row.get("completed_at")
    if not started or not completed:
        return None
    taken = datetime.fromisoformat(completed) - datetime.fromisoformat(started)
    return int(taken.total_seconds())


@listed("Deployment.statuses")
def statuses(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """A deployment's statuses, newest first."""
    rows = statuses_of(thing)
    return sorted_items(
        rows,
        lambda row: (row[0].made, int(row[0].id)),
        lambda row: thing.of("DeploymentStatus", row[1]),
        descending=True,
    )


def statuses_of(thing: Thing) -> Sequence[Row]:
    """A deployment's statuses, oldest first."""
    groups = grouped(
        thing.home.deployment_statuses, "deployment", lambda links: number_in(links.deployment_url)
    )
    return groups.get(thing.row["id"], [])


@field("Deployment.latestStatus")
def latest_status(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Its newest status."""
    rows = statuses_of(thing)
    return thing.of("DeploymentStatus", rows[-1][1]) if rows else None


@field("Deployment.state")
def deployment_state(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Its newest status; a success is active."""
    latest = latest_status(thing, info)
    state = str(latest.row["state"]).upper() if latest else "PENDING"
    return "ACTIVE" if state == "SUCCESS" else state


@field("Deployment.commitOid")
def deployed_oid(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The SHA that was deployed."""
    return str(thing.row["sha"])


@field("Deployment.commit")
def deployed_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit that was deployed."""
    return commit_thing(thing.home, thing.row["sha"])


@field("Deployment.ref")
def deployed_ref(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The branch or tag that was deployed; none if it is gone or a commit was."""
    name = thing.row.get("ref")
    return ref_thing(thing, f"refs/heads/{name}") or ref_thing(thing, f"refs/tags/{name}")


@field("Deployment.payload")
def payload(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """What was given to the deployment, as JSON."""
    known = thing.row.get("payload")
    return known if known is None or isinstance(known, str) else msgspec.json.encode(known).decode()


@field("Deployment.latestEnvironment")
def latest_environment(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """Where it was deployed to."""
    return thing.row.get("environment")


@field("DeploymentStatus.deployment")
def deployment_of_status(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The deployment it is a status of."""
    row = thing.home.deployments.get(number_in(thing.row["deployment_url"]) or 0)
    return thing.of("Deployment", row) if row else None


@field("DeploymentStatus.environmentUrl", "DeploymentStatus.logUrl")
def optional_url(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """An address that REST has empty where there is none."""
    name = "environment_url" if info.field_name == "environmentUrl" else "log_url"
    return thing.row.get(name) or None
