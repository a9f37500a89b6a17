"""Reads repositories with PyGithub, once: `python pygithub_reader.py job.json`.

Runs in an environment of its own, where there is nothing but PyGithub. It does what a careful
script would: `since` where PyGithub offers it; listings that are newest first are left at the last
known object; what hangs on an object is read if the object has changed; code if the head has moved.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from github import Auth, Github
from github.GithubObject import NotSet
from github.Requester import Requester

GITHUB = "https://api.github.com"
# Where PyGithub takes an address apart: on the way to a connection, and to a path.
ADDRESSED = ("_Requester__customConnection", "_Requester__makeAbsoluteUrl")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

State = dict[str, Any]


def main(job_file: str) -> None:
    """Sync once; the state file says up to where the last time came."""
    job = json.loads(Path(job_file).read_text())
    stay_at_base_url()
    github = Github(
        auth=Auth.Token(job["token"]),
        base_url=job["base_url"],
        per_page=100,
        seconds_between_requests=None,
        retry=None,
    )
    file = Path(job["state"])
    state: State = json.loads(file.read_text()) if file.exists() else {}
    for login in job["organizations"]:
        drain(github.get_organization(login).get_teams())
    for name in job["repositories"]:
        read_repository(github.get_repo(name), state.setdefault(name, {}))
    file.write_text(json.dumps(state))


def stay_at_base_url() -> None:
    """Objects name their addresses at api.github.com: ask the configured server instead."""
    for name in ADDRESSED:
        setattr(Requester, name, relative(getattr(Requester, name)))


def relative(method: Callable[[Requester, str], Any]) -> Callable[[Requester, str], Any]:
    """The same method, given an address of GitHub as a path."""
    return lambda requester, url: method(requester, url.removeprefix(GITHUB))


def read_repository(repository: Any, state: State) -> None:
    """Everything of one repository that is new since the state."""
    listings = (
        repository.get_tags(),
        repository.get_releases(),
        repository.get_labels(),
        repository.get_milestones(state="all"),
        repository.get_collaborators(),
    )
    for listing in listings:
        drain(listing)
    read_talk(repository, state)
    read_pull_requests(repository, state)
    for run in newer(repository.get_workflow_runs(), state, "run", "updated_at"):
        drain(run.jobs())
    for deployment in newer(repository.get_deployments(), state, "deployment", "updated_at"):
        drain(deployment.get_statuses())
    read_code(repository, state)


def read_talk(repository: Any, state: State) -> None:
    """Issues, comments and events."""
    listings = {
        "issue": lambda since: repository.get_issues(state="all", since=since),
        "comment": lambda since: repository.get_issues_comments(since=since),
        "review_comment": lambda since: repository.get_pulls_review_comments(since=since),
    }
    for name, listing in listings.items():
        since = datetime.fromisoformat(state[name]) if name in state else NotSet
        remember(state, name, [item.updated_at for item in listing(since)])
    drain(newer(repository.get_issues_events(), state, "event", "created_at"))


def read_pull_requests(repository: Any, state: State) -> None:
    """Pull requests; their size, reviews, commits and files if they have changed."""
    listing = repository.get_pulls(state="all", sort="updated", direction="desc")
    for pull in newer(listing, state, "pull", "updated_at"):
        _ = pull.additions  # PyGithub asks for the whole pull request.
        for part in (pull.get_reviews(), pull.get_commits(), pull.get_files()):
            drain(part)


def read_code(repository: Any, state: State) -> None:
    """Branches; commits and files of the default branch if its head has moved."""
    heads = {branch.name: branch.commit.sha for branch in repository.get_branches()}
    head = heads.get(repository.default_branch)
    if head is None or head == state.get("head"):
        return
    since = datetime.fromisoformat(state["commit"]) if "commit" in state else NotSet
    commits = repository.get_commits(sha=head, since=since)
    remember(state, "commit", [commit.commit.committer.date for commit in commits])
    known = set(state.get("blobs", ()))
    for entry in repository.get_git_tree(head, recursive=True).tree:
        if entry.type == "blob" and entry.sha not in known:
            drain([repository.get_git_blob(entry.sha).content])
            known.add(entry.sha)
    state["blobs"], state["head"] = sorted(known), head


def newer(listing: Iterable[Any], state: State, name: str, time: str) -> Iterator[Any]:
    """The objects of a listing, newest first, up to the newest that was known."""
    known = datetime.fromisoformat(state[name]) if name in state else LONG_AGO
    times = []
    for item in listing:
        moment = getattr(item, time)
        if moment <= known:
            break
        times.append(moment)
        yield item
    remember(state, name, times)


def remember(state: State, name: str, times: list[datetime]) -> None:
    """Note the newest time."""
    if times:
        state[name] = max(times).isoformat()


def drain(items: Iterable[Any]) -> None:
    """Read to the last page."""
    for _ in items:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
