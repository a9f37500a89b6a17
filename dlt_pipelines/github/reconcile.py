"""What has been deleted at GitHub: found by comparing what is known with what is there.

A deleted comment changes nothing that a cursor sees. So a census lists every issue, pull request
and discussion by id with how many comments it has, a hundred in a request; where one is missing
it is looked up, where a count fell its comments are listed. Each tombstone says why and on what
evidence. Very many at once stop the reconciliation (`deletions.guard`).

The census sees the opposite, too: what was hidden with an account that GitHub flagged, and is there
again now that it is cleared, did not change meanwhile. It is read here, as of its return.

An issue that was deleted answers 410, one that was transferred redirects to its new address:
https://docs.github.com/rest/issues/issues#get-an-issue
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from dlt.extract import DltResource

from dlt_pipelines import deletions
from dlt_pipelines.deletions import Deleted, Gone, Reason, Reconciled
from dlt_pipelines.github import discussions
from dlt_pipelines.github.graphql import GraphQL, Json
from dlt_pipelines.github.rest import Repository
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import Known, SyncRequest
from dlt_pipelines.raw_event import ReadKeys

_COMMENTS: Final = {
    "issue_comments": "/issues/{}/comments",
    "review_comments": "/pulls/{}/comments",
    "reviews": "/pulls/{}/reviews",
}


def reconcile(
    client: Client, request: SyncRequest, sync: SyncRun, known: Known, read_keys: ReadKeys
) -> list[DltResource]:
    """One resource of tombstones, and of what is back, for each that can be reconciled."""
    census = _Census(client, request, sync, known)
    reconciled = {
        "issues": Reconciled(census.issues, census.issues_back, read_keys),
        "issue_comments": Reconciled(census.issue_comments, census.comments_back, read_keys),
        "review_comments": Reconciled(census.review_comments, census.comments_back, read_keys),
        "reviews": Reconciled(census.reviews, census.reviews_back, discussions.read_keys),
        "discussions": Reconciled(
            census.discussions, census.discussions_back, discussions.read_keys
        ),
        "discussion_comments": Reconciled(
            census.discussion_comments, census.discussion_comments_back, discussions.read_keys
        ),
    }
    return deletions.resources(reconciled, request, sync, known)


class _Census:
    """The census of one repository, taken once, and what it says of each resource."""

    def __init__(self, client: Client, request: SyncRequest, sync: SyncRun, known: Known) -> None:
        self._repository = Repository(client, request.container, f"/repos/{request.container}")
        self._graphql = GraphQL(client)
        self._known = known
        owner, name = request.container.split("/")
        self._place = {"owner": owner, "name": name}
        self._taken: dict[str, dict[str, Json]] = {}
        # What is listed again though it was deleted, by resource: what it hangs on, by its id.
        self._back: dict[str, dict[str, str]] = defaultdict(dict)

    def issues(self, run: ResourceRun) -> Gone:
        """Issues, and pull requests as issues, that are not listed any more."""
        known = self._known.objects("issues")
        listed = {**self._census(run, "issues"), **self._census(run, "pullRequests")}
        gone: Gone = {}
        for external_id, number in known.items():
            if external_id not in listed and (reason := self._look_up(run, external_id, number)):
                gone[external_id] = reason
        return gone

    def issues_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Issues, and pull requests as issues, that are listed again."""
        listed = {**self._census(run, "issues"), **self._census(run, "pullRequests")}
        for external_id in sorted(deleted.keys() & listed.keys()):
            path = f"{self._repository.root}/issues/{listed[external_id]['number']}"
            record, _ = self._repository.client.find(run.meter, path, msgspec.Raw)
            if record and msgspec.json.decode(record, type=_Node).node_id == external_id:
                yield bytes(record)

    def issue_comments(self, run: ResourceRun) -> Gone:
        """Comments of issues and pull requests that have fewer than are known."""
        listed = {**self._census(run, "issues"), **self._census(run, "pullRequests")}
        counts = {str(n["number"]): n["comments"]["totalCount"] for n in listed.values()}
        return self._fallen(run, counts)

    def review_comments(self, run: ResourceRun) -> Gone:
        """Comments on code of pull requests that have fewer than are known."""
        counts: dict[str, int] = {}
        for pull in self._census(run, "pullRequests").values():
            threads = pull["reviewThreads"]
            has_more = threads["pageInfo"]["hasNextPage"]
            total = sum(thread["comments"]["totalCount"] for thread in threads["nodes"])
            counts[str(pull["number"])] = -1 if has_more else total
        return self._fallen(run, counts)

    def comments_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Comments that were found listed again."""
        for number in sorted({*self._back[run.resource].values()}):
            yield from (r for i, r in self._listed(run, number).items() if i in deleted)

    def reviews(self, run: ResourceRun) -> Gone:
        """Reviews of pull requests that have fewer than are known."""
        listed = self._census(run, "pullRequests")
        counts = {str(n["number"]): n["reviews"]["totalCount"] for n in listed.values()}
        return self._fallen(run, counts)

    def reviews_back(self, run: ResourceRun, _deleted: Deleted) -> Iterator[bytes]:
        """Reviews that were found listed again, as GraphQL tells them."""
        ids = sorted(self._back["reviews"])
        for _, node in self._graphql.nodes(run, "pull_requests", "NamedReviews", ids, {}):
            if node is not None:
                del node["__typename"]
                yield msgspec.json.encode(node)

    def discussions(self, run: ResourceRun) -> Gone:
        """Discussions that are not listed any more."""
        listed = self._census(run, "discussions")
        missing = [i for i in self._known.objects("discussions") if i not in listed]
        found = self._graphql.nodes(run, "census", "Exists", missing, {})
        return {
            external_id: {"reason": "not_found", "evidence": {"node": external_id, "found": None}}
            for external_id, node in found
            if node is None
        }

    def discussions_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Discussions that are listed again."""
        ids = sorted(deleted.keys() & self._census(run, "discussions").keys())
        for _, node in self._graphql.nodes(run, "discussions", "NamedDiscussions", ids, {}):
            if node is not None:
                yield discussions.without_comments(self._graphql, run, node)

    def discussion_comments(self, run: ResourceRun) -> Gone:
        """Comments of discussions that have other comments than are known."""
        known = _by_place(self._known.objects("discussion_comments"))
        deleted = self._known.deleted("discussion_comments")
        listed = self._census(run, "discussions")
        if deleted:  # What is back may hang where nothing else is known.
            known |= {i: set() for i in listed.keys() - known.keys() if _has_comments(listed[i])}
        gone: Gone = {}
        for discussion_id, comment_ids in known.items():
            discussion = listed.get(discussion_id)
            there = (
                {comment["id"] for comment in self._all_comments(run, discussion)}
                if discussion
                else set()
            )
            self._back[run.resource] |= dict.fromkeys(there & deleted.keys(), discussion_id)
            for comment_id in comment_ids - there:
                evidence = {"discussion": discussion_id, "listed": len(there)}
                gone[comment_id] = {"reason": "absent_from_listing", "evidence": evidence}
        return gone

    def discussion_comments_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Comments of discussions that were found listed again."""
        ids = sorted({*self._back[run.resource].values()})
        for _, node in self._graphql.nodes(run, "discussions", "NamedDiscussions", ids, {}):
            for comment in discussions.read_comments(self._graphql, run, node) if node else ():
                if comment["id"] in deleted:
                    yield msgspec.json.encode(comment)

    def _all_comments(self, run: ResourceRun, discussion: Json) -> list[Json]:
        data = self._graphql.ask(run, "census", "DiscussionComments", {"id": discussion["id"]})
        return discussions.read_comments(self._graphql, run, data["node"]) if data["node"] else []

    def _census(self, run: ResourceRun, connection: str) -> dict[str, Json]:
        """Every object of a connection by id, as the census has it."""
        if connection not in self._taken:
            operation = f"Census{connection[0].upper()}{connection[1:]}"
            pages = self._graphql.walk(
                run,
                "census",
                operation,
                self._place,
                lambda data: data["repository"][connection],
            )
            self._taken[connection] = {node["id"]: node for page in pages for node in page}
        return self._taken[connection]

    def _fallen(self, run: ResourceRun, counts: Mapping[str, int]) -> Gone:
        """Known objects that are not listed below their issue where its count fell.

        A parent that is not there any more took what hung on it along.
        """
        known = _by_place(self._known.objects(run.resource))
        deleted = self._known.deleted(run.resource)
        if deleted:  # What is back may hang where nothing else is known.
            known |= {n: set() for n, count in counts.items() if count and n not in known}
        gone: Gone = {}
        for number, ids in known.items():
            if number not in counts:
                evidence: Json = {"parent": number, "listed": False}
                gone |= {i: {"reason": "parent_deleted", "evidence": evidence} for i in ids}
                continue
            if 0 <= counts[number] == len(ids):
                continue
            there = self._listed(run, number).keys()
            evidence = {"parent": number, "known": len(ids), "listed": len(there)}
            reason = {"reason": "comment_count_fell", "evidence": evidence}
            gone |= dict.fromkeys(ids - there, reason)
            self._back[run.resource] |= dict.fromkeys(there & deleted.keys(), number)
        return gone

    def _listed(self, run: ResourceRun, number: str) -> dict[str, bytes]:
        """What is listed below an issue or a pull request, by id."""
        path = _COMMENTS[run.resource].format(number)
        records = map(bytes, self._repository.fetch_all(run, path))
        return {msgspec.json.decode(record, type=_Node).node_id: record for record in records}

    def _look_up(self, run: ResourceRun, external_id: str, number: str) -> Reason | None:
        """Why an issue is not listed; None if it is there after all."""
        path = f"{self._repository.root}/issues/{number}"
        found, status = self._repository.client.find(run.meter, path, _Moved)
        evidence = {"url": path, "status": status}
        if found is None:
            return {"reason": "gone" if status == 410 else "not_found", "evidence": evidence}
        if found.node_id == external_id:
            return None
        return {
            "reason": "transferred",
            "evidence": evidence,
            "transferred_to": found.html_url,
        }


class _Node(msgspec.Struct):
    node_id: str


class _Moved(msgspec.Struct):
    node_id: str
    html_url: str


def _by_place(objects: Mapping[str, str]) -> dict[str, set[str]]:
    """External ids by the issue, pull request or discussion that they hang on."""
    places: dict[str, set[str]] = defaultdict(set)
    for external_id, locator in objects.items():
        places[str(locator).rsplit("/", 1)[-1]].add(external_id)
    return places


def _has_comments(discussion: Json) -> bool:
    return bool(discussion["comments"]["totalCount"])
