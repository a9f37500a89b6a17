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
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from dlt.extract import DltResource

from dlt_pipelines import deletions
from dlt_pipelines.deletions import Deleted, Gone, Reason, Reconciled
from dlt_pipelines.github.discussions import read_comments, read_keys, without_comments
from dlt_pipelines.github.graphql import GraphQL, Json
from dlt_pipelines.github.rest import Repository
from dlt_pipelines.http import Client
from dlt_pipelines.ledger import ResourceRun, SyncRun
from dlt_pipelines.pipeline import Known, SyncRequest


def reconcile(
    client: Client, request: SyncRequest, sync: SyncRun, known: Known
) -> list[DltResource]:
    """One resource of tombstones, and of what is back, for each that can be reconciled."""
    census = _Census(client, request, sync, known)
    reconciled = {
        "issues": Reconciled(census.issues, census.issues_back, _rest_keys),
        "issue_comments": Reconciled(census.issue_comments, census.listed_back, _rest_keys),
        "review_comments": Reconciled(census.review_comments, census.listed_back, _rest_keys),
        "reviews": Reconciled(census.reviews, census.reviews_back, read_keys),
        "discussions": Reconciled(census.discussions, census.discussions_back, read_keys),
        "discussion_comments": Reconciled(
            census.discussion_comments, census.discussion_comments_back, read_keys
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
        # What is listed again though it was deleted: records by resource and id, and discussions.
        self._listed_back: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._discussions_of_back: set[str] = set()

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
            if record and _decode(bytes(record)).node_id == external_id:
                yield bytes(record)

    def issue_comments(self, run: ResourceRun) -> Gone:
        """Comments of issues and pull requests that have fewer than are known."""
        listed = {**self._census(run, "issues"), **self._census(run, "pullRequests")}
        counts = {str(n["number"]): n["comments"]["totalCount"] for n in listed.values()}
        return self._fallen(run, "issue_comments", counts, "/issues/{}/comments")

    def review_comments(self, run: ResourceRun) -> Gone:
        """Comments on code of pull requests that have fewer than are known."""
        counts: dict[str, int] = {}
        for pull in self._census(run, "pullRequests").values():
            threads = pull["reviewThreads"]
            has_more = threads["pageInfo"]["hasNextPage"]
            total = sum(thread["comments"]["totalCount"] for thread in threads["nodes"])
            counts[str(pull["number"])] = -1 if has_more else total
        return self._fallen(run, "review_comments", counts, "/pulls/{}/comments")

    def listed_back(self, run: ResourceRun, deleted: Deleted) -> Iterable[bytes]:
        """Comments that were found listed again, as they are listed."""
        listed = self._listed_back[run.resource]
        return (listed[i] for i in sorted(deleted.keys() & listed.keys()))

    def reviews(self, run: ResourceRun) -> Gone:
        """Reviews of pull requests that have fewer than are known."""
        listed = self._census(run, "pullRequests")
        counts = {str(n["number"]): n["reviews"]["totalCount"] for n in listed.values()}
        return self._fallen(run, "reviews", counts, "/pulls/{}/reviews")

    def reviews_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Reviews that were found listed again, as GraphQL tells them."""
        ids = sorted(deleted.keys() & self._listed_back["reviews"].keys())
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
                yield without_comments(self._graphql, run, node)

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
            if there & deleted.keys():
                self._discussions_of_back.add(discussion_id)
            for comment_id in comment_ids - there:
                evidence = {"discussion": discussion_id, "listed": len(there)}
                gone[comment_id] = {"reason": "absent_from_listing", "evidence": evidence}
        return gone

    def discussion_comments_back(self, run: ResourceRun, deleted: Deleted) -> Iterator[bytes]:
        """Comments of discussions that were found listed again."""
        ids = sorted(self._discussions_of_back)
        for _, node in self._graphql.nodes(run, "discussions", "NamedDiscussions", ids, {}):
            for comment in read_comments(self._graphql, run, node) if node else ():
                if comment["id"] in deleted:
                    yield msgspec.json.encode(comment)

    def _all_comments(self, run: ResourceRun, discussion: Json) -> list[Json]:
        data = self._graphql.ask(run, "census", "DiscussionComments", {"id": discussion["id"]})
        return read_comments(self._graphql, run, data["node"]) if data["node"] else []

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

    def _fallen(
        self, run: ResourceRun, resource: str, counts: Mapping[str, int], path: str
    ) -> Gone:
        """Known objects that are not listed below their issue where its count fell.

        A parent that is not there any more took what hung on it along.
        """
        known, deleted = _by_place(self._known.objects(resource)), self._known.deleted(resource)
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
            records = map(bytes, self._repository.fetch_all(run, path.format(number)))
            there = {_decode(record).node_id: record for record in records}
            evidence = {"parent": number, "known": len(ids), "listed": len(there)}
            reason = {"reason": "comment_count_fell", "evidence": evidence}
            gone |= dict.fromkeys(ids - there.keys(), reason)
            self._listed_back[resource] |= {i: there[i] for i in there.keys() & deleted.keys()}
        return gone

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
    updated_at: datetime | None = None


class _Moved(msgspec.Struct):
    node_id: str
    html_url: str


_decode = msgspec.json.Decoder(_Node).decode


def _rest_keys(record: bytes) -> tuple[str, datetime | None]:
    node = _decode(record)
    return node.node_id, node.updated_at


def _by_place(objects: Mapping[str, str]) -> dict[str, set[str]]:
    """External ids by the issue, pull request or discussion that they hang on."""
    places: dict[str, set[str]] = defaultdict(set)
    for external_id, locator in objects.items():
        places[str(locator).rsplit("/", 1)[-1]].add(external_id)
    return places


def _has_comments(discussion: Json) -> bool:
    return bool(discussion["comments"]["totalCount"])
