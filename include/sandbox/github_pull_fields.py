"""Pull requests in GitHub's GraphQL schema: their state, reviews, threads, files and commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLResolveInfo

from include.sandbox.collection import Json
from include.sandbox.git import Change
from include.sandbox.github_code_objects import to_commit
from include.sandbox.github_connections import Items, ordered, sorted_items
from include.sandbox.github_fields import field, listed, person
from include.sandbox.github_issue_fields import oldest_first
from include.sandbox.github_nodes import (
    Row,
    Thing,
    by_issue_number,
    by_plain_number,
    by_pull_number,
    commit_thing,
    grouped,
    issue_by_number,
    threads_of,
)
from include.sandbox.workspace import GitHubRepository

CHANGE_TYPES: Final = {
    "A": "ADDED",
    "C": "COPIED",
    "D": "DELETED",
    "M": "MODIFIED",
    "R": "RENAMED",
    "T": "CHANGED",
}
OPINIONS: Final = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")


@field("PullRequest.state")
def state(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Open, closed or merged, which REST calls closed."""
    return "MERGED" if thing.row.get("merged_at") else str(thing.row["state"]).upper()


@field("PullRequest.merged")
def merged(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it was merged."""
    return thing.row.get("merged_at") is not None


@field("PullRequest.isDraft")
def is_draft(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it is not ready for review."""
    return bool(thing.row.get("draft"))


@field("PullRequest.mergeable")
def mergeable(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Whether it can be merged, where that is known."""
    known = {True: "MERGEABLE", False: "CONFLICTING"}
    return known.get(thing.row.get("mergeable"), "UNKNOWN")  # type: ignore[arg-type]


@field("PullRequest.canBeRebased")
def can_be_rebased(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it can be rebased, as far as that is known."""
    return bool(thing.row.get("rebaseable"))


@field("PullRequest.maintainerCanModify")
def maintainer_can_modify(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether the repository's maintainers may push to its branch."""
    return bool(thing.row.get("maintainer_can_modify"))


@field("PullRequest.mergeStateStatus")
def merge_state_status(thing: Thing, info: GraphQLResolveInfo) -> str:
    """Whether it could be merged now, where that is known."""
    return str(thing.row.get("mergeable_state") or "unknown").upper()


@field("PullRequest.mergedBy")
def merged_by(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """Who merged it: by its own row, or by the event."""
    if not merged(thing, info):
        return None
    if thing.row.get("merged_by"):
        return person(thing, thing.row["merged_by"])
    events = grouped(thing.home.issue_events, "merged", merged_number)
    found = events.get(thing.row["number"])
    return person(thing, msgspec.json.decode(found[-1][1]).get("actor")) if found else None


def merged_number(links: Any) -> int | None:
    """The number of the pull request that an event says was merged."""
    return getattr(links.issue, "number", None) if links.event == "merged" else None


@field("PullRequest.mergeCommit")
def merge_commit(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The commit it became; before, REST names one that was only tried."""
    sha = thing.row.get("merge_commit_sha") if merged(thing, info) else None
    return commit_thing(thing.home, sha)


@field("PullRequest.headRefName", "PullRequest.baseRefName")
def ref_name(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The name of a branch it is between."""
    return str(thing.row[info.field_name[:4]]["ref"])


@field("PullRequest.headRefOid", "PullRequest.baseRefOid")
def ref_oid(thing: Thing, info: GraphQLResolveInfo) -> str:
    """The SHA of a branch it is between."""
    return str(thing.row[info.field_name[:4]]["sha"])


@field("PullRequest.baseRepository", "PullRequest.headRepository")
def side_repository(thing: Thing, info: GraphQLResolveInfo) -> Thing | None:
    """The repository of a side; none if a fork is gone."""
    row = thing.row[info.field_name[:4]].get("repo")
    if row is None:
        return None
    return Thing("Repository", thing.home.repository if is_own(thing, row) else row, thing.home)


@field("PullRequest.isCrossRepository")
def is_cross_repository(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether it comes from another repository."""
    row = thing.row["head"].get("repo")
    return row is None or not is_own(thing, row)


def is_own(thing: Thing, row: Json) -> bool:
    """Whether a side's repository is the pull request's own."""
    return bool(row.get("full_name", thing.home.name).lower() == thing.home.name.lower())


@listed("PullRequest.reviews")
def reviews(
    thing: Thing,
    info: GraphQLResolveInfo,
    states: Sequence[str] | None = None,
    author: str | None = None,
    **page: Any,
) -> Items:
    """Reviews, oldest first; of some states or of one author."""
    rows: Sequence[Row] = by_pull_number(thing.home.reviews).get(thing.row["number"], [])
    if states:
        rows = [row for row in rows if (row[0].state or "").upper() in states]
    if author:
        rows = [row for row in rows if login_of(msgspec.json.decode(row[1])) == author]
    return oldest_first(thing, rows, "PullRequestReview")


def login_of(row: Json) -> str | None:
    """The name of a row's author."""
    user = row.get("user")
    return user["login"] if user else None


@listed("PullRequest.reviewThreads")
def review_threads(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Threads of comments on the code, the first begun first."""
    return sorted_items(
        threads_of(thing.home, thing.row["number"]),
        lambda row: (row["rows"][0][0].made, row["rows"][0][0].id),
        lambda row: thing.of("PullRequestReviewThread", row),
    )


@listed("PullRequest.reviewRequests")
def review_requests(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Who and which teams were asked to review and have not yet."""
    return ordered(requests_of(thing), lambda row: thing.of("ReviewRequest", row))


def requests_of(thing: Thing) -> list[Json]:
    """The requests for a review; REST names whom they are to."""
    pull = thing.row
    asked = [(account_kind(row), row) for row in pull.get("requested_reviewers") or []]
    asked += [("Team", row) for row in pull.get("requested_teams") or []]
    return [
        {"id": f"RR_{pull['id']}_{row['id']}", "kind": kind, "asked": row, "pull": pull}
        for kind, row in asked
    ]


def account_kind(row: Json) -> str:
    """The type of an account that was asked."""
    return str(row.get("type") or "User")


@field("ReviewRequest.asCodeOwner")
def as_code_owner(thing: Thing, info: GraphQLResolveInfo) -> bool:
    """Whether the file of owners asked for it; a workspace has none."""
    return False


@field("ReviewRequest.requestedReviewer")
def requested_reviewer(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """Who was asked."""
    row = thing.row["asked"]
    organization = info.context.nodes.workspace.organizations.get(thing.home.name.split("/")[0])
    return Thing(thing.row["kind"], row, thing.repository, organization)


@field("ReviewRequest.pullRequest", "PullRequestCommit.pullRequest")
def pull_of_part(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The pull request it is part of."""
    return thing.of("PullRequest", thing.row["pull"])


@field("PullRequest.reviewDecision")
def review_decision(thing: Thing, info: GraphQLResolveInfo) -> str | None:
    """What the newest opinions come to."""
    newest: dict[str | None, str] = {}
    for _, raw in by_pull_number(thing.home.reviews).get(thing.row["number"], []):
        row = msgspec.json.decode(raw)
        opinion = str(row["state"]).upper()
        if opinion in OPINIONS:
            newest[login_of(row)] = opinion
    for opinion in ("CHANGES_REQUESTED", "APPROVED"):
        if opinion in newest.values():
            return opinion
    return "REVIEW_REQUIRED" if requests_of(thing) else None


@field("PullRequest.totalCommentsCount")
def total_comments_count(thing: Thing, info: GraphQLResolveInfo) -> int:
    """Comments on the conversation and on the code."""
    number = thing.row["number"]
    return len(by_issue_number(thing.home.issue_comments).get(number, [])) + len(
        by_pull_number(thing.home.review_comments).get(number, [])
    )


@listed("PullRequest.closingIssuesReferences")
def closing_issues(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The issues that it closes once merged, by number."""
    rows = by_plain_number(thing.home.closing_issues).get(thing.row["number"], [])
    numbers = [links.issue for links, _ in rows if isinstance(links.issue, int)]
    found = (issue_by_number(thing.home, number) for number in numbers)
    issues = [one for one in found if one is not None]
    return sorted_items(issues, lambda one: (one.row["number"],), lambda one: one)


@listed("PullRequest.files")
def files(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """The files it changes: as recorded, or by git where both sides are known."""
    return ordered(files_of(thing), lambda row: thing.of("PullRequestChangedFile", row))


def files_of(thing: Thing) -> list[Json]:
    """The changed files of a pull request."""
    rows = by_plain_number(thing.home.pull_request_files).get(thing.row["number"])
    if rows is not None:
        return [msgspec.json.decode(raw) for _, raw in rows]
    git, sides = thing.home.git, merge_sides(thing)
    return [to_file(change) for change in git.diff(*sides)] if git and sides else []


def to_file(change: Change) -> Json:
    """A changed file by git."""
    return {
        "path": change.path,
        "changeType": CHANGE_TYPES[change.status],
        "additions": change.additions,
        "deletions": change.deletions,
    }


def merge_sides(thing: Thing) -> tuple[str, str] | None:
    """The commit a pull request branched off at, and its newest; None if git lacks either."""
    git = thing.home.git
    base, head = (str(thing.row[side]["sha"]) for side in ("base", "head"))
    if git is None or not (git.resolve(base) and git.resolve(head)):
        return None
    common = git.merge_base(base, head)
    return (common, head) if common else None


@field("PullRequest.changedFiles")
def changed_files(thing: Thing, info: GraphQLResolveInfo) -> int:
    """How many files it changes."""
    return len(files_of(thing)) or int(thing.row.get("changed_files") or 0)


@field("PullRequest.additions", "PullRequest.deletions")
def line_count(thing: Thing, info: GraphQLResolveInfo) -> int:
    """How many lines it adds or removes."""
    name = info.field_name
    return sum(row[name] for row in files_of(thing)) or int(thing.row.get(name) or 0)


@listed("PullRequest.commits")
def commits(thing: Thing, info: GraphQLResolveInfo, **page: Any) -> Items:
    """Its commits, oldest first: as recorded, or by git where both sides are known."""
    return ordered(commits_of(thing), lambda row: thing.of("PullRequestCommit", row))


def commits_of(thing: Thing) -> list[Json]:
    """The commits of a pull request: an id and a REST commit each."""
    home, pull = thing.home, thing.row
    rows = by_plain_number(home.pull_request_commits).get(pull["number"])
    if rows is not None:
        decoded = [msgspec.json.decode(raw) for _, raw in rows]
        return [
            {"id": str(row["id"]), "pull": pull, "commit": recorded_commit(home, row)}
            for row in decoded
        ]
    git, sides = home.git, merge_sides(thing)
    if git is None or sides is None:
        return []
    log = git.log(sides[1], f"^{sides[0]}")
    return [
        {"id": f"PURC_{pull['id']}_{one.sha}", "pull": pull, "commit": to_commit(home.name, one)}
        for one in reversed(log)
    ]


def recorded_commit(repository: GitHubRepository, row: Json) -> Json:
    """The commit of a pull request's recorded list, in full where it is recorded itself."""
    known = repository.commits.decoded().get(row["oid"])
    return known or {
        "sha": row["oid"],
        "commit": {
            "message": row["messageHeadline"],
            "author": None,
            "committer": {"date": row["committedDate"], "name": None, "email": None},
        },
        "parents": [],
    }


@field("PullRequestCommit.commit")
def commit_of_part(thing: Thing, info: GraphQLResolveInfo) -> Thing:
    """The commit itself."""
    return thing.of("Commit", thing.row["commit"])
