"""Issues, their comments, and reviews in GitHub's GraphQL schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.github_connections import Item, Items, ordered
from include.sandbox.github_fields import field, listed, person, snake
from include.sandbox.github_listings import number_in
from include.sandbox.github_nodes import (
    Row,
    Thing,
    by_issue_number,
    commit_thing,
    grouped,
    indexed,
    pull_by_number,
)
from include.sandbox.github_repository_fields import SORT_KEYS, position


def oldest_first(thing: Thing, rows: Sequence[Row], type_name: str) -> Items:
    """Rows of a group, which are in the order of their creation."""
    made = SORT_KEYS["CREATED_AT"]
    return Items(
        [Item(position(made, links), raw) for links, raw in rows],
        lambda raw: thing.of(type_name, raw),
    )


@listed("Issue.comments", "PullRequest.comments")
def comments(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The comments of a conversation, oldest first."""
    rows = by_issue_number(thing.home.issue_comments).get(thing.row["number"], [])
    return oldest_first(thing, rows, "IssueComment")


@listed("Issue.labels", "PullRequest.labels")
def labels(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The labels of an issue or pull request."""
    return ordered(thing.row.get("labels") or [], lambda row: thing.of("Label", row))


@listed("Issue.assignees", "PullRequest.assignees")
def assignees(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Who is to do it."""
    return ordered(thing.row.get("assignees") or [], lambda row: thing.of("User", row))


@field("Issue.closed", "PullRequest.closed")
def closed(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it is closed, or merged."""
    return bool(thing.row["state"] == "closed")


@field("Issue.stateReason")
def state_reason(
    thing: Thing,
    info: GraphQLResolveInfo,
    enableDuplicate: bool = False,  # noqa: N803 (the argument's name in the schema)
) -> str | None:
    """Why it was closed or is open again; duplicates only show to who asks for them."""
    reason = thing.row.get("state_reason")
    if reason == "duplicate" and not enableDuplicate:
        return "NOT_PLANNED"
    return str(reason).upper() if reason else None


@field("milestone")
def milestone(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The milestone it belongs to."""
    row = thing.row.get("milestone")
    return thing.of("Milestone", row) if row else None


@field("IssueComment.issue")
def commented_issue(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The issue that a comment is on; every pull request has one behind it."""
    number = number_in(thing.row["issue_url"])
    rows = indexed(thing.home.issues, "number", lambda links: links.number)
    if number in rows:
        return thing.of("Issue", rows[number])
    pull = pull_by_number(thing.home, number)
    return thing.of("Issue", pull.row) if pull else None


@field("IssueComment.pullRequest")
def commented_pull(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The pull request that a comment is on; none if it is on an issue."""
    return pull_by_number(thing.home, number_in(thing.row["issue_url"]))


@field("PullRequestReview.pullRequest", "PullRequestReviewComment.pullRequest")
def reviewed_pull(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The pull request that a review or a comment on its code is about."""
    return pull_by_number(thing.home, number_in(thing.row["pull_request_url"]))


@field("PullRequestReview.commit", "PullRequestReviewComment.commit")
def reviewed_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit that was looked at."""
    return commit_thing(thing.home, thing.row.get("commit_id"))


@field("PullRequestReviewComment.originalCommit")
def original_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit that was first commented on."""
    return commit_thing(thing.home, thing.row.get("original_commit_id"))


@listed("PullRequestReview.comments")
def review_comments(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The comments on the code that belong to a review."""
    groups = grouped(
        thing.home.review_comments, "review", lambda links: links.pull_request_review_id
    )
    return oldest_first(thing, groups.get(thing.row["id"], []), "PullRequestReviewComment")


@field("PullRequestReviewComment.pullRequestReview")
def review_of_comment(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The review that a comment belongs to."""
    reviews = indexed(thing.home.reviews, "id", lambda links: links.id)
    raw = reviews.get(thing.row.get("pull_request_review_id"))
    return thing.of("PullRequestReview", raw) if raw else None


@field("PullRequestReviewComment.replyTo")
def replied_to(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The comment that began the thread."""
    known = indexed(thing.home.review_comments, "id", lambda links: links.id)
    raw = known.get(thing.row.get("in_reply_to_id"))
    return thing.of("PullRequestReviewComment", raw) if raw else None


@field("PullRequestReviewComment.outdated")
def is_comment_outdated(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether the line is gone that was commented on."""
    return is_outdated(thing.row)


@field("PullRequestReviewComment.subjectType")
def comment_subject(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Whether a line or a file is commented on."""
    return str(thing.row.get("subject_type") or "line").upper()


def is_outdated(comment: Json) -> bool:
    """Whether a comment's place in the difference is gone."""
    is_on_line = (comment.get("subject_type") or "line") == "line"
    return is_on_line and comment.get("position") is None and comment.get("line") is None


@listed("PullRequestReviewThread.comments")
def thread_comments(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The comments of a thread, oldest first."""
    return oldest_first(thing, thing.row["rows"], "PullRequestReviewComment")


@field("PullRequestReviewThread.pullRequest")
def thread_pull(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The pull request of a thread."""
    return pull_by_number(thing.home, number_in(thing.row["root"]["pull_request_url"]))


@field(
    "PullRequestReviewThread.path",
    "PullRequestReviewThread.line",
    "PullRequestReviewThread.startLine",
    "PullRequestReviewThread.originalLine",
    "PullRequestReviewThread.originalStartLine",
)
def thread_place(thing: Thing, info: GraphQLResolveInfo) -> Any:
    """Where a thread is: its own record's word, or where its first comment is."""
    name = info.field_name
    return thing.row[name] if name in thing.row else thing.row["root"].get(snake(name))


@field("PullRequestReviewThread.diffSide", "PullRequestReviewThread.startDiffSide")
def thread_side(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """The side of the difference that a thread is on."""
    name = info.field_name
    other, default = ("start_side", None) if name == "startDiffSide" else ("side", "RIGHT")
    known: str | None = thing.row.get(name) or thing.row["root"].get(other) or default
    return known


@field("PullRequestReviewThread.subjectType")
def thread_subject(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Whether a thread is on a line or on a file."""
    known = thing.row.get("subjectType") or thing.row["root"].get("subject_type") or "line"
    return str(known).upper()


@field("PullRequestReviewThread.isOutdated")
def thread_outdated(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether the line of a thread is gone."""
    return bool(thing.row.get("isOutdated", is_outdated(thing.row["root"])))


@field("PullRequestReviewThread.isResolved")
def thread_resolved(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether somebody settled it."""
    return bool(thing.row.get("isResolved", False))


@field("PullRequestReviewThread.isCollapsed")
def thread_collapsed(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it is folded: what is settled or outdated is."""
    folded = thread_resolved(thing, info) or thread_outdated(thing, info)
    return bool(thing.row.get("isCollapsed", folded))


@field("PullRequestReviewThread.resolvedBy")
def resolved_by(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who settled it."""
    return person(thing, thing.row.get("resolvedBy"))
